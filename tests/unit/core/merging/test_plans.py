"""Merge plans."""

from __future__ import annotations

import pytest

from escalera.core.merging.plans import propose


def test_each_plan_holds_every_adapter_once_the_failing_one_first():
    """In the order given: weights belong to positions."""
    plans = propose("first", ["b", "c"])
    assert len(plans) >= 3
    for plan in plans:
        assert [entry.adapter for entry in plan.adapters] == ["first", "b", "c"]


def test_plans_differ():
    """Equal plans would be run twice."""
    assert len({plan.digest for plan in propose("a", ["b"])}) == len(propose("a", ["b"]))


def test_the_failing_tasks_weigh_at_least_as_much_as_the_others():
    """Its adapter is what the merge is made for."""
    for plan in propose("a", ["b", "c"]):
        first, *others = [entry.weight for entry in plan.adapters]
        assert all(0 < weight <= first <= 1 for weight in others)


def test_the_exact_method_comes_first_and_keeps_every_weight():
    """Concatenation adds the updates exactly; only TIES drops a part of them."""
    plans = propose("a", ["b"])
    assert plans[0].method == "concatenate"
    for plan in plans:
        assert (plan.density < 1) == (plan.method == "ties")


@pytest.mark.parametrize("others", [["b"], ["b", "c"]])
def test_plans_are_the_same_every_time(others):
    """No random source."""
    assert propose("a", others) == propose("a", tuple(others))
