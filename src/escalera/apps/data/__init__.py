"""The data tools: check, count, clean and convert files of items."""
