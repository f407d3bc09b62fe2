"""Escalera decides, by evidence, how a foundation model should be adapted to a task."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from escalera.apps.compared import Comparison
    from escalera.apps.decision import Decision
    from escalera.apps.measured import Evaluation
    from escalera.apps.score_files import compare_files
    from escalera.apps.workspace import Workspace, load

__all__ = ["Comparison", "Decision", "Evaluation", "Workspace", "compare_files", "load"]

_ROOMS = {
    "Comparison": "compared",
    "Decision": "decision",
    "Evaluation": "measured",
    "compare_files": "score_files",
}


def __getattr__(name: str) -> object:
    """Load the library when one of its names is asked for: `--help` needs none of it."""
    if name in __all__:
        room = _ROOMS.get(name, "workspace")
        return getattr(importlib.import_module(f"escalera.apps.{room}"), name)
    raise AttributeError(f"module 'escalera' has no attribute {name!r}")
