"""Stores of the gateway: keys with what they may spend, and the log of what was served."""
