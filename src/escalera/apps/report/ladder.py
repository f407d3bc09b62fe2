"""The picture of the climb as data: every rung with its state, its reasons and its price."""

from __future__ import annotations

from typing import Any

from escalera.core.ladder import titles
from escalera.core.ladder.case import Case
from escalera.core.ladder.rungs import Rung
from escalera.domain.project import PROMPTING, RungName


def build(case: Case) -> list[dict[str, Any]]:
    """Every rung that there is for the project, bottom first."""
    return [_rung(case, row) for row in titles.rows(case.project)]


# Below: private.


def _rung(case: Case, row: Rung) -> dict[str, Any]:
    decided = case.evidence.decision(row.name, "")
    state: str = decided.outcome if decided is not None else "not reached"
    if row.name not in case.project.policy.rungs:
        state = "not allowed"
    return {
        "rung": row.name,
        "title": row.title,
        "changes": row.changes,
        "keeps": row.keeps,
        "state": state,
        "words": _words(case, row.name),
        "price": _price(case, row.name),
    }


def _words(case: Case, rung: RungName) -> list[str]:
    per_task = [case.evidence.decision(rung, task.name) for task in case.project.tasks]
    said = [decided.words for decided in per_task if decided is not None]
    overall = case.evidence.decision(rung, "")
    if overall is not None and rung not in PROMPTING:
        said.insert(0, overall.words)
    return said


def _price(case: Case, rung: RungName) -> dict[str, Any] | None:
    priced = case.evidence.priced.get(rung)
    if priced is None:
        return None
    return {
        "calls": priced.calls,
        "fewest_calls": priced.fewest_calls,
        "training_tokens": priced.training_tokens,
        "micro_dollars": priced.micro_dollars,
        "micro_dollars_range": _ends(priced.micro_dollars_range),
        "clocks": {"minutes": priced.minutes, "minutes_range": _ends(priced.minutes_range)},
    }


def _ends(found: tuple[float, float] | None) -> list[float] | None:
    return None if found is None else list(found)
