"""Other tools that search for prompts: one module for each, which needs its package."""
