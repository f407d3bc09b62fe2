"""Answers for people: drawn at random, the same items whoever asks."""

from __future__ import annotations

from tests.unit.engine.test_judging import OTHER, PRICE, SYSTEM, World

from escalera.core.evidence import fold
from escalera.domain.system import Branch, Route
from escalera.engine.labelling import Answered, Source, drawn


def draw(world, *systems, count=None, without=()):
    source = Source(
        project=world.project, evidence=fold(world.journal.events()), journal=world.journal
    )
    routes = [Route(branches=(Branch(task="a", system=system),)) for system in systems]
    return drawn(source, world.task, routes, split="confirm", count=count, without=without)


def test_the_first_of_a_keyed_order_are_drawn():
    """More of them begin with the same; those that are left out make room for the next."""
    world = World(items=20)
    world.run()
    whole = draw(world, SYSTEM)
    assert len(whole) == 20
    assert [one.item.id for one in whole] != [item.id for item in world.task.items("confirm")]
    assert draw(world, SYSTEM, count=5) == whole[:5]
    left_out = {whole[0].item.id, whole[2].item.id}
    assert draw(world, SYSTEM, count=2, without=left_out) == (whole[1], whole[3])


def test_answers_come_in_the_order_of_the_systems():
    """So that it is known who is compared with whom; items that one was not asked are left out."""
    world = World(items=6)
    world.run(SYSTEM)
    assert draw(world, SYSTEM, OTHER) == ()
    world.base = type(world.base)(lambda _: "something else", price=PRICE)
    world.run(SYSTEM, OTHER)
    found, turned = draw(world, SYSTEM, OTHER), draw(world, OTHER, SYSTEM)
    assert len(found) == 6
    assert {one.replies[1] for one in found} == {"something else"}
    assert {one.replies[0] for one in found} > {"no idea"}
    assert [one.replies[::-1] for one in turned] == [one.replies for one in found]


def test_texts_do_not_tell_whose_they_are():
    """Sorted, each once, without what an endpoint refused."""
    item = World().task.examples[0]
    assert Answered(item=item, replies=("b", None, "a", "b")).texts() == ("a", "b")
