"""Forecasts of data need, held against what all the data gave."""
