"""Curves of trainings, for the tools that people look at curves with."""
