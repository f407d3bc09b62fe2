"""Merging: adapters as factors, models as streams over mapped files. NumPy only."""
