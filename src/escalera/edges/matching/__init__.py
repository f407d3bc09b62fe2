"""Engines of regular expressions, for guards."""
