"""Escalera decides, by evidence, how a foundation model should be adapted to a task."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from escalera.apps.workspace import Comparison, Decision, Workspace, load

__all__ = ["Comparison", "Decision", "Workspace", "load"]


def __getattr__(name: str) -> object:
    """Load the library when one of its names is asked for: `--help` needs none of it."""
    if name in __all__:
        return getattr(importlib.import_module("escalera.apps.workspace"), name)
    raise AttributeError(f"module 'escalera' has no attribute {name!r}")
