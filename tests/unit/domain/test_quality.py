"""A route by difficulty."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.domain.message import Decoding
from escalera.domain.quality import Bound, QualityRoute
from escalera.domain.system import Prompt, System

WEAK = System(model="small", revision="r1", prompt=Prompt(), decoding=Decoding())
STRONG = replace(WEAK, model="large")
BOUND = Bound(most_lost=0.05, risk=0.05, lost=0.02, strong=0.4, n=300)
ROUTE = QualityRoute(weak=WEAK, strong=STRONG, asking="before", threshold=0.7, bound=BOUND)


def test_the_weak_system_answers_from_the_threshold_on():
    """At it, too; without a threshold it never does."""
    assert [ROUTE.system(signal) for signal in (0.69, 0.7, 0.9)] == [STRONG, WEAK, WEAK]
    assert replace(ROUTE, threshold=None).system(1.0) == STRONG


def test_a_cascade_pays_for_both_where_it_goes_on():
    """A router pays for one."""
    assert ROUTE.micro_dollars(10, 100) == pytest.approx(0.6 * 10 + 0.4 * 100)
    after = replace(ROUTE, asking="after")
    assert after.micro_dollars(10, 100) == pytest.approx(10 + 0.4 * 100)


def test_everything_that_changes_an_answer_changes_the_digest():
    """And so does the promise."""
    routes = [
        ROUTE,
        replace(ROUTE, weak=STRONG),
        replace(ROUTE, strong=WEAK),
        replace(ROUTE, asking="after"),
        replace(ROUTE, threshold=0.8),
        replace(ROUTE, bound=replace(BOUND, n=301)),
    ]
    assert len({route.digest for route in routes}) == len(routes)
