"""The race of merges: grid, search around the best, and what stands in for the search."""

from __future__ import annotations

import math

import pytest
from tests.unit.core.ladder.test_planner import BREAKS, GOOD, POOR, model, rates

from escalera.core.ladder import merge_race
from escalera.core.ladder.merge_race import LAST, ROUNDS, SEARCHED
from escalera.core.ladder.steps import UNSEARCHED, Evaluate, Suggest
from escalera.domain.event import Merged
from escalera.domain.sweep import Suggested
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

SUMMIT = (0.9, 0.75)
ITEMS = {"train": 12, "search": 160, "confirm": 100}
A, B = (playbook.task(name, items=ITEMS) for name in "ab")


def merged(quality):
    """A model whose merges are right at a rate that *quality* gives for their weights."""

    def answers(system, item):
        adapter = system.adapter or ""
        if not adapter.startswith("merge"):
            return model(rates(POOR, GOOD), mixture=rates(POOR, GOOD), **BREAKS)(system, item)
        method, *numbers = adapter.removeprefix("merge(").removesuffix(")").split()
        weights = tuple(float(n) for n in numbers[:2])
        return float(luck(item) < quality(method, weights))

    return answers


def hill(method, weights):
    """Best at the summit, by sums alone."""
    return 0.99 - math.dist(weights, SUMMIT) if method == "concatenate" else 0.4


def walk(step):
    """Suggestions on a circle that closes in on the summit."""
    if step.sweep.way != "evolution":
        raise AssertionError("only merges are searched here")
    radius = 0.5 / step.number
    values = (
        SUMMIT[0] + radius * math.cos(2.4 * step.number),
        SUMMIT[1] + radius * math.sin(2.4 * step.number),
    )
    return Suggested(question=step.question, number=step.number, values=values)


def races(climbed):
    return [
        (race.items, len(race.entrants), len(race.survivors))
        for rounds in climbed.evidence.raced.values()
        for race in rounds
        if race.rung == "merge"
    ]


def weights_of(climbed):
    (adapter,) = climbed.evidence.nominee("merge").adapters()
    merge = next(m for m in climbed.evidence.merged.values() if m.adapter == adapter)
    return tuple(entry.weight for entry in merge.plan.adapters)


def test_the_search_ends_in_the_middle_of_its_best_quarter():
    """Which meets its best plan and the grid's best on the last items."""
    climbed = simulate(playbook.project(A, B), merged(hill), suggests=walk)
    grid = [(items, n, stay) for (items, stay), n in zip(ROUNDS, (10, 5, 2), strict=True)]
    tried = 4 * 6
    assert races(climbed) == [*grid, (SEARCHED, 1 + tried, 6), (LAST, 3, 1)]
    assert math.dist(weights_of(climbed), SUMMIT) < 0.1
    assert merge_race.searched(climbed.evidence) == "weights by CMA-ES, 24 plans tried"
    assert sum(isinstance(step, Suggest) for step in climbed.steps) == tried


def test_each_suggestion_is_told_all_that_was_tried():
    """The grid's best first, with its score; the ranges hold it."""
    climbed = simulate(playbook.project(A, B), merged(hill), suggests=walk)
    asked = [step for step in climbed.steps if isinstance(step, Suggest)]
    assert [len(step.tried) for step in asked] == [*range(1, len(asked) + 1)]
    for step in asked:
        assert step.sweep == asked[0].sweep
        assert all(len(one.scores) == 1 for one in step.tried)
        assert step.tried[: len(asked[0].tried)] == asked[0].tried
    best = max(asked[-1].tried, key=lambda one: one.scores[0])
    assert math.dist(best.values, SUMMIT) < 0.15


def test_a_middle_that_is_worse_than_the_grids_best_goes_nowhere():
    """Between two hills there is a valley."""

    def valley(method, weights):
        if method != "concatenate":
            return 0.3
        return 0.95 if abs(weights[0] - weights[1]) > 0.25 else 0.5

    def mirrored(step):
        sign = 1 if step.number % 2 else -1
        values = (0.75 + sign * 0.2, 0.75 - sign * 0.2)
        return Suggested(question=step.question, number=step.number, values=values)

    climbed = simulate(playbook.project(A, B), merged(valley), suggests=mirrored)
    assert races(climbed)[-1] == (LAST, 2, 1)  # the best that was tried is the grid's
    assert valley("concatenate", weights_of(climbed)) == 0.95


def test_a_merge_that_would_fail_its_gate_gives_way_to_one_that_may_pass():
    """Both are above every bar; the one that is farther above breaks what was good."""
    rates_of = {"0.8 0.5": {"a": 0.95, "b": 0.85}, "0.6 0.4": {"a": 0.8, "b": 0.95}}

    def answers(system, item):
        if not (system.adapter or "").startswith("merge"):
            return model(rates(POOR, GOOD), mixture=rates(POOR, GOOD), **BREAKS)(system, item)
        weights = system.adapter.removeprefix("merge(concatenate ").removesuffix(")")
        return float(luck(item) < rates_of.get(weights, rates(POOR, POOR))[item.task])

    lenient = [
        playbook.task(name, bar=0.7, margin=margin, items=ITEMS)
        for name, margin in (("a", 0.1), ("b", 0.03))
    ]
    climbed = simulate(playbook.project(*lenient), answers)
    assert climbed.evidence.nominee("merge").adapters() == ("merge(concatenate 0.6 0.4)",)


def test_where_nothing_is_suggested_weights_are_moved_by_steps_and_that_is_said():
    """Once asked, and never again: the journal knows."""
    climbed = simulate(playbook.project(A, B), merged(hill))
    assert races(climbed)[-1] == (LAST, 5, 1)
    assert sum(isinstance(step, Suggest) for step in climbed.steps) == 1
    assert merge_race.searched(climbed.evidence) == UNSEARCHED
    nothing = simulate(playbook.project(A), merged(hill))
    assert merge_race.searched(nothing.evidence) is None


def test_a_search_that_loses_its_suggester_ends_with_what_it_has():
    """As when a climb goes on on another machine."""

    def tired(step):
        found = walk(step)
        values = found.values if step.number < 8 else ()
        return Suggested(question=step.question, number=step.number, values=values)

    climbed = simulate(playbook.project(A, B), merged(hill), suggests=tired)
    assert races(climbed)[-2:] == [(SEARCHED, 8, 3), (LAST, 3, 1)]
    assert merge_race.searched(climbed.evidence) == "weights by CMA-ES, 7 plans tried"


@pytest.mark.parametrize("given", [{"suggests": walk}, {}])
def test_it_asks_no_more_than_was_priced(given):
    """Whichever way the weights are found."""
    project = playbook.project(A, B)
    climbed = simulate(project, merged(hill), **given)
    for task in (A, B):
        asked = sum(
            len(searched_items(climbed, task.name, merge.adapter))
            for merge in climbed.evidence.merged.values()
        )
        assert asked <= merge_race.calls(project, task)


def searched_items(climbed, task, adapter):
    """The `search` items of a task that a merge was asked."""
    return {
        call.item.id
        for step in climbed.steps
        if isinstance(step, Evaluate) and step.task == task and step.purpose == "race"
        for call in step.calls
        if call.system.adapter == adapter
    }


def test_an_interrupted_search_goes_on_where_it_was():
    """The same plans, and the same end."""
    whole = simulate(playbook.project(A, B), merged(hill), suggests=walk)
    cut = next(
        n
        for n, event in enumerate(whole.events)
        if isinstance(event, Suggested) and event.number == 9
    )
    part = simulate(playbook.project(A, B), merged(hill), suggests=walk, at_most=cut)
    rest = simulate(playbook.project(A, B), merged(hill), suggests=walk, events=part.events)
    assert [e.plan for e in rest.events if isinstance(e, Merged)] == [
        e.plan for e in whole.events if isinstance(e, Merged)
    ]
    assert weights_of(rest) == weights_of(whole)
