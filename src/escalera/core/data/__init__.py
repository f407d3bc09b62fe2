"""Data sets: what a row says, what rows have in common, and what is to be left out.

Pure. Files are read, sketches made and languages told by the edges.
"""
