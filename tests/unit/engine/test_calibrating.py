"""Calibrating: labelled answers are judged once, and answers are drawn for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.engine.test_judging import OTHER, PRICE, SYSTEM, World

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.event import Judged
from escalera.domain.judge import Label
from escalera.domain.project import Budget
from escalera.domain.system import Branch, Route
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import calibrating
from escalera.engine.measuring import Means
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring


def labelled(world, *rows):
    """The project with labels: item number, reply, scores."""
    labels = tuple(Label(item=f"a/confirm/{n}", reply=text, scores=s) for n, text, s in rows)
    task = replace(world.task, labels=labels)
    return replace(world.project, tasks=(task,))


def run(world, project, budget=None):
    means = Means(
        journal=world.journal,
        evidence=fold(world.journal.events()),
        scoring=PureScoring,
        provider=lambda _: world.judge,
        caps=Caps(budget=budget or Budget(), prices={"large": PRICE, "base": PRICE}),
        progress=lambda *_: None,
        artifacts=FolderArtifacts(Path("unused")),
        retrieval=retrieval(),
    )
    return calibrating.run(project, world.panel, means)


ROWS = [(0, "answer 0", (1.0, 0.75)), (1, "no idea", (0.0,)), (1, "answer 1", (1.0,))]


def test_every_labelled_answer_is_judged_once():
    """Also two answers to one item; a second run buys nothing and adds nothing."""
    world = World()
    project = labelled(world, *ROWS)
    found = run(world, project)
    assert [(a.people, a.score.value) for a in found.answers] == [
        ((1.0, 0.75), 1.0),
        ((0.0,), 0.25),
        ((1.0,), 1.0),
    ]
    assert found.missing == 0
    before = list(world.journal.events())
    assert {event.system for event in world.events(Judged)} == {""}
    assert run(world, project) == found
    assert list(world.journal.events()) == before
    assert world.judge.closed == 2


def test_what_was_judged_for_a_system_is_not_bought_for_its_label():
    """The words are the same."""
    world = World()
    world.run()
    asked = len(world.judge.requests)
    found = run(world, labelled(world, *ROWS[:2]))
    assert len(found.answers) == 2
    assert len(world.judge.requests) == asked


def test_a_cap_leaves_answers_out_and_says_how_many():
    """None of them counts as graded."""
    world = World()
    found = run(world, labelled(world, *ROWS), Budget(calls=2))
    assert (len(found.answers), found.missing) == (2, 1)


def test_without_labels_no_judge_is_asked():
    """Nor its provider made."""
    world = World()
    found = run(world, world.project)
    assert (found.answers, found.missing) == ((), 0)
    assert world.judge.closed == 0


def draw(world, project, *systems, count=3):
    def routes(_):
        return [Route(branches=(Branch(task="a", system=s),)) for s in systems]

    return calibrating.draw(
        project, world.panel, world.journal, routes, split="confirm", count=count
    )


def test_items_are_drawn_at_random_and_never_twice():
    """What has a label is passed over, so that sittings add up to one sample."""
    world = World(items=20)
    world.run()
    first = draw(world, world.project, SYSTEM, count=8)
    assert len({one.item.id for one in first}) == 8
    assert [one.item.id for one in first] != [item.id for item in world.task.examples[:8]]
    assert first[:5] == draw(world, world.project, SYSTEM, count=5)
    number = [(int(one.item.id.rpartition("/")[2]), one.reply, (1.0,)) for one in first]
    second = draw(world, labelled(world, *number), SYSTEM, count=20)
    assert len(second) == 12
    assert first + second == draw(world, world.project, SYSTEM, count=20)


def test_answers_of_several_systems_are_drawn_for_the_same_items():
    """Equal ones once; an item that one of them was not asked is no pair."""
    world = World()
    world.run(SYSTEM)
    assert draw(world, world.project, SYSTEM, OTHER) == ()
    world.base = type(world.base)(lambda _: "something else", price=PRICE)
    world.run(SYSTEM, OTHER)
    found = draw(world, world.project, SYSTEM, OTHER, count=6)
    assert len(found) == 12
    assert len({one.item.id for one in found}) == 6
    same = World()
    same.run(SYSTEM, OTHER)
    assert len(draw(same, same.project, SYSTEM, OTHER, count=6)) == 6
