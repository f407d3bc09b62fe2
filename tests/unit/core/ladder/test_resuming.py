"""Kill and resume: wherever a climb is interrupted, it ends with the same report."""

from __future__ import annotations

import pytest

from escalera.apps.report import document
from escalera.core.evidence import fold
from escalera.domain.event import Observed
from escalera.domain.project import Policy
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

ITEMS = {"train": 6, "search": 12, "confirm": 60}
PROJECT = playbook.project(
    *(playbook.task(name, items=ITEMS) for name in "ab"), policy=Policy(looks=(0.5, 1.0))
)


def answers(system, item):
    """Prompting is poor at a, its adapter breaks b, and merges are nearly good at both."""
    if system.adapter is None:
        rate = {"a": 0.3, "b": 0.97}[item.task]
    elif system.adapter.startswith("merge"):
        rate = 0.9
    else:
        rate = {"a": 0.97, "b": 0.3}[item.task]
    return float(luck(item) < rate)


def infer(item):
    return "a" if luck(item) > 0.95 else item.task


def report(events):
    built = document.build(PROJECT, fold(events), version="1", head="")
    return document.without_clocks(built)


@pytest.fixture(scope="module")
def whole():
    """A climb through every rung, with a router that errs now and then."""
    return simulate(PROJECT, answers, infer=infer).events


def test_the_report_does_not_depend_on_where_the_climb_was_killed(whole):
    """After any conclusion, and in the middle of answers: resumed, the report is the same."""
    expected = report(whole)
    concluded = [n for n, event in enumerate(whole, 1) if not isinstance(event, Observed)]
    cuts = sorted({*concluded[::6], *range(1, len(whole), 150)})
    assert len(cuts) > 12
    for cut in cuts:
        part = simulate(PROJECT, answers, infer=infer, at_most=cut).events
        resumed = simulate(PROJECT, answers, infer=infer, events=part).events
        assert report(resumed) == expected
        assert resumed == whole


def test_answers_may_have_come_in_another_order(whole):
    """Within a step calls end in any order; the report is the same."""
    shuffled, held = [], []
    for event in whole:
        if isinstance(event, Observed):
            held.append(event)
            continue
        shuffled += [*reversed(held), event]
        held = []
    assert shuffled != list(whole)
    assert report(shuffled) == report(whole)
