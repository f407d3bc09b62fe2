"""Scores measured elsewhere, and scores handed on: one module per format.

Readers turn a file into a `ScoreTable`; they know nothing of each other, and `reading` picks one.
What a file does not say is never made up: an outage stays without a score, an unknown scale is
refused, and what is left out stands in the table's notes.
"""
