"""Pilots ask prompts of all lengths, and take from answers alone what only answers tell."""

import numpy as np
import pytest
from scipy import stats

from escalera.core.economics import pilot
from escalera.domain.dataset import rank
from escalera.domain.message import Message, Reply, Request, Usage
from escalera.domain.project import ModelPrice

PRICE = ModelPrice(prompt=1_000_000, completion=4_000_000)


def request(*lengths: int) -> Request:
    return Request(messages=tuple(Message(role="user", content="x" * n) for n in lengths))


def reply(read: int, written: int) -> Reply:
    return Reply(
        text="y",
        finish_reason="stop",
        usage=Usage(prompt_tokens=read, completion_tokens=written),
        micro_dollars=read + 4 * written,
        seconds=1.0,
        revision="r",
    )


def keyed(count: int, seed: int) -> list[bytes]:
    return [rank(str(at), seed=seed) for at in range(count)]


def test_each_tenth_by_length_gives_one_item() -> None:
    """Whatever the order of the items, and the same ones again."""
    rng = np.random.default_rng(1)
    lengths = rng.permutation(100).tolist()
    chosen = pilot.spread(lengths, keyed(100, 3), count=10)
    assert sorted(lengths[at] // 10 for at in chosen) == list(range(10))
    assert chosen == pilot.spread(lengths, keyed(100, 3), count=10) == tuple(sorted(chosen))
    assert chosen != pilot.spread(lengths, keyed(100, 4), count=10)


def test_parts_are_as_equal_as_they_can_be_and_few_items_are_all_asked() -> None:
    """Of 23 items by fives: parts of four and five."""
    lengths = list(range(23))
    chosen = pilot.spread(lengths, keyed(23, 0), count=5)
    assert [sum(at >= end for end in (4, 9, 13, 18)) for at in chosen] == [0, 1, 2, 3, 4]
    assert pilot.spread([5, 1, 3], keyed(3, 0), count=3) == (0, 1, 2)
    assert pilot.spread([], [], count=10) == ()


def test_over_keys_the_mean_is_that_of_all_items() -> None:
    """No item is favoured: unbiased, and nearer than ten items at random."""
    rng = np.random.default_rng(2)
    lengths = rng.lognormal(5.0, 0.8, size=200).astype(int).tolist()
    costs = np.array(lengths) + rng.normal(0.0, 20.0, size=200)
    means = [
        costs[list(pilot.spread(lengths, keyed(200, seed), count=10))].mean() for seed in range(400)
    ]
    error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means) - costs.mean()) < 3.5 * error
    assert np.std(means) < 0.7 * costs.std() / np.sqrt(10)


def test_prompts_are_taken_as_they_are_and_answers_as_they_came() -> None:
    """Two calls at one token per four characters, all prompts 100 characters long on average."""
    asked = (request(40, 40), request(40))
    prompt, answers = pilot.split(
        asked, (reply(20, 5), reply(10, 30)), mean_characters=100.0, price=PRICE
    )
    assert prompt == pytest.approx(25.0)
    assert answers == pytest.approx((20.0, 120.0))
    assert pilot.characters(asked[0]) == 80


def test_answers_of_one_length_leave_no_spread() -> None:
    """However different the prompts are."""
    asked = [request(n) for n in (10, 500, 4_000)]
    replies = [reply(n // 5, 7) for n in (10, 500, 4_000)]
    prompt, answers = pilot.split(asked, replies, mean_characters=1_000.0, price=PRICE)
    assert (prompt, *answers) == pytest.approx((200.0, 28.0, 28.0, 28.0))
    assert pilot.interval(answers) == pytest.approx((28.0, 28.0))


def test_the_interval_is_as_the_formula_has_it() -> None:
    """On the scale of logarithms; one answer, or free ones, have none."""
    answers = [4.0, 10.0, 16.0, 50.0]
    wide = np.exp(stats.t.isf(0.025, 3) * stats.sem(answers) / 20.0)
    assert pilot.interval(answers) == pytest.approx((20.0 / wide, 20.0 * wide))
    assert pilot.interval([7.0]) == (7.0, 7.0)
    assert pilot.interval([0.0, 0.0]) == (0.0, 0.0)


def test_skewed_lengths_are_covered_more_often_than_by_mean_and_error() -> None:
    """Ten answers whose lengths are lognormal, 4,000 times."""
    rng = np.random.default_rng(3)
    drawn = rng.lognormal(0.0, 0.9, size=(4_000, 10))
    truth = np.exp(0.405)
    low, high = np.array([pilot.interval(row.tolist()) for row in drawn]).T
    half = stats.t.isf(0.025, 9) * drawn.std(axis=1, ddof=1) / np.sqrt(10)
    plain = (np.abs(drawn.mean(axis=1) - truth) <= half).mean()
    covered = ((low <= truth) & (truth <= high)).mean()
    assert plain + 0.02 < covered
    assert covered > 0.88
