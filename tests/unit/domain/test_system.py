"""What answers: prompts, systems and routes."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from escalera.domain.contract import OutputContract
from escalera.domain.identity import canonical
from escalera.domain.message import Decoding, Message
from escalera.domain.selection import Selection
from escalera.domain.system import Branch, Prompt, Route, Shot, System

TURNS = (Message(role="user", content="Hello."),)
CHOOSING = Selection(kind="examples", count=2, order="nearest last", tokens=9, pool="p")
SHOT = Shot(input="two more", target="+2")
PROMPT = Prompt(system="You change orders.", shots=(SHOT,), template="Message: {{ input }}")
SYSTEM = System(model="base", revision="r1", prompt=PROMPT, decoding=Decoding(), adapter="a")
PLAIN = replace(SYSTEM, adapter=None)
ROUTE = Route(
    branches=(Branch(task="orders", system=SYSTEM), Branch(task="rest", system=PLAIN)), router="r"
)


def test_the_digests_are_written_in_stone():
    """Evidence is looked up by these hexes."""
    assert SYSTEM.digest == "8e3f472760acb7cb8958397fe28fe30d623f7b2d7f001061acfebede0ad6a684"
    assert ROUTE.digest == "c4d618c542c0e5721f0e61639b9adc822cfd2ed8bf104ef451942186d34877d2"


@pytest.mark.parametrize(
    "other",
    [
        replace(SYSTEM, model="other"),
        replace(SYSTEM, revision="r2"),
        replace(SYSTEM, adapter="b"),
        replace(SYSTEM, adapter=None),
        replace(SYSTEM, prompt=replace(PROMPT, system="")),
        replace(SYSTEM, prompt=replace(PROMPT, shots=())),
        replace(SYSTEM, prompt=replace(PROMPT, shots=(SHOT, SHOT))),
        replace(SYSTEM, prompt=replace(PROMPT, template="{{ input }}")),
        replace(SYSTEM, prompt=replace(PROMPT, turns=(Message(role="user", content="Hi."),))),
        replace(SYSTEM, prompt=replace(PROMPT, marker="Answer:")),
        replace(SYSTEM, prompt=replace(PROMPT, selections=(CHOOSING,))),
        replace(SYSTEM, prompt=replace(PROMPT, placing="last")),
        replace(SYSTEM, prompt=replace(PROMPT, shots=(replace(SHOT, history=TURNS),))),
        replace(SYSTEM, prompt=replace(PROMPT, shots=(replace(SHOT, fields=(("a", "1"),)),))),
        replace(SYSTEM, output=OutputContract(schema="{}", mode="prompt")),
        replace(SYSTEM, decoding=Decoding(max_tokens=1)),
        replace(SYSTEM, decoding=Decoding(temperature=0.5)),
        replace(SYSTEM, decoding=Decoding(top_p=0.5)),
        replace(SYSTEM, decoding=Decoding(seed=1)),
        replace(SYSTEM, decoding=Decoding(stop=("END",))),
        replace(SYSTEM, decoding=Decoding(presence_penalty=0.5)),
        replace(SYSTEM, decoding=Decoding(frequency_penalty=0.5)),
        replace(SYSTEM, decoding=Decoding(logit_bias=((7, 1.0),))),
    ],
)
def test_whatever_changes_answers_changes_the_digest(other):
    """Same digest, same evidence: so nothing that matters may be left out."""
    assert other.digest != SYSTEM.digest


def test_no_field_is_left_out_of_this_test():
    """A new field must be added to the cases above."""
    assert [f.name for f in fields(System)] == [
        "model",
        "revision",
        "prompt",
        "decoding",
        "adapter",
        "output",
    ]
    assert [f.name for f in fields(Prompt)] == [
        "system",
        "turns",
        "shots",
        "template",
        "marker",
        "selections",
        "placing",
    ]
    assert [f.name for f in fields(Shot)] == ["input", "target", "history", "fields"]
    assert [f.name for f in fields(Decoding)] == [
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
    ]
    assert [f.name for f in fields(Route)] == ["branches", "router", "unsure"]


def test_a_route_is_its_branches_and_its_router():
    """Systems, types, order and router all count."""
    swapped = (replace(ROUTE.branches[0], system=PLAIN), ROUTE.branches[1])
    routes = [
        ROUTE,
        replace(ROUTE, router=None),
        replace(ROUTE, router="other"),
        replace(ROUTE, unsure=ROUTE.branches[:1]),
        replace(ROUTE, branches=ROUTE.branches[::-1]),
        replace(ROUTE, branches=ROUTE.branches[:1]),
        replace(ROUTE, branches=swapped),
        replace(ROUTE, branches=(replace(ROUTE.branches[0], task="x"), ROUTE.branches[1])),
    ]
    assert len({route.digest for route in routes}) == len(routes)


def test_a_route_finds_the_system_of_a_type():
    """And says when it has none."""
    assert ROUTE.system("rest") == PLAIN
    with pytest.raises(KeyError, match="weather"):
        ROUTE.system("weather")


def test_a_route_finds_the_system_for_what_it_is_not_sure_of():
    """By the most probable type; where none is named, the branch answers."""
    route = replace(ROUTE, unsure=(Branch(task="orders", system=PLAIN),))
    assert (route.system("orders"), route.system("orders", sure=False)) == (SYSTEM, PLAIN)
    assert ROUTE.system("orders", sure=False) == SYSTEM


def test_a_route_without_such_systems_has_the_digest_it_always_had():
    """Evidence of before is found again: the field is written only where it says something."""
    assert b"unsure" not in canonical(ROUTE)
    assert b"unsure" in canonical(replace(ROUTE, unsure=ROUTE.branches[:1]))


def test_adapters_are_listed_once():
    """What has to be kept alive, in the order of the branches."""
    other = Branch(task="x", system=replace(SYSTEM, adapter="b"))
    again = replace(ROUTE, branches=(other, *ROUTE.branches, replace(other, task="y")))
    assert again.adapters() == ("b", "a")
