"""Statistics that stand alone: standard library and NumPy only, no clock, no I/O.

Every function is pure: the same input gives the same bits, so a journal that is replayed gives
the same verdicts. Nothing here may know the rest of Escalera.
"""
