"""Merging beside mergekit and PEFT: `python -m bench.merge`."""
