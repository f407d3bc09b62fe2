"""Where a prompt of the report comes from: its parent, and the lines that changed."""

from __future__ import annotations

import dataclasses
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.prompts import versions
from escalera.domain.event import Proposed
from escalera.domain.identity import short
from escalera.domain.system import System


def of(evidence: Evidence, system: System) -> dict[str, Any]:
    """The version of the system's prompt, and what changed since the one it was made from.

    `parent` is None and `changes` empty for a prompt without a parent.
    """
    found = _proposed(evidence, system)
    parent = None if found is None or found.parent is None else _named(evidence, found.parent)
    same = parent is None or parent.prompt == system.prompt
    return {
        "version": short(system.prompt.digest),
        "parent": None if parent is None or same else short(parent.prompt.digest),
        "changes": [] if parent is None else list(versions.changes(parent.prompt, system.prompt)),
    }


# Below: private.


def _proposed(evidence: Evidence, system: System) -> Proposed | None:
    """The first proposal of the system's prompt without adapter or contract that has a parent."""
    bare = dataclasses.replace(system, adapter=None, output=None)
    entries = [entry for entry in evidence.proposed if entry.system == bare]
    return next((entry for entry in entries if entry.parent is not None), None)


def _named(evidence: Evidence, digest: str) -> System | None:
    return next((e.system for e in evidence.proposed if e.system.digest == digest), None)
