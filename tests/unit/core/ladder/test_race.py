"""Races on search items."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder import race, steps
from escalera.core.ladder.case import Case
from escalera.core.ladder.race import NO_SCORE, Race
from escalera.core.ladder.steps import Call
from escalera.domain.message import Decoding
from escalera.domain.system import Prompt, System
from escalera.testing import playbook
from escalera.testing.playbook import luck, observed, perform

TASK = playbook.task("a", items={"search": 40, "confirm": 10})
PROJECT = playbook.project(TASK)


def entrants(count):
    return tuple(
        System(model="base", revision=str(n), prompt=Prompt(), decoding=Decoding())
        for n in range(count)
    )


def run(entry, answers):
    """A race to its end: rounds, calls and the case."""
    evidence = fold([])
    case = Case(project=PROJECT, evidence=evidence)
    calls = []
    while (step := race.step(case, entry)) is not None:
        if isinstance(step, steps.Evaluate):
            calls.append(step.calls)
        for event in perform(step, project=PROJECT, evidence=evidence, answers=answers):
            evidence.apply(event)
    return case, calls


def by_revision(rates):
    return lambda system, item: float(luck(item) < rates[int(system.revision)])


def test_the_best_wins_and_the_runner_up_is_a_finalist():
    """Five run, three go on, then two, then one; all are seen on common items."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(5))
    case, calls = run(entry, by_revision([0.5, 0.7, 0.55, 0.65, 0.45]))
    rounds = case.evidence.raced[entry.id]
    assert [len(found.entrants) for found in rounds] == [5, 3, 2]
    assert [found.round for found in rounds] == [1, 2, 3]
    assert race.winner(case, entry) == entry.entrants[1]
    assert race.finalists(case, entry) == (entry.entrants[1], entry.entrants[3])
    for asked in calls:
        items = {call.item.id for call in asked}
        assert len(asked) == len(items) * len({call.system for call in asked})


def test_who_is_clearly_behind_leaves_before_its_turn():
    """The rest is not bought; the best two are known all the same, as far as they were seen."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(5))
    case, calls = run(entry, by_revision([0.2, 0.95, 0.3, 0.55, 0.1]))
    (only,) = case.evidence.raced[entry.id]
    assert only.survivors == (entry.entrants[1].digest,)
    assert sum(map(len, calls)) == 5 * entry.schedule()[0].new_items
    assert race.winner(case, entry) == entry.entrants[1]
    assert race.finalists(case, entry)[:2] == (entry.entrants[1], entry.entrants[3])
    assert race.step(case, entry) is None


def test_an_entrant_is_held_against_the_leader_on_what_both_have_scored():
    """Items that lack a score of either tell nothing of their difference."""

    def answers(system, item):
        number = int(item.id.rpartition("/")[2])
        if number < 1 and system.revision == "1":
            return None
        return float(system.revision == "0")

    entry = Race(rung="prompt", task=TASK, entrants=entrants(4))
    case, _ = run(entry, answers)
    (only,) = case.evidence.raced[entry.id]
    assert only.survivors == (entry.entrants[0].digest,)


def test_rounds_use_further_items_and_cumulative_means():
    """Nobody is asked the same item twice, and early luck fades."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(4))
    case, calls = run(entry, by_revision([0.5, 0.6, 0.7, 0.8]))
    pairs = [(call.system, call.item.id) for asked in calls for call in asked]
    assert len(pairs) == len(set(pairs))
    last = case.evidence.raced[entry.id][-1]
    items = TASK.items("search")[: last.items]
    best = by_revision([0.5, 0.6, 0.7, 0.8])
    assert last.means == tuple(
        sum(best(system, item) for item in items) / len(items) for system in entry.entrants[:1:-1]
    )


def test_ties_go_to_the_simplest():
    """Entrants stand in the order of the table: the first of equals goes on."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(4))
    case, _ = run(entry, by_revision([0.5] * 4))
    assert race.finalists(case, entry) == entry.entrants[:2]


def test_one_entrant_needs_no_race():
    """It has won before a call was made."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(1))
    case, calls = run(entry, by_revision([0.5]))
    assert calls == []
    assert race.winner(case, entry) == entry.entrants[0]


@pytest.mark.parametrize(("gaps", "known"), [(0, True), (1, True), (2, False), (40, False)])
def test_an_entrant_without_enough_scores_drops_out(gaps, known):
    """A twentieth or more unscored: its mean would be of other items than the others'."""
    (system,) = entrants(1)
    answers = [
        observed(PROJECT, Call(system=system, item=item), None if n < gaps else 0.5)
        for n, item in enumerate(TASK.items("search"))
    ]
    assert race.mean_score(answers) == (0.5 if known else NO_SCORE)


def test_a_race_is_known_by_rung_task_and_entrants():
    """Rounds of one race never count for another."""
    entry = Race(rung="prompt", task=TASK, entrants=entrants(3))
    others = [
        replace(entry, rung="examples"),
        replace(entry, task=playbook.task("b")),
        replace(entry, entrants=entry.entrants[::-1]),
    ]
    assert len({entry.id, *(other.id for other in others)}) == 4
