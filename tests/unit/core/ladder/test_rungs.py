"""The table of rungs."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import pytest

from escalera.core.ladder import planner, rungs
from escalera.domain.event import Outcome
from escalera.domain.project import RUNGS


def test_every_rung_of_a_project_file_is_a_row_with_everything_said():
    """Nothing is left blank in the table."""
    assert {row.name for row in rungs.RUNGS} == set(RUNGS)
    assert len({row.title for row in rungs.RUNGS}) == len(RUNGS)
    for row in rungs.RUNGS:
        assert all((row.changes, row.needs, row.makes, row.keeps))


def test_every_outcome_of_every_rung_leads_somewhere():
    """The moves are complete, and each is one that the planner knows."""
    for row in rungs.RUNGS:
        assert set(row.moves) == set(get_args(Outcome))
        assert set(row.moves.values()) <= set(get_args(rungs.Move))


def test_undecided_is_never_climbed():
    """Alone, a rung that left something open ends the climb; only ways out are built together."""
    for row in rungs.RUNGS:
        assert (row.moves["undecided"] == "next of group") == (row.name in rungs.GROUP)
        assert row.moves["undecided"] != "climb"


def test_the_parts_of_alpha_add_up():
    """Over any set of allowed rungs the whole alpha is there, and no more."""
    for size in range(1, len(RUNGS) + 1):
        for names in combinations(RUNGS, size):
            parts = [rungs.alpha_of(name, names, 0.05) for name in names]
            assert sum(parts) == pytest.approx(0.05)
            assert all(part > 0 for part in parts)


def test_rungs_are_climbed_in_the_order_of_the_table():
    """Whatever the order in the project file."""
    names = [row.name for row in rungs.allowed(("route", "prompt", "merge"))]
    assert names == ["prompt", "merge", "route"]
    assert rungs.rung("merge").title == "Merged adapters"


def test_every_row_has_something_to_do():
    """A rung without a plan could be allowed and never climbed."""
    assert set(planner._PLANS) == set(RUNGS)
