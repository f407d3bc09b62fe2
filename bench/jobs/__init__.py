"""Finetuning jobs of a gateway under faults."""
