"""Factorial screening: orthogonal designs, and effects as a regression has them."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.stats import factorial

COUNTS = range(1, factorial.MOST_FACTORS + 1)


@pytest.mark.parametrize("factors", COUNTS)
def test_every_factor_is_balanced_against_every_other(factors: int) -> None:
    """Any two columns show their four settings equally often, so effects do not mix."""
    signs = np.where(factorial.design(factors), 1, -1)
    assert (signs.sum(axis=0) == 0).all()
    assert (signs.T @ signs == len(signs) * np.eye(factors)).all()


@pytest.mark.parametrize("factors", COUNTS)
def test_interactions_of_two_do_not_bias_a_main_effect(factors: int) -> None:
    """Resolution IV: the product of two columns is orthogonal to every column."""
    signs = np.where(factorial.design(factors), 1, -1)
    for first in range(factors):
        for second in range(first):
            pair = signs[:, first] * signs[:, second]
            assert (signs.T @ pair == 0).all()


def test_runs_grow_with_factors_not_with_their_settings() -> None:
    """Eight factors have 256 settings; 24 runs do."""
    assert [len(factorial.design(count)) for count in (3, 7, 8, 11, 15, 19)] == [
        8, 16, 24, 24, 32, 40,
    ]  # fmt: skip
    assert factorial.design(5)[0].all()
    assert len({tuple(row) for row in factorial.design(11).tolist()}) == 24


def test_the_twelve_run_design_is_that_of_plackett_and_burman() -> None:
    """Their table of 1946 for N = 12: the row + + - + + + - - - + - and its shifts."""
    row = [1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1]
    published = {tuple(np.roll(row, n).tolist()) for n in range(11)} | {(-1,) * 11}
    signs = np.where(factorial.design(11), 1, -1)
    assert {tuple(run) for run in signs[12:].tolist()} == published


@given(st.integers(1, 8), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_effects_are_those_of_a_regression(factors: int, items: int, seed: int) -> None:
    """Ordinary least squares on all answers, a slow way to the same numbers."""
    random = np.random.default_rng(seed)
    runs = factorial.design(factors)
    scores = random.random((len(runs), items))
    found = factorial.effects(scores, runs)
    columns = sm.add_constant(np.repeat(runs.astype(float), items, axis=0))
    slopes = sm.OLS(scores.ravel(), columns).fit().params[1:]
    assert [effect.value for effect in found] == pytest.approx(slopes.tolist(), abs=1e-9)


def test_an_effect_that_is_there_is_found_among_eleven() -> None:
    """Two factors help, one harms, two interact; 20 items are enough to see which."""
    random = np.random.default_rng(3)
    runs = factorial.design(11)
    rates = 0.4 + 0.2 * runs[:, 2] + 0.15 * runs[:, 7] - 0.2 * runs[:, 5]
    rates = rates + 0.1 * (runs[:, 0] ^ runs[:, 1])
    difficulty = random.normal(0, 0.1, size=20)
    scores = (random.random((24, 20)) < rates[:, None] + difficulty).astype(float)
    found = factorial.effects(scores, runs)
    assert [n for n, effect in enumerate(found) if effect.lower > 0] == [2, 7]
    assert [n for n, effect in enumerate(found) if effect.upper < 0] == [5]


def test_items_of_a_cluster_are_one() -> None:
    """Copies of an item widen nothing away: the interval is that of the clusters."""
    random = np.random.default_rng(0)
    runs = factorial.design(3)
    scores = random.random((8, 10))
    copied = np.repeat(scores, 5, axis=1)
    labels = np.repeat(np.arange(10), 5)
    for once, copies in zip(
        factorial.effects(scores, runs), factorial.effects(copied, runs, labels), strict=True
    ):
        assert (copies.lower, copies.upper) == pytest.approx((once.lower, once.upper))


def test_what_cannot_be_estimated_is_refused() -> None:
    """With the offending shape or number."""
    runs = factorial.design(3)
    with pytest.raises(ValueError, match="do not belong together"):
        factorial.effects(np.zeros((7, 5)), runs)
    with pytest.raises(ValueError, match="never changes"):
        factorial.effects(np.zeros((8, 5)), np.ones((8, 3), dtype=bool))
    for count in (0, 20):
        with pytest.raises(ValueError, match=f"{count} factors"):
            factorial.design(count)


def some_pairs(scores: np.ndarray, runs: np.ndarray, pairs: int) -> np.ndarray:
    """The scores of so many mirrored pairs for each item, in turn; NaN for the others."""
    half = len(runs) // 2
    kept = np.full_like(scores, np.nan)
    for item in range(scores.shape[1]):
        for place in range(pairs):
            row = (item * pairs + place) % half
            kept[[row, row + half], item] = scores[[row, row + half], item]
    return kept


@given(st.integers(1, 11), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_all_pairs_say_what_all_runs_say(factors: int, items: int, seed: int) -> None:
    """Value and interval."""
    runs = factorial.design(factors)
    scores = np.random.default_rng(seed).random((len(runs), items))
    whole, pairs = (
        ask(scores, runs, alpha=0.2) for ask in (factorial.effects, factorial.effects_of_pairs)
    )
    for one, other in zip(whole, pairs, strict=True):
        assert [one.value, one.lower, one.upper] == pytest.approx(
            [other.value, other.lower, other.upper], abs=1e-9
        )


def test_many_items_under_few_runs_know_more_of_effects_that_differ() -> None:
    """The same 240 calls: a factor that helps a quarter of the items much."""
    random = np.random.default_rng(1)
    runs = factorial.design(7)
    half_widths = {}
    for items, pairs in ((15, 8), (60, 2)):
        values = []
        for _ in range(200):
            helped = np.where(random.random(items) < 0.25, 0.5, 0.0)
            rates = 0.3 + runs[:, [2]] * helped + 0.1 * runs[:, [4]]
            scores = (random.random((16, items)) < rates).astype(float)
            found = factorial.effects_of_pairs(some_pairs(scores, runs, pairs), runs)
            values.append([effect.value for effect in found])
        mean, half_widths[items] = np.mean(values, axis=0), np.std(values, axis=0)[2]
        assert mean.tolist() == pytest.approx([0, 0, 0.125, 0, 0.1, 0, 0], abs=0.02)
    assert half_widths[60] < 0.9 * half_widths[15]


def test_pairs_that_are_none_are_refused() -> None:
    """Settings that are not mirrored, and an item that was asked on one side only."""
    runs = factorial.design(3)
    scores = np.zeros((8, 5))
    with pytest.raises(ValueError, match="not runs followed by their mirrored ones"):
        factorial.effects_of_pairs(scores, runs[::-1][:6])
    scores[4:, 2] = np.nan
    with pytest.raises(ValueError, match="not asked under any mirrored pair"):
        factorial.effects_of_pairs(scores, runs)
