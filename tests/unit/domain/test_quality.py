"""A route by difficulty."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.domain.message import Decoding
from escalera.domain.quality import Bound, QualityRoute
from escalera.domain.system import Branch, Prompt, Route, System

SMALL = System(model="small", revision="r1", prompt=Prompt(), decoding=Decoding())
WEAK = Route(branches=(Branch(task="a", system=SMALL),))
STRONG = Route(branches=(Branch(task="a", system=replace(SMALL, model="large")),))
BOUND = Bound(most_lost=0.05, risk=0.05, lost=0.02, strong=0.4, n=300)
ROUTE = QualityRoute(
    weak=WEAK, strong=STRONG, asking="before", signal="5e", threshold=0.7, bound=BOUND
)


def test_the_weak_system_answers_from_the_threshold_on():
    """At it, too; without a threshold it never does."""
    assert [ROUTE.side(signal) for signal in (0.69, 0.7, 0.9)] == ["strong", "weak", "weak"]
    assert replace(ROUTE, threshold=None).side(1.0) == "strong"


def test_a_cascade_pays_for_both_where_it_goes_on():
    """A router pays for one."""
    assert ROUTE.expense(10, 100) == pytest.approx(0.6 * 10 + 0.4 * 100)
    after = replace(ROUTE, asking="after")
    assert after.expense(10, 100) == pytest.approx(10 + 0.4 * 100)


def test_everything_that_changes_an_answer_changes_the_digest():
    """And so does the promise."""
    routes = [
        ROUTE,
        replace(ROUTE, weak=STRONG),
        replace(ROUTE, strong=WEAK),
        replace(ROUTE, asking="after"),
        replace(ROUTE, threshold=0.8),
        replace(ROUTE, signal="5f"),
        replace(ROUTE, bound=replace(BOUND, n=301)),
    ]
    assert len({route.digest for route in routes}) == len(routes)
