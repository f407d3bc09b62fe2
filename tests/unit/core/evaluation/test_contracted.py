"""What an output contract does to the answers of a prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import contracted
from escalera.core.evidence import fold
from escalera.core.ladder.steps import Call
from escalera.core.stats import clustering, paired
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Usage
from escalera.domain.system import Prompt, System
from escalera.testing import playbook

TASK = playbook.task("a", items={"search": 6})
PROJECT = playbook.project(TASK)
FREE = System(model="base", revision="r1", prompt=Prompt(), decoding=Decoding())
HELD = replace(FREE, output=OutputContract(schema="{}", mode="constrained"))


def answer(item, score, valid, *, tokens=10, system=FREE, **more):
    event = playbook.observed(PROJECT, Call(system=system, item=item), score)
    usage = Usage(prompt_tokens=tokens, completion_tokens=2)
    return fold([replace(event, valid=valid, usage=usage, **more)]).sample(system, item)


def pairs(held, free):
    """Six items with (score, valid, tokens, seconds, price, repairs) on either side."""
    made = []
    for item, one, other in zip(TASK.items("search"), held, free, strict=True):
        sides = []
        for score, valid, tokens, seconds, price, repairs in (one, other):
            more = {"seconds": seconds, "micro_dollars": price, "repairs": repairs}
            sides.append(answer(item, score, valid, tokens=tokens, **more))
        made.append((item, *sides))
    return made


HELD_SIDE = [(1.0, True, 12, 0.3, 5, n % 2) for n in range(6)]
FREE_SIDE = [(float(n > 1), n > 2, 10, 0.1 * n, 4, 0) for n in range(6)]


def test_the_same_items_side_by_side():
    """Differences are paired, with the intervals of the statistics."""
    found = contracted.effect(pairs(HELD_SIDE, FREE_SIDE))
    assert (found.valid, found.valid_without, found.repairs) == (1.0, 0.5, 0.5)
    expected = paired.interval([1.0] * 6, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    assert (found.validity.value, found.validity.lower) == (0.5, expected.lower)
    assert found.score.value == pytest.approx(2 / 6)
    assert found.tokens.value == 2.0
    assert (found.micro_dollars.value, found.micro_dollars.n) == (1.0, 6)
    mean = clustering.robust_mean([0.3 - 0.1 * n for n in range(6)])
    lower, upper = clustering.t_interval(mean)
    assert (found.seconds.lower, found.seconds.upper) == (
        pytest.approx(lower),
        pytest.approx(upper),
    )


def test_an_unknown_price_and_a_missing_score_are_left_out():
    """Unknown is never 0."""
    held = [(None, *HELD_SIDE[0][1:]), *HELD_SIDE[1:]]
    free = [(*FREE_SIDE[0][:4], None, 0), *FREE_SIDE[1:]]
    found = contracted.effect(pairs(held, free))
    assert found.micro_dollars is None
    assert found.score.n == 5
    lost = [(None, *side[1:]) for side in HELD_SIDE]
    assert contracted.effect(pairs(lost, FREE_SIDE)).score is None


def test_answers_that_were_not_checked_say_nothing():
    """An outage has no form, and one pair has no interval."""
    unchecked = [(1.0, None, 12, 0.3, 5, 0)] * 5
    assert contracted.effect(pairs([HELD_SIDE[0], *unchecked], FREE_SIDE)) is None
    assert contracted.effect([]) is None
