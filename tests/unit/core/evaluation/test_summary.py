"""What a system scored: the mean of items, the missing, the retries and the price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation.summary import summarise
from escalera.core.evidence import fold
from escalera.core.ladder.steps import Call
from escalera.core.stats import mean, repeats
from escalera.domain.message import Decoding
from escalera.domain.project import ModelPrice
from escalera.domain.system import Prompt, System
from escalera.testing import playbook

TASK = playbook.task("a", items={"confirm": 12})
PROJECT = playbook.project(TASK, price=ModelPrice(prompt=10**6, completion=10**6))
SYSTEM = System(model="base", revision="r1", prompt=Prompt(), decoding=Decoding())
ITEMS = TASK.items("confirm")


def answer(number, score, *, repeat=0, **more):
    item = replace(ITEMS[number], **{key: more.pop(key) for key in ("cluster",) if key in more})
    call = Call(system=SYSTEM, item=item, repeat=repeat)
    evidence = fold([replace(playbook.observed(PROJECT, call, score), **more)])
    return item, evidence.sample(SYSTEM, item, repeat)


def test_the_mean_of_the_items_with_its_interval():
    """The interval is that of the statistics, with clusters."""
    scores = [1.0, 0.0, 1.0, 1.0, 0.5, 1.0]
    found = summarise("s", "a", [answer(n, s, cluster=f"c{n % 3}") for n, s in enumerate(scores)])
    ordered = sorted(range(6), key=lambda n: replace(ITEMS[n], cluster=f"c{n % 3}").digest)
    expected = mean.interval([scores[n] for n in ordered], [f"c{n % 3}" for n in ordered])
    assert found.figure.value == pytest.approx(0.75)
    assert (found.figure.lower, found.figure.upper) == (expected.lower, expected.upper)
    assert (found.figure.n, found.figure.clusters) == (6, 3)


def test_repeats_of_an_item_are_one_item():
    """Their mean counts once, whatever their number; an unscored repeat is left out."""
    found = summarise(
        "s",
        "a",
        [
            answer(0, 1.0),
            answer(0, 0.0, repeat=1),
            answer(0, None, repeat=2),
            answer(1, 1.0),
        ],
    )
    assert found.figure.value == 0.75
    assert (found.figure.n, found.answers, found.unscored) == (2, 4, 0)


def test_validity_and_repairs_stand_beside_the_score():
    """The share of valid answers with its interval; nothing is said where there is no schema."""
    found = summarise(
        "s",
        "a",
        [
            answer(0, 1.0, valid=True, repairs=2),
            answer(1, 0.0, valid=False),
            answer(2, 1.0, valid=True),
            answer(3, None),
        ],
    )
    expected = mean.interval([1.0, 0.0, 1.0])
    assert (found.valid.value, found.valid.n) == (pytest.approx(2 / 3), 3)
    assert (found.valid.lower, found.valid.upper) == (expected.lower, expected.upper)
    assert found.repairs == 0.5
    assert summarise("s", "a", [answer(0, 1.0)]).valid is None


def test_the_share_of_sampling_noise():
    """As the statistics of repeats have it; nothing to say where every answer was drawn once."""
    drawn = {0: [1.0, 1.0], 1: [1.0, 1.0, 1.0], 2: [0.0, 0.0, 0.0, 1.0], 3: [0.0], 4: [1.0]}
    found = summarise(
        "s",
        "a",
        [answer(n, s, repeat=r) for n, scores in drawn.items() for r, s in enumerate(scores)],
    )
    ordered = sorted(drawn, key=lambda n: ITEMS[n].digest)
    expected = repeats.components([drawn[n] for n in ordered])
    assert found.noise == pytest.approx(expected.noise_share)
    assert 0 < found.noise < 1
    assert summarise("s", "a", [answer(0, 1.0), answer(1, 0.0)]).noise is None


def test_missing_scores_bound_the_mean_and_are_never_filled_in():
    """Three of four right and two missing: between a half and five sixths."""
    found = summarise(
        "s", "a", [answer(n, s) for n, s in enumerate([1.0, 1.0, 1.0, 0.0, None, None])]
    )
    assert found.figure.value == 0.75
    assert found.unscored == 2
    assert (found.worst, found.best) == (pytest.approx(0.5), pytest.approx(5 / 6))


def test_nothing_but_missing_scores_is_no_figure():
    """Everything between 0 and 1 is possible."""
    found = summarise("s", "a", [answer(0, None)])
    assert (found.figure, found.worst, found.best) == (None, 0.0, 1.0)


def test_retries_are_a_reported_sensitivity():
    """The mean without the items that needed another try stands beside the mean."""
    found = summarise(
        "s", "a", [answer(0, 1.0), answer(1, 1.0), answer(2, 0.0, attempts=3), answer(3, 1.0)]
    )
    assert (found.retried, found.first_try, found.figure.value) == (1, 1.0, 0.75)


def test_price_and_time_are_per_answer():
    """One unknown price makes the mean unknown; what was not bought again is counted."""
    found = summarise(
        "s",
        "a",
        [
            answer(0, 1.0, micro_dollars=4, seconds=1.0),
            answer(1, 1.0, micro_dollars=8, seconds=2.0, bought=False),
        ],
    )
    assert (found.micro_dollars, found.seconds, found.reused) == (6.0, 1.5, 1)
    unknown = summarise("s", "a", [answer(0, 1.0), answer(1, 1.0, micro_dollars=None)])
    assert unknown.micro_dollars is None


def test_an_endpoint_that_changed_is_seen():
    """Two revisions in one figure are two models."""
    found = summarise("s", "a", [answer(0, 1.0, revision="m 2"), answer(1, 1.0, revision="m 1")])
    assert found.revisions == ("m 1", "m 2")


def test_no_answers_are_no_summary():
    """The caller has asked nothing."""
    assert summarise("s", "a", []) is None


def test_repeats_without_a_score_widen_the_bounds():
    """Of three answers to an item one has none: it may have been wrong, or right."""
    found = summarise(
        "s",
        "a",
        [answer(0, 1.0), answer(0, 0.0, repeat=1), answer(0, None, repeat=2), answer(1, 1.0)],
    )
    assert (found.unscored, found.partly) == (0, 1)
    assert found.worst == pytest.approx((1 / 3 + 1) / 2)
    assert found.best == pytest.approx((2 / 3 + 1) / 2)


def test_the_most_frequent_reason_for_no_score_is_kept():
    """Of many; none where everything is scored."""
    gaps = [answer(n, None, reason="timeout" if n else "refused") for n in range(3)]
    assert summarise("s", "a", [*gaps, answer(3, 1.0)]).unscored_why == "timeout"
    assert summarise("s", "a", [answer(3, 1.0)]).unscored_why is None
