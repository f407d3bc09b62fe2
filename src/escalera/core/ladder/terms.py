"""Sentences about systems that are weighed by the terms of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from escalera.core.economics import keeping
from escalera.core.economics.keeping import Running
from escalera.domain.service import Service


class Weighed(Protocol):
    """A candidate, as far as terms go."""

    @property
    def running(self) -> Running | None: ...
    @property
    def seconds(self) -> float | None: ...


TERMS: Mapping[str, str] = {
    "calls": "calls a month",
    "model_month": "a month for a model that is held ready",
    "artefact_month": "a month for an artefact that is kept alive",
    "training_hour": "for an hour of training",
    "base_changes": "changes of the base model a year",
}
"""What a term of a service is called behind its number."""

_COUNTED = ("calls", "base_changes")


def lesser(other: Weighed, chosen: Weighed, service: Service | None) -> str:
    """Why *other* was not chosen though it would do; empty where no terms are given."""
    if service is None or other.running is None or chosen.running is None:
        return ""
    if service.seconds is not None and (other.seconds or 0.0) > service.seconds:
        return late(other, service)
    mine, best = (keeping.month(one, service) for one in (other.running, chosen.running))
    return f"it is worth {_money(mine.net)} a month instead of {_money(best.net)}: {_parts(mine)}"


def late(one: Weighed, service: Service | None) -> str:
    """That calls take too long."""
    limit = 0.0 if service is None else service.seconds or 0.0
    return f"a call takes {one.seconds or 0.0:.3g} s on the mean, and {limit:g} are allowed"


def turns(other: Weighed, chosen: Weighed, service: Service | None) -> list[str]:
    """The terms from which *other* would be chosen, one at a time."""
    if service is None or other.running is None or chosen.running is None:
        return []
    found = keeping.reversals(chosen.running, other.running, service)
    said = []
    for term, turning in found.items():
        now = float(getattr(service, term))
        side = "above" if turning > now else "below"
        said.append(
            f"would be chosen {side} {_amount(term, turning)} {TERMS[term]} "
            f"(now {_amount(term, now)})"
        )
    return said


# Below: private.


def _parts(found: keeping.Month) -> str:
    parts = {
        "quality": found.value,
        "calls": -found.calls,
        "hosting": -found.hosting,
        "upkeep": -found.upkeep,
        "retraining": -found.retraining,
    }
    return ", ".join(f"{name} {_money(value)}" for name, value in parts.items() if value)


def _amount(term: str, value: float) -> str:
    return f"{value:,.3g}" if term in _COUNTED and value < 1000 else (
        f"{value:,.0f}" if term in _COUNTED else _money(value)
    )  # fmt: skip


def _money(value: float) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.2f}"
