"""Caps on calls, tokens, money and minutes: what calls cost at the most, and whether it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import repair
from escalera.core.ladder import steps
from escalera.core.ladder.caps import NOTHING, Caps, Cost, Left
from escalera.core.spent import Spent
from escalera.domain.contract import OutputContract
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.testing import playbook
from escalera.testing.playbook import simulate

A = playbook.task("a")
PLAIN = playbook.project(A)
PRICE = ModelPrice(prompt=3 * 10**6, completion=5 * 10**6)


def project(**caps):
    return playbook.project(A, price=PRICE, budget=Budget(**caps))


def race():
    """The first race of a climb: some forty calls."""
    climbed = simulate(PLAIN, lambda *_: 1.0)
    return next(s for s in climbed.steps if isinstance(s, steps.Evaluate) and s.purpose == "race")


RACE = race()


def worst(step):
    """By hand, call by call: a token per byte, eight per message, and the longest answer."""
    total = 0
    for call in step.calls:
        request = call.request
        for message in request.messages:
            total += 3 * (len(message.content.encode()) + 8)
        total += 5 * request.decoding.max_tokens
    return total


def test_the_worst_case_of_calls():
    """A token per byte, eight per message, and the longest answers."""
    found = Caps.of(project(micro_dollars=1)).worst(RACE.calls)
    assert found.calls == len(RACE.calls)
    assert found.micro_dollars == worst(RACE)


def test_the_worst_case_of_answers_that_may_be_sent_back():
    """By hand: every repair asks again, with the longest answer and complaint behind the prompt."""
    call = RACE.calls[0]
    output = OutputContract(schema='{"type":"object"}', mode="tools", repairs=2)
    held = replace(call, system=replace(call.system, output=output))
    caps = Caps.of(project(micro_dollars=1))
    bare, found = caps.worst([call]), caps.worst([held])
    schema = 3 * len(output.schema) + 8
    more = repair.longest(held.request) + 16
    assert found.calls == 3
    assert found.tokens == 3 * (bare.tokens + schema) + 2 * more
    assert found.micro_dollars == 3 * bare.micro_dollars + 3 * (3 * schema + 2 * more)
    free = replace(PLAIN, model=replace(PLAIN.model, price=None))
    assert Caps.of(free).worst([held]).calls == 3


@pytest.mark.parametrize("short", [0, 1, 2])
def test_money_spent_before_counts(short):
    """What is left must pay for the worst case, to the micro-dollar."""
    cap = 700 + worst(RACE) - short
    capped = project(micro_dollars=cap)
    asked = Caps.of(capped).worst(RACE.calls)
    spent = Spent(calls=9, known_micro_dollars=700)
    assert Caps.of(capped).fits(spent, asked) == (short == 0)


@pytest.mark.parametrize("short", [0, 1, 2])
def test_calls_of_unknown_price_are_charged_by_their_tokens(short):
    """A price that was learned later covers what was asked before it was known."""
    spent = Spent(
        calls=9,
        known_micro_dollars=100,
        unpriced_calls=4,
        unpriced_prompt_tokens=50,
        unpriced_completion_tokens=7,
    )
    paid = 100 + 4 + 3 * 50 + 5 * 7
    capped = project(micro_dollars=paid + worst(RACE) - short)
    assert Caps.of(capped).fits(spent, Caps.of(capped).worst(RACE.calls)) == (short == 0)


@pytest.mark.parametrize("short", [0, 1])
def test_tokens_spent_before_count(short):
    """Tokens of prompts and of answers, together."""
    asked = Cost(calls=2, tokens=30)
    capped = project(tokens=100 + 7 + 30 - short)
    spent = Spent(calls=9, prompt_tokens=100, completion_tokens=7)
    assert Caps.of(capped).fits(spent, asked) == (short == 0)


def test_minutes_are_over_when_they_are_over():
    """Nothing more is begun, a training neither."""
    capped = project(minutes=1.0)
    assert Caps.of(capped).fits(Spent(seconds=59.9), NOTHING)
    assert not Caps.of(capped).fits(Spent(seconds=60.0), NOTHING)


def test_reading_texts_costs_a_token_per_byte():
    """And eight per text, at the price of the model that reads; who scores is part of the caps."""
    prices = [ModelPrice(prompt=10**6 + n, completion=0) for n in range(3)]
    models = [
        BaseModel(name=name, revision="r", trainable=False, price=price)
        for name, price in zip(["grader", "reader", "embedder"], prices, strict=True)
    ]
    whole = replace(
        project(micro_dollars=1), graders=(models[0],), readers=(models[1],), embedder=models[2]
    )
    caps = Caps.of(whole)
    assert caps.prices == {"base": PRICE, **{model.name: model.price for model in models}}
    found = caps.reading("reader", ["", "zwölf", "x" * 50])
    tokens = 3 * 8 + 6 + 50
    assert found == Cost(calls=1, tokens=tokens, micro_dollars=tokens + 1)


def test_what_is_left_is_what_still_fits():
    """To the last call, token and micro-dollar, and never less than nothing."""
    caps = Caps.of(project(calls=10, tokens=1000, micro_dollars=500, minutes=2.0))
    spent = Spent(
        calls=4, prompt_tokens=300, completion_tokens=100, known_micro_dollars=120, seconds=30.0
    )
    assert caps.left(spent) == Left(micro_dollars=380, calls=6, tokens=600, seconds=90.0)
    assert caps.fits(spent, Cost(calls=6, tokens=600, micro_dollars=380))
    for more in (Cost(calls=7), Cost(tokens=601), Cost(micro_dollars=381)):
        assert not caps.fits(spent, more)
    over = Spent(calls=11, prompt_tokens=2000, known_micro_dollars=501, seconds=200.0)
    assert caps.left(over) == Left(micro_dollars=0, calls=0, tokens=0, seconds=0.0)
    assert Caps.of(PLAIN).left(over) == Left()
