"""Merge plans."""

from __future__ import annotations

import pytest

from escalera.core.merging import plans as module
from escalera.core.merging.plans import around, centre, levers, moved, propose, values


def test_each_plan_holds_every_adapter_once_the_failing_one_first():
    """In the order given: weights belong to positions."""
    plans = propose("first", ["b", "c"])
    assert len(plans) >= 3
    for plan in plans:
        assert [entry.adapter for entry in plan.adapters] == ["first", "b", "c"]


def test_plans_differ():
    """Equal plans would be run twice."""
    assert len({plan.digest for plan in propose("a", ["b"])}) == len(propose("a", ["b"]))


def test_the_failing_tasks_mostly_weigh_at_least_as_much_as_the_others():
    """Its adapter is what the merge is made for; one plan tries the other way round."""
    plans = propose("a", ["b", "c"])
    lighter = [plan for plan in plans if plan.adapters[0].weight < plan.adapters[1].weight]
    for plan in plans:
        assert all(0 < entry.weight <= 1 for entry in plan.adapters)
    assert len(lighter) == 1


def test_the_exact_method_comes_first_and_keeps_every_weight():
    """Concatenation adds the updates exactly; only TIES drops a part of them."""
    plans = propose("a", ["b"])
    assert plans[0].method == "concatenate"
    for plan in plans:
        assert (plan.density < 1) == (plan.method in ("ties", "knots_ties"))


@pytest.mark.parametrize("others", [["b"], ["b", "c"]])
def test_plans_are_the_same_every_time(others):
    """No random source."""
    assert propose("a", others) == propose("a", tuple(others))


def by_method(method):
    return next(plan for plan in propose("a", ["b"]) if plan.method == method)


def test_steps_move_one_weight_each():
    """Down and up; a weight that would be nothing is left out."""
    plan = by_method("concatenate")
    found = [values(one) for one in around(plan)]
    assert found == [(0.7, 0.5), (0.9, 0.5), (0.8, 0.4), (0.8, 0.6)]
    assert len(around(moved(plan, (0.1, 0.5)))) == 3


def test_a_search_moves_every_weight_and_a_density_that_counts():
    """Values and levers belong together; what is moved is otherwise the same plan."""
    exact, trimmed = by_method("concatenate"), by_method("knots_ties")
    assert [lever.name for lever in levers(exact)] == ["weight 1", "weight 2"]
    assert [lever.name for lever in levers(trimmed)] == ["weight 1", "weight 2", "density"]
    for plan in (exact, trimmed):
        assert moved(plan, values(plan)) == plan
        for lever, value in zip(levers(plan), values(plan), strict=True):
            assert lever.lowest <= value <= lever.highest
    found = moved(trimmed, (0.12345, 1.2, 0.3))
    assert (values(found), found.method) == ((0.123, 1.2, 0.3), "knots_ties")
    assert moved(exact, (0.2, 0.3)).density == exact.density


def test_the_centre_is_in_the_middle():
    """Of weights and density alike; of one plan it is that plan."""
    plan = by_method("ties")
    around_it = [moved(plan, (0.8, 0.4, 0.2)), moved(plan, (1.0, 0.6, 0.6))]
    assert values(centre(around_it)) == (0.9, 0.5, 0.4)
    assert centre([plan]) == plan
    assert module.WEIGHTS[0] > 0


def test_weights_of_the_model_are_merged_without_factors():
    """By the exact sum of their changes and by TIES; adapters first, the grid no longer."""
    found = propose("a", ["b", "c"], factors=False)
    assert {plan.method for plan in found} == {"linear", "ties"}
    assert len(set(found)) == len(found) < len(propose("a", ["b", "c"]))
    assert all([entry.adapter for entry in plan.adapters] == ["a", "b", "c"] for plan in found)
