"""The ways of holding answers to a schema that were tried, each against the bare prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from escalera.core.evaluation import contracted
from escalera.core.evaluation.contracted import Effect, Pair
from escalera.core.ladder.case import Case
from escalera.domain.event import Proposed
from escalera.domain.system import System
from escalera.domain.verdict import Figure


def build(case: Case) -> list[dict[str, Any]]:
    """A row for every contract that was tried, with what it does on the `search` items in common.

    Contracts that left the race early rest on fewer items than those that stayed.
    """
    return [
        _row(proposed, found)
        for proposed in case.evidence.proposed
        if proposed.rung == "structured" and proposed.system.output is not None
        if (found := contracted.effect(_pairs(case, proposed))) is not None
    ]


# Below: private.


def _pairs(case: Case, proposed: Proposed) -> Iterator[Pair]:
    parent = _without(case, proposed)
    for item in case.project.task(proposed.task).items("search"):
        held = case.evidence.sample(proposed.system, item)
        free = case.evidence.sample(parent, item)
        if held is not None and free is not None:
            yield item, held, free


def _without(case: Case, proposed: Proposed) -> System:
    return next(p.system for p in case.evidence.proposed if p.system.digest == proposed.parent)


def _row(proposed: Proposed, found: Effect) -> dict[str, Any]:
    output = proposed.system.output
    return {
        "task": proposed.task,
        "operator": proposed.operator,
        "mode": None if output is None else output.mode,
        "told": output is not None and output.told,
        "repairs_allowed": 0 if output is None else output.repairs,
        "items": found.validity.n,
        "valid": round(found.valid, 6),
        "valid_without": round(found.valid_without, 6),
        "repairs": round(found.repairs, 6),
        "score": None if found.score is None else _figure(found.score),
        "tokens": _figure(found.tokens),
        "micro_dollars": None if found.micro_dollars is None else _figure(found.micro_dollars),
        "clocks": {"seconds": _figure(found.seconds)},
    }


def _figure(found: Figure) -> dict[str, Any]:
    return {
        "value": round(found.value, 6),
        "lower": round(found.lower, 6),
        "upper": round(found.upper, 6),
        "n": found.n,
        "clusters": found.clusters,
    }
