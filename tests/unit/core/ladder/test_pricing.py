"""What a rung will cost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from escalera.core.evidence import fold
from escalera.core.ladder import pricing, steps
from escalera.core.ladder.case import Case
from escalera.core.prompts import rendering
from escalera.domain.event import Judged, Observed
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding, Query, Usage
from escalera.domain.project import ModelPrice
from escalera.domain.system import Prompt
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A, B = playbook.task("a"), playbook.task("b")
POLICY = replace(DECLARED, rungs=("prompt", "lora"))


def climb(price=None):
    project = playbook.project(A, B, policy=POLICY, price=price)
    return simulate(project, lambda _, item: float(luck(item) < {"a": 0.3, "b": 0.96}[item.task]))


def test_the_first_price_is_that_of_a_pilot_times_the_calls():
    """Ten items of each type: their mean tokens, money and seconds, for every call to come."""
    climbed = climb(ModelPrice(prompt=10**6, completion=10**6))
    prompt = climbed.evidence.priced["prompt"]
    pilot = next(step for step in climbed.steps if isinstance(step, steps.Evaluate))
    tokens = [len(" ".join(m.content for m in c.request.messages).split())
              for c in pilot.calls]  # fmt: skip
    mean = sum(tokens) / len(tokens)
    assert len(tokens) == 20
    assert prompt.prompt_tokens == round(prompt.calls * mean)
    assert prompt.completion_tokens == prompt.calls
    assert prompt.micro_dollars == prompt.prompt_tokens + prompt.completion_tokens
    assert prompt.minutes == prompt.calls * 0.25 / 60
    assert prompt.training_tokens == 0


def test_a_price_has_a_range():
    """From the fewest calls at the cheap end of the mean to the most at its dear end."""
    for name in ("prompt", "lora"):
        priced = climb(ModelPrice(prompt=10**6, completion=10**6)).evidence.priced[name]
        low, high = priced.micro_dollars_range
        assert low < priced.micro_dollars <= high
        assert priced.fewest_calls < priced.calls
        first, last = priced.minutes_range
        assert first < priced.minutes <= last


def test_the_range_is_that_of_the_mean_of_the_calls_so_far():
    """A t interval, as SciPy computes it; nothing below 0."""
    seen = [entry for entry in climb().events if isinstance(entry, Observed)][:20]
    costs = [5 + n * n % 11 for n in range(20)]
    asked = [
        replace(entry, micro_dollars=cost, seconds=cost / 10)
        for entry, cost in zip(seen, costs, strict=True)
    ]
    case = Case(project=playbook.project(A, B, policy=POLICY), evidence=fold(asked))
    priced = pricing.price(case, "lora", calls=1000, fewest=400)
    low, high = stats.t.interval(0.95, 19, loc=np.mean(costs), scale=stats.sem(costs))
    assert priced.micro_dollars_range == (math.floor(400 * low), math.ceil(1000 * high))
    assert priced.minutes_range == pytest.approx((400 * low / 600, 1000 * high / 600))
    wild = [replace(entry, micro_dollars=1 + 999 * (n == 0)) for n, entry in enumerate(asked[:3])]
    case = Case(project=case.project, evidence=fold(wild))
    assert pricing.price(case, "lora", calls=10).micro_dollars_range[0] == 0


def test_an_unknown_price_stays_unknown():
    """Calls and tokens are told all the same."""
    for priced in climb().evidence.priced.values():
        assert priced.micro_dollars is None
        assert priced.micro_dollars_range is None
        assert priced.calls > 0


def test_a_training_is_priced_by_its_tokens():
    """All epochs of its items, at what their prompt took when it was measured."""
    climbed = climb()
    (training,) = [step for step in climbed.steps if isinstance(step, steps.Train)]
    priced = climbed.evidence.priced["lora"]
    nominated = climbed.evidence.nominee("prompt")
    system = nominated.system("a")
    words = len(
        " ".join(
            m.content for m in rendering.request(system, Query(input="a train message 1")).messages
        ).split()
    )
    items = training.recipe.ingredients[0].examples
    assert priced.training_tokens == items * (words + 1) * training.recipe.levers.epochs


def test_the_order_of_answers_does_not_matter():
    """Rates are means over sorted values: the same to the last bit."""
    events = climb(ModelPrice(prompt=10**6, completion=10**6)).events
    asked = [
        replace(event, seconds=0.1 * n)
        for n, event in enumerate(entry for entry in events if isinstance(entry, Observed))
    ]
    project = playbook.project(A, B, policy=POLICY)
    cases = [Case(project=project, evidence=fold(order)) for order in (asked, asked[::-1])]
    first, second = [pricing.price(case, "lora", calls=10) for case in cases]
    assert first == second
    assert first.minutes > 0


def test_judges_are_part_of_the_price():
    """What they took per answer is added; their calls are counted at least once and at most twice
    for every grade.
    """
    judge = Judge(
        kind="pairwise",
        model="large",
        revision="r",
        rubric="Is kind.",
        scale=Scale(lowest=0, highest=1),
        reference=False,
        decoding=Decoding(),
        wording="w",
    )
    panel = Panel(name="kind", judges=(judge,))
    task = replace(A, scorer=panel.scorer)
    price = ModelPrice(prompt=10**6, completion=10**6)
    project = replace(playbook.project(task, price=price), judges=(panel,))
    system = Case(project=project, evidence=fold([])).system(task, Prompt())
    asked = [
        playbook.observed(project, steps.Call(system=system, item=item), 1.0)
        for item in task.items("search")[:10]
    ]
    plain = pricing.price(Case(project=project, evidence=fold(asked)), "prompt", calls=100)
    assert (plain.calls, plain.fewest_calls) == (500, 200)
    always = replace(project, judges=(replace(panel, second_order=1.0),))
    priced = pricing.price(Case(project=always, evidence=fold(asked)), "prompt", calls=100)
    assert (priced.calls, priced.fewest_calls) == (500, 300)
    grades = [
        Judged(
            system=entry.system,
            item=entry.item,
            item_digest=entry.item_digest,
            repeat=0,
            task="a",
            answer="x",
            judge=judge.digest,
            order=order,
            draw=0,
            turn=0,
            grade=1.0,
            reason=None,
            request=f"{entry.item} {order}",
            bought=True,
            reply="",
            finish="stop",
            attempts=1,
            usage=Usage(prompt_tokens=30, completion_tokens=10),
            micro_dollars=7,
            revision="r",
            seconds=1.0,
        )
        for entry in asked
        for order in judge.orders
    ]
    found = pricing.price(
        Case(project=project, evidence=fold([*asked, *grades])), "prompt", calls=100
    )
    assert found.prompt_tokens == plain.prompt_tokens + 100 * 2 * 30
    assert found.completion_tokens == plain.completion_tokens + 100 * 2 * 10
    assert found.micro_dollars == plain.micro_dollars + 100 * 2 * 7
    assert found.minutes == pytest.approx(plain.minutes + 100 * 2 / 60)
    unknown = [replace(entry, micro_dollars=None) for entry in grades]
    case = Case(project=project, evidence=fold([*asked, *unknown]))
    assert pricing.price(case, "prompt", calls=100).micro_dollars is None
