"""What all who load a model of Transformers share: that they do it one after another."""

from __future__ import annotations

import threading

LOADING = threading.Lock()
"""Transformers replaces functions of torch while it loads: one load at a time in a process."""
