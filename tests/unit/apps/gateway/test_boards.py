"""From a desk and a table to plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from escalera.apps.gateway import boards
from escalera.apps.gateway.board import Board
from escalera.apps.gateway.targets import Passing, Speaking
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding
from escalera.domain.project import ModelPrice
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.engine.serve import Desk, Served
from escalera.errors import ProjectError
from escalera.settings.gateway_table import GatewayTable

CONTRACT = OutputContract(schema="{}", mode="prompt", repairs=2)
ORDERS = System(
    model="small",
    revision="r",
    prompt=Prompt(system="You change orders."),
    decoding=Decoding(),
    output=CONTRACT,
)
CHEAP, DEAR = ModelPrice(prompt=1, completion=9), ModelPrice(prompt=5, completion=2)


def build(*, prices: tuple[Any, Any] = (CHEAP, DEAR), **table: Any) -> Board:
    nothing: Any = object()
    served = {
        "small": Served(revision="r", provider=nothing, price=prices[0]),
        "large": Served(
            revision="r", provider=nothing, upstream=nothing, called="L", price=prices[1]
        ),
    }
    route = Route(branches=(Branch(task="orders", system=ORDERS),))
    desk = Desk(label="support", route=route, models=served, infer=None)
    found = msgspec.convert(table, GatewayTable)
    return boards.build(desk, found, wall=lambda: 0.0, file="escalera.toml", version=3)


def names(board: Board, name: str) -> list[list[str]]:
    plan = board.plan(name)
    assert plan is not None
    return [[line.target.name for line in tier.lines] for tier in plan.tiers]


def test_every_name_has_a_plan_and_one_line() -> None:
    """What speaks the API itself is passed on to; everything else is spoken for."""
    found = build()
    assert list(found.plans) == ["support", "support/orders", "small", "large"]
    assert found.version == 3
    kinds = {name: type(found.plans[name].tiers[0].lines[0].target) for name in found.plans}
    assert kinds["large"] is Passing
    assert {kinds[name] for name in ("support", "support/orders", "small")} == {Speaking}


def test_the_project_is_meant_where_nothing_is_named_or_what_the_table_says() -> None:
    """By `default`."""
    assert names(build(), "") == [["support"]]
    assert names(build(default="large"), "") == [["large"]]


def test_fallbacks_and_routes_share_the_lines_of_their_names() -> None:
    """What is learned of a deployment under one name is known under all."""
    found = build(
        fallbacks={"support": ["large", "small"]},
        routes={
            "fast": {"models": ["small", "large"], "weights": [3, 1], "fallbacks": ["support"]}
        },
    )
    assert names(found, "support") == [["support"], ["large"], ["small"]]
    assert names(found, "fast") == [["small", "large"], ["support"]]
    fast, large = found.plans["fast"], found.plans["large"]
    assert fast.tiers[0].weights == (3, 1)
    assert fast.tiers[0].lines[1] is large.tiers[0].lines[0]


def test_a_hedge_has_its_time_and_its_budget() -> None:
    """At most the share that the table gives."""
    hedge = {"after": 0.5, "most": 0.25}
    found = build(routes={"fast": {"models": ["small", "large"], "hedge": hedge}}).plans["fast"]
    assert found.hedges is not None
    assert found.hedges.after == 0.5
    assert found.hedges.take()
    assert not found.hedges.take()


def test_a_plan_is_priced_by_the_dearest_that_may_answer() -> None:
    """Each part by itself; with a fallback of unknown price it is unknown."""
    fallbacks = {"support": ["large"]}
    assert build(fallbacks=fallbacks).plans["support"].price == ModelPrice(prompt=5, completion=9)
    assert build(fallbacks=fallbacks, prices=(CHEAP, None)).plans["support"].price is None
    assert build(prices=(CHEAP, None)).plans["support"].price == CHEAP


def test_a_measured_system_adds_its_prompt_and_its_repairs() -> None:
    """A raw model adds nothing and is called once."""
    found = build().plans
    assert found["support"].prompt_bytes > len("You change orders.")
    assert (found["support"].calls, found["large"].calls) == (3, 1)
    assert found["large"].prompt_bytes == 0


def test_a_name_that_nobody_answers_to_is_refused() -> None:
    """With the file, the key and the names there are."""
    with pytest.raises(ProjectError, match=r"gateway.fallbacks: names 'gone'.*large"):
        build(fallbacks={"small": ["gone"]})


def test_a_plan_is_as_dear_as_what_a_provider_finetuned() -> None:
    """What is reserved for a call of the route is that model's price, and not its base's."""
    nothing: Any = object()
    dearer = ModelPrice(prompt=7, completion=11)
    served = Served(revision="r", provider=nothing, price=CHEAP, local=False, tuned_price=dearer)
    tuned = replace(ORDERS, adapter="a" * 64)
    route = Route(branches=(Branch(task="orders", system=tuned),))
    desk = Desk(label="support", route=route, models={"small": served}, infer=None)
    board = boards.build(desk, GatewayTable(), wall=lambda: 0.0, file="escalera.toml")
    assert board.plans["support"].price == dearer
    assert board.plans["small"].price == CHEAP
