"""What a route takes to run and to keep, from the evidence, and how systems are weighed by it."""

from __future__ import annotations

from collections.abc import Iterable

from escalera.core.economics.keeping import Running
from escalera.core.ladder.case import Case
from escalera.core.ladder.confirm import Standing
from escalera.domain.system import Route
from escalera.domain.training import Trained

POINT = 0.01
"""Of score."""


def running(
    case: Case, route: Route, standings: Iterable[Standing], *, money: float | None, kept: int
) -> Running:
    """What *route* takes in a month, but for the terms: measured on `confirm` items, and counted.

    A model that was finetuned as a whole is held ready beside its base; adapters are not. What a
    provider trained takes none of our hours, and money where its price is known.
    """
    by_adapter = {adapter: _trainings(case, adapter) for adapter in route.adapters()}
    behind = [parts for found in by_adapter.values() for parts in found]
    whole = {
        adapter
        for adapter, found in by_adapter.items()
        if any(not parts[-1].recipe.trainable.factors for parts in found)
    }
    once = {parts[-1].recipe.digest: parts for parts in behind}
    here = [part for parts in once.values() for part in parts if not part.job]
    jobs = [part for parts in once.values() for part in parts if part.job]
    return Running(
        value=sum(s.task.value_per_point * s.adequacy.figure.value / POINT for s in standings),
        micro_dollars_per_call=money,
        models=len({one.system.model for one in (*route.branches, *route.unsure)} | whole),
        artefacts=kept,
        training_hours=sum(part.seconds for part in here) / 3600,
        training_dollars=sum(part.micro_dollars or 0 for part in jobs) / 1_000_000,
    )


def seconds_per_call(case: Case, route: Route) -> float | None:
    """The mean time of a `confirm` call, weighted by traffic; None where a task has no call."""
    total = 0.0
    for task in case.project.tasks:
        seen = [case.evidence.answer(route, item) for item in task.items("confirm")]
        asked = [entry.seconds for entry in seen if entry is not None]
        if not asked:
            return None
        total += task.share * sum(asked) / len(asked)
    return total


def too_slow(case: Case, route: Route) -> bool:
    """Whether calls take longer on the mean than the service allows."""
    service = case.project.service
    if service is None or service.seconds is None:
        return False
    found = seconds_per_call(case, route)
    return found is not None and found > service.seconds


# Below: private.


def _trainings(case: Case, adapter: str) -> list[list[Trained]]:
    """The trainings that an adapter was made by: its own, or those of what was merged."""
    merged = next((m for m in case.evidence.merged.values() if m.adapter == adapter), None)
    if merged is not None:
        parts = [entry.adapter for entry in merged.plan.adapters]
        return [found for part in parts for found in _trainings(case, part)]
    return [
        parts
        for parts in case.evidence.trained.values()
        if any(part.adapter == adapter for part in parts)
    ]
