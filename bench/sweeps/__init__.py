"""Sweeps over levers: stopping by learning curves, beside the full trainings of every trial."""
