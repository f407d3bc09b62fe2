"""vLLM as a child process: its command line, its keeper, and what of ours it cannot serve."""
