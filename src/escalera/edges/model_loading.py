"""What all who load a model of Transformers share: one after another, and what may go wrong."""

from __future__ import annotations

import threading

from safetensors import SafetensorError

LOADING = threading.Lock()
"""Transformers replaces functions of torch while it loads: one load at a time in a process."""
UNLOADABLE = (OSError, ValueError, KeyError, ImportError, SafetensorError)
"""What it raises for a folder that holds no model, another kind of one, or half a file."""
