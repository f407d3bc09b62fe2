"""Which release of Escalera this is."""

from __future__ import annotations

import importlib


def version() -> str:
    """The version of Escalera that is installed."""
    found: str = importlib.import_module("importlib.metadata").version("escalera")
    return found
