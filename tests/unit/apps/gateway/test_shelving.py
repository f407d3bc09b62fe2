"""Finetuned models over the models of a desk, and what one worker knows of the shelf."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from escalera.apps.gateway import boards
from escalera.apps.gateway.board import Board
from escalera.apps.gateway.shelving import Rack, Shelving
from escalera.domain.job import Published
from escalera.domain.project import ModelPrice
from escalera.engine.serve import Desk, Served
from escalera.errors import StoreUnavailable
from escalera.settings.gateway_table import GatewayTable
from escalera.testing.gateway_stores import MemoryShelf
from escalera.testing.scripted import ScriptedProvider

PRICE = ModelPrice(prompt=1, completion=2)
MODEL = Published(
    name="ft:small:polite:1",
    base="small",
    revision="r1",
    adapter="a" * 64,
    job="ftjob-1",
    created=1.0,
    owner="team",
)


class World:
    """A rack over two models, one of them behind an endpoint, and what the operator was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.desk = Desk(
            label="support",
            route=None,
            models={
                "small": Served(revision="r1", provider=ScriptedProvider(str), price=PRICE),
                "away": Served(revision="r9", provider=ScriptedProvider(str), local=False),
            },
            infer=None,
        )
        table = GatewayTable()
        self.board = boards.build(self.desk, table, wall=lambda: 0.0, file="escalera.toml")
        self.rack = Rack(
            desk=self.desk, policy=boards.policy_of(table), wall=lambda: 0.0, tell=self.told.append
        )

    def stocked(self, *models: Published, on: Board | None = None) -> Board:
        return self.rack.stocked(on or self.board, models)


def test_a_finetuned_model_is_a_name_beside_the_others() -> None:
    """At the price of its base, for its owner; and the board that was before is as it was."""
    world = World()
    found = world.stocked(MODEL)
    assert list(found.plans) == ["small", "away", MODEL.name]
    plan = found.plans[MODEL.name]
    assert (plan.owner, plan.price, plan.calls) == ("team", PRICE, 1)
    assert found.default == world.board.default
    assert MODEL.name not in world.board.plans
    assert found.plans["small"] is world.board.plans["small"]


def test_what_goes_is_gone_and_what_stays_keeps_its_health() -> None:
    """Breakers and loads of a model do not begin anew because another one came or went."""
    world = World()
    other = replace(MODEL, name="ft:small::2", adapter="b" * 64)
    first = world.stocked(MODEL)
    second = world.stocked(replace(MODEL, owner="else"), other, on=first)
    assert second.plans[MODEL.name].tiers is first.plans[MODEL.name].tiers
    assert second.plans[MODEL.name].owner == "else"
    third = world.stocked(other, on=second)
    assert set(third.shelved) == {other.name}
    assert MODEL.name not in third.plans


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (replace(MODEL, base="gone"), "no model of the project file on this machine"),
        (replace(MODEL, base="away"), "no model of the project file on this machine"),
        (replace(MODEL, revision="r0"), "other weights now"),
        (replace(MODEL, name="small"), "for something else"),
    ],
)
def test_a_model_that_would_not_answer_is_not_offered(model: Published, said: str) -> None:
    """The operator is told why, once; other models are offered all the same."""
    world = World()
    good = replace(MODEL, name="ft:small::2")
    found = world.stocked(model, good)
    found = world.stocked(model, good, on=found)
    assert set(found.shelved) == {good.name}
    assert found.plans["small"] is world.board.plans["small"]
    assert len(world.told) == 1
    assert said in world.told[0]


def test_weights_of_which_nothing_is_known_are_taken_as_they_are() -> None:
    """A model without a revision answers over whatever its base is."""
    assert MODEL.name in World().stocked(replace(MODEL, revision="")).plans


def shelving(shelf: MemoryShelf, tell: Callable[[str], None] | None = None) -> Shelving:
    audited: list[tuple[Published, str]] = []
    return Shelving(shelf, audit=lambda model, by: audited.append((model, by)), tell=tell)


def test_the_shelf_is_read_where_it_changed() -> None:
    """Looks that find the same number end there."""
    shelf = MemoryShelf(MODEL)
    known = shelving(shelf)
    known.read()
    assert list(known.models) == [MODEL.name]
    assert known.changes == 1
    known.read()
    assert known.changes == 1
    shelf.withdraw(MODEL.name)
    known.read()
    assert known.models == {}
    assert known.changes == 2


def test_many_who_look_at_a_time_share_looks_and_none_sees_an_old_shelf() -> None:
    """A look that had begun before a model was published does not do for whoever asks after."""
    begun, go = threading.Event(), threading.Event()

    class Slow(MemoryShelf):
        def all(self) -> Any:
            found = super().all()
            begun.set()
            assert go.wait(10)
            return found

    async def run() -> tuple[int, bool]:
        shelf = Slow(replace(MODEL, name="ft:small::old"))
        known = shelving(shelf)
        first = asyncio.create_task(known.look())
        await asyncio.to_thread(begun.wait)
        shelf.publish(MODEL)
        later = [asyncio.create_task(known.look()) for _ in range(50)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *later)
        return shelf.looks, MODEL.name in known.models

    assert asyncio.run(run()) == (2, True)


def test_a_lost_store_takes_nothing_away_and_is_told_once() -> None:
    """Models stay as they are known; when the store is back, what changed is seen."""
    told: list[str] = []

    async def run() -> list[list[str]]:
        shelf = MemoryShelf(MODEL)
        changed, lost = asyncio.Event(), asyncio.Event()

        def tell(words: str) -> None:
            told.append(words)
            lost.set()

        known = shelving(shelf, tell)
        known.read()
        seen = []
        async with known.watching(changed.set):
            shelf.down = True
            await asyncio.wait_for(lost.wait(), 20)
            seen.append(list(known.models))
            with pytest.raises(StoreUnavailable):
                await known.look()
            shelf.down = False
            shelf.publish(replace(MODEL, name="ft:small::2"))
            await asyncio.wait_for(changed.wait(), 20)
            seen.append(list(known.models))
        return seen

    before, after = asyncio.run(run())
    assert before == [MODEL.name]
    assert after == [MODEL.name, "ft:small::2"]
    assert len(told) == 1
