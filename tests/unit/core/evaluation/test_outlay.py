"""Cost and latency: units, pairs, the warm-up, and what is not measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from escalera.core.evaluation import outlay
from escalera.core.evaluation.outlay import Taken
from escalera.core.evidence import fold
from escalera.core.ladder.steps import Call
from escalera.core.stats import asymptotic
from escalera.domain.message import Decoding
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.testing import playbook

N = 200
TASK = playbook.task("a", items={"confirm": N})
ITEMS = TASK.items("confirm")
PROJECT = playbook.project(TASK)


def system(name):
    return System(model="base", revision=name, prompt=Prompt(), decoding=Decoding())


def route(name):
    return Route(branches=(Branch(task="a", system=system(name)),))


def answered(name, *, items=ITEMS, **fields):
    events = [playbook.observed(PROJECT, Call(system=system(name), item=i), 1.0) for i in items]
    return [
        replace(event, finish="stop", **{k: v(n) for k, v in fields.items()})
        for n, event in enumerate(events)
    ]


def of(*events, items=ITEMS, planned=N):
    found = outlay.of_routes(
        fold([event for part in events for event in part]),
        items,
        route("n"),
        route("o"),
        alpha=0.05,
        planned=planned,
    )
    return {row.measure: row for row in found}


def test_a_row_is_the_asymptotic_sequence_in_its_unit():
    """Micro-dollars of a call are so many thousandths of a dollar per 1,000 calls."""
    rng = np.random.default_rng(2)
    new, old = rng.lognormal(4.0, 0.5, (2, N)).tolist()
    taken = [
        Taken(candidate=a, incumbent=b, cluster=str(k))
        for k, (a, b) in enumerate(zip(new, old, strict=True))
    ]
    row = outlay.row("a", "cost", taken, alpha=0.05, planned=N)
    plan = asymptotic.Plan(planned=outlay.WARM_UP, floor=1.0, warm_up=outlay.WARM_UP)
    expected = asymptotic.read(
        asymptotic.update(asymptotic.init(plan), np.subtract(new, old))
    ).interval
    assert row.candidate == pytest.approx(np.mean(new) / 1000)
    assert row.difference == pytest.approx(expected.estimate / 1000)
    assert (row.lower, row.upper) == pytest.approx((expected.lower / 1000, expected.upper / 1000))
    assert (row.n, row.clusters) == (N, N)


def test_before_the_warm_up_nothing_is_claimed():
    """Means and their difference, without an interval; clusters are what is counted."""
    taken = [Taken(candidate=2.0, incumbent=1.0, cluster=str(k // 3)) for k in range(297)]
    row = outlay.row("a", "latency", taken, alpha=0.05, planned=99)
    assert (row.difference, row.lower, row.upper, row.clusters) == (1.0, None, None, 99)
    more = [*taken, Taken(candidate=2.0, incumbent=1.0, cluster="z")]
    assert outlay.row("a", "latency", more, alpha=0.05, planned=99).lower is not None


def test_equal_prices_are_no_certainty():
    """The floor of the deviation keeps the interval open."""
    taken = [Taken(candidate=5.0, incumbent=5.0, cluster=str(k)) for k in range(N)]
    row = outlay.row("a", "cost", taken, alpha=0.05, planned=N)
    assert row.lower < 0.0 < row.upper


def test_only_what_was_measured_with_both_counts():
    """Unknown prices, refused calls and items of one system alone are left out."""
    priced = {"micro_dollars": lambda n: 100 + n % 7, "seconds": lambda _: 0.5}
    new = answered("n", **priced)
    old = answered("o", **priced | {"micro_dollars": lambda n: None if n < 20 else 90})
    old[30] = replace(old[30], finish=None, seconds=0.0)
    found = of(new, old[:150])
    assert (found["cost"].n, found["latency"].n) == (129, 149)
    assert found["cost"].difference > 0.0
    assert found["latency"].difference == 0.0


def test_a_reading_on_the_way_has_the_plan_of_all_items():
    """How far it was read must not sharpen the interval there: that would not hold at all times."""
    latency = {"seconds": lambda n: 0.5 + n % 3}
    events = answered("n", **latency), answered("o", **latency | {"seconds": lambda _: 1.0})
    early, same = (of(*events, items=ITEMS[:120], planned=n)["latency"] for n in (4000, 120))
    assert early.n == same.n == 120
    taken = [Taken(candidate=0.5 + n % 3, incumbent=1.0, cluster=str(n)) for n in range(120)]
    assert early.lower == outlay.row("a", "latency", taken, alpha=0.05, planned=4000).lower
    assert early.lower < same.lower < same.upper < early.upper


def test_where_nothing_is_known_or_all_is_free_there_is_no_row():
    """Local models have no price, and a clock that stands still measures nothing."""
    free = {"micro_dollars": lambda _: 0, "seconds": lambda _: 0.0}
    assert of(answered("n", **free), answered("o", **free)) == {}
    unknown = {"micro_dollars": lambda _: None, "seconds": lambda _: 0.2}
    assert set(of(answered("n", **unknown), answered("o", **unknown))) == {"latency"}
    assert of(answered("n", **unknown)) == {}
    assert of(items=()) == {}
