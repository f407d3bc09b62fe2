"""Putting a system into service by hand, behind its gate or past it."""

from __future__ import annotations

from dataclasses import dataclass, field

from escalera.domain.identity import LATER
from escalera.domain.system import Route
from escalera.domain.verdict import Figure, Gate, GateWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate said of one query type: the word, the difference, and the share that was lost
    (right before, wrong now), each with an interval that holds for all types together."""

    task: str
    word: GateWord
    margin: float
    difference: Figure
    lost: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A system was put into service: `route` is served from now on, until something else is.

    `name` is what it was called, `incumbent` the digest of what it was held against. `override` is
    the reason for which a gate that was not passed was ignored, None where it was passed. `at` is
    when, in seconds since the epoch, None where that was not kept.
    """

    name: str
    route: Route
    incumbent: str
    gate: Gate
    tasks: tuple[Gated, ...]
    override: str | None
    at: float | None = field(default=None, metadata=LATER)
