"""What it costs to hold a model's answers to a schema: `python -m bench.structured`."""
