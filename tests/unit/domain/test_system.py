"""What answers: prompts, systems and routes."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from escalera.domain.message import Decoding, Message
from escalera.domain.system import Branch, Prompt, Route, Shot, System

SHOT = Shot(input="two more", target="+2")
PROMPT = Prompt(system="You change orders.", shots=(SHOT,), template="Message: {input}")
SYSTEM = System(model="base", revision="r1", prompt=PROMPT, decoding=Decoding(), adapter="a")
PLAIN = replace(SYSTEM, adapter=None)
ROUTE = Route(
    branches=(Branch(task="orders", system=SYSTEM), Branch(task="rest", system=PLAIN)), router="r"
)


def test_a_prompt_is_system_then_worked_examples_then_the_message():
    """Every message goes through the template, answers of examples do not."""
    assert PROMPT.messages("one less") == (
        Message(role="system", content="You change orders."),
        Message(role="user", content="Message: two more"),
        Message(role="assistant", content="+2"),
        Message(role="user", content="Message: one less"),
    )


def test_without_a_system_text_there_is_no_system_message():
    """An empty system message is not the same as none."""
    assert Prompt().messages("hi") == (Message(role="user", content="hi"),)


def test_what_a_user_writes_is_not_a_template():
    """Braces in a message stay as they are."""
    (asked,) = Prompt(template="<{input}>").messages("{input} {system}")
    assert asked.content == "<{input} {system}>"


def test_the_digests_are_written_in_stone():
    """Evidence is looked up by these hexes."""
    assert SYSTEM.digest == "aae6b734b0cfa42b33f3b9bfa9db5af5b44304dc6d96ac90c676bf5ac17d6b25"
    assert ROUTE.digest == "290a0fb376cc611f412a785503c846d9f1c7beb12410b19d8af2d1d1da0a07b7"


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
        replace(SYSTEM, prompt=replace(PROMPT, template="{input}")),
        replace(SYSTEM, decoding=Decoding(max_tokens=1)),
        replace(SYSTEM, decoding=Decoding(temperature=0.5)),
        replace(SYSTEM, decoding=Decoding(top_p=0.5)),
        replace(SYSTEM, decoding=Decoding(seed=1)),
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
    ]
    assert [f.name for f in fields(Prompt)] == ["system", "shots", "template"]
    assert [f.name for f in fields(Decoding)] == ["max_tokens", "temperature", "top_p", "seed"]
    assert [f.name for f in fields(Route)] == ["branches", "router"]


def test_a_route_is_its_branches_and_its_router():
    """Systems, types, order and router all count."""
    swapped = (replace(ROUTE.branches[0], system=PLAIN), ROUTE.branches[1])
    routes = [
        ROUTE,
        replace(ROUTE, router=None),
        replace(ROUTE, router="other"),
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


def test_adapters_are_listed_once():
    """What has to be kept alive, in the order of the branches."""
    other = Branch(task="x", system=replace(SYSTEM, adapter="b"))
    again = replace(ROUTE, branches=(other, *ROUTE.branches, replace(other, task="y")))
    assert again.adapters() == ("b", "a")


def test_a_request_carries_prompt_decoding_and_adapter():
    """All that a provider needs."""
    asked = SYSTEM.request("hi")
    assert asked.messages == PROMPT.messages("hi")
    assert (asked.decoding, asked.adapter) == (Decoding(), "a")
