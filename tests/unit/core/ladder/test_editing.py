"""The edits of a search: which are on, what is known of each, which a round screens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder import editing
from escalera.core.ladder.case import Case
from escalera.core.ladder.editing import Edited
from escalera.domain.event import Drafted
from escalera.domain.message import Usage
from escalera.domain.screening import Screened
from escalera.domain.system import Prompt
from escalera.domain.verdict import Figure
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 0, "search": 160, "confirm": 10})
PROJECT = playbook.project(TASK)
TASK = PROJECT.task("a")


def case(*events):
    return Case(project=PROJECT, evidence=fold(events))


def edited(on=(), written=("One.", "Two.", "Three."), number=1):
    start = case().system(TASK, Prompt(system="Begin."))
    empty = Edited(start=start, texts={}, on=())
    return replace(empty.told(drafted(*written, number=number)), on=on)


def drafted(*edits, number=1):
    return Drafted(
        task="a", round=number, parent="p", model="w", edits=edits, reply="", seconds=0.0,
        usage=Usage(prompt_tokens=1, completion_tokens=1), micro_dollars=0, revision="r",
    )  # fmt: skip


def screened(number=1, **effects):
    """A screening that found these effects, each known within 0.1 to both sides."""
    figures = [
        Figure(value=v, lower=v - 0.1, upper=v + 0.1, n=60, clusters=60) for v in effects.values()
    ]
    return Screened(
        rung="search", task="a", round=number, stage="factorial", items=60,
        factors=tuple(name.replace("_", " ").replace("x", ".") for name in effects),
        effects=tuple(figures), runs=(), means=(), kept=(),
    )  # fmt: skip


def test_the_prompt_in_hand_has_the_edits_that_are_on_in_the_order_of_writing():
    """Whatever order they were chosen in."""
    found = edited(on=("edit 1.3", "edit 1.1"))
    assert found.prompt.system == "Begin.\nOne.\nThree."
    assert found.saying(()).system == "Begin."


def test_what_was_written_before_is_no_new_edit():
    """It is known by its first name."""
    again = edited().told(drafted("Two.", "Four.", number=2))
    assert list(again.texts) == ["edit 1.1", "edit 1.2", "edit 1.3", "edit 2.2"]


def test_a_round_screens_new_edits_and_those_in_doubt_over_what_is_fixed():
    """What surely helps or harms is not asked again."""
    seen = case(screened(edit_1x1=0.3, edit_1x2=0.05, edit_1x3=-0.3))
    now = edited(on=("edit 1.1", "edit 1.2")).told(drafted("Four.", number=2))
    menu = editing.menu(seen, TASK, now, 2)
    assert menu.factors == ("edit 1.2", "edit 2.1")
    assert menu.compose(()).system == "Begin.\nOne."
    assert menu.compose(("edit 2.1",)).system == "Begin.\nOne.\nFour."


def test_those_known_least_surely_are_asked_first_where_there_is_no_room_for_all():
    """A design holds eleven."""
    texts = [f"Rule {n}." for n in range(1, 8)]
    doubtful = {f"edit_1x{n}": 0.01 * n for n in range(1, 8)}
    now = edited(written=texts).told(drafted(*(f"New {n}." for n in range(7)), number=2))
    menu = editing.menu(case(screened(**doubtful)), TASK, now, 2)
    assert menu.factors[:4] == tuple(f"edit 1.{n}" for n in range(1, 5))
    assert len(menu.factors) == editing.MOST_FACTORS


def test_what_is_known_adds_up_over_rounds():
    """Equally sure rounds count alike, and two know more than one."""
    evidence = fold([screened(edit_1x1=0.3), screened(2, edit_1x1=-0.1), screened(3, edit_1x1=9.0)])
    once, twice = (editing.known(evidence, TASK, "edit 1.1", until) for until in (1, 2))
    assert (once.value, once.lower, once.upper) == pytest.approx((0.3, 0.2, 0.4))
    assert twice.value == pytest.approx(0.1)
    assert twice.upper - twice.lower == pytest.approx(0.2 / 2**0.5)
    assert editing.known(evidence, TASK, "edit 7.1", 3) is None


def test_what_seems_to_help_stays_and_what_was_not_screened_stays_as_it_was():
    """An edit that was on and now seems to harm goes."""
    seen = case(screened(edit_1x1=0.3, edit_1x2=0.05), screened(2, edit_1x2=-0.2, edit_2x1=0.02))
    now = edited(on=("edit 1.1", "edit 1.2")).told(drafted("Four.", number=2))
    menu = replace(editing.menu(seen, TASK, now, 2), factors=("edit 1.2", "edit 2.1"))
    assert editing.helpful(seen, TASK, now, menu) == ("edit 1.1", "edit 2.1")


def test_rounds_take_other_items_in_turn_and_duels_keep_theirs():
    """No item both chooses and judges in a round."""
    rounds = [editing.screen_items(TASK, number) for number in (1, 2, 3)]
    assert [len(items) for items in rounds] == [60, 60, 60]
    assert not {i.id for i in rounds[0]} & {i.id for i in rounds[1]}
    assert rounds[2] == rounds[0]
    duel = {item.id for item in editing.duel_items(TASK)}
    assert len(duel) == editing.DUEL_ITEMS
    assert not duel & {item.id for items in rounds for item in items}


@pytest.mark.parametrize("count", [1, 2, 5, 24])
def test_few_items_are_shared_out(count):
    """At most a third is for duels, and each of the others is asked under more runs."""
    task = playbook.task("a", items={"train": 0, "search": count, "confirm": 10})
    items, duel = editing.screen_items(task, 1), editing.duel_items(task)
    assert len(items) + len(duel) == count
    assert len(items) > len(duel)
    assert editing.most_calls(task) <= 24 * len(items)
