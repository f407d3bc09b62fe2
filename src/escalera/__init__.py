"""Escalera decides, by evidence, how a foundation model should be adapted to a task."""
