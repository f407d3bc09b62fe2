"""What two systems cost and how long they take, on common items: rows that decide nothing.

Money and seconds have no bounds, so the difference has an asymptotic confidence sequence
(`stats.asymptotic`), a cluster to a step: it may be read at any time, and claims nothing before its
warm-up is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from escalera.core.answers import Answer
from escalera.core.evidence import Evidence
from escalera.core.stats import asymptotic, bounded
from escalera.domain.dataset import Example
from escalera.domain.system import Route

Measure = Literal["cost", "latency"]
MEASURES: tuple[Measure, ...] = ("cost", "latency")

WARM_UP = 100
"""Steps before which nothing is claimed: enough for costs with a long tail."""

_PER_CALL: dict[Measure, float] = {"cost": 1e-3, "latency": 1.0}
"""Micro-dollars of a call are so many dollars per 1,000 calls; seconds are seconds."""

_FLOORS: dict[Measure, float] = {"cost": 1.0, "latency": 1e-3}
"""The least deviation that is believed: a micro-dollar, a millisecond."""

_SHARP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an item took with the candidate and the incumbent: micro-dollars or seconds per call."""

    candidate: float
    incumbent: float
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlay:
    """The means of both systems and their difference, on common items of a task.

    `cost` is in dollars per 1,000 calls, `latency` in seconds per call. `lower` and `upper` are
    None before the warm-up; the interval holds at all times together, by itself.
    """

    task: str
    measure: Measure
    candidate: float
    incumbent: float
    difference: float
    lower: float | None
    upper: float | None
    n: int
    clusters: int


def row(
    task: str, measure: Measure, taken: Sequence[Taken], *, alpha: float, planned: int
) -> Outlay | None:
    """The row of one measure; None where no item was measured with both.

    *planned* is the number of clusters of the task, known beforehand.
    """
    if not taken:
        return None
    differences = [entry.candidate - entry.incumbent for entry in taken]
    sums, sizes = bounded.per_cluster(differences, [entry.cluster for entry in taken])
    plan = asymptotic.Plan(
        planned=max(WARM_UP, planned // _SHARP),
        floor=_FLOORS[measure],
        alpha=alpha,
        warm_up=WARM_UP,
    )
    found = asymptotic.read(asymptotic.update(asymptotic.init(plan), sums, sizes=sizes))
    unit = _PER_CALL[measure]
    return Outlay(
        task=task,
        measure=measure,
        candidate=unit * math.fsum(entry.candidate for entry in taken) / len(taken),
        incumbent=unit * math.fsum(entry.incumbent for entry in taken) / len(taken),
        difference=unit * found.interval.estimate,
        lower=unit * found.interval.lower if found.warm else None,
        upper=unit * found.interval.upper if found.warm else None,
        n=len(taken),
        clusters=len(sums),
    )


def of_routes(
    evidence: Evidence,
    items: Sequence[Example],
    candidate: Route,
    incumbent: Route,
    *,
    alpha: float,
    planned: int,
) -> tuple[Outlay, ...]:
    """The rows of a task's *items*, as far as both routes were asked them.

    *planned* as in `row`: what was seen so far must not change it.
    """
    taken: dict[Measure, list[Taken]] = {measure: [] for measure in MEASURES}
    for item in items:
        left, right = evidence.answer(candidate, item), evidence.answer(incumbent, item)
        if left is None or right is None:
            continue
        for measure in MEASURES:
            new, old = _took(left, measure), _took(right, measure)
            if new is not None and old is not None:
                taken[measure].append(Taken(candidate=new, incumbent=old, cluster=item.cluster))
    return shown(
        row(items[0].task, measure, taken[measure], alpha=alpha, planned=planned)
        for measure in MEASURES
        if items
    )


def shown(rows: Iterable[Outlay | None]) -> tuple[Outlay, ...]:
    """The rows that there are, and that say anything: none where all is free on both sides."""
    return tuple(row for row in rows if row is not None and (row.candidate or row.incumbent))


# Below: private.


def _took(answer: Answer, measure: Measure) -> float | None:
    """What an answer took; None where it is unknown, or nothing was answered."""
    if answer.finish is None:
        return None
    if measure == "cost":
        return answer.micro_dollars
    return answer.seconds or None
