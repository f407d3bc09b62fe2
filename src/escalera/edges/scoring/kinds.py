"""Every kind of scorer that works outside of the core, by its name in the project file."""

from __future__ import annotations

from collections.abc import Mapping

from escalera.edges.scoring import (
    command,
    function,
    overlap,
    pattern,
    python_tests,
    semantic,
    sql,
)
from escalera.edges.scoring.binding import Kind

KINDS: Mapping[str, Kind] = {
    "regex": pattern.KIND,
    "bleu": overlap.BLEU,
    "chrf": overlap.CHRF,
    "semantic": semantic.KIND,
    "python": python_tests.KIND,
    "sql": sql.KIND,
    "function": function.KIND,
    "command": command.KIND,
}
"""One file per family, and this one line per kind."""
