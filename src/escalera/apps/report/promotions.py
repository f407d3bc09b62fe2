"""What was put into service by hand, for the report: behind its gate, or past it and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from escalera.core.evidence import Evidence
from escalera.domain.identity import short


def build(evidence: Evidence) -> list[dict[str, Any]]:
    """Every promotion in its order; the last may be what is in service."""
    return [
        {
            "name": one.name,
            "route": one.route.digest,
            "incumbent": short(one.incumbent),
            "gate": one.gate,
            "override": one.override,
            "in_service": one.route.digest == evidence.serving,
            "tasks": [asdict(row) for row in one.tasks],
        }
        for one in evidence.promoted
    ]
