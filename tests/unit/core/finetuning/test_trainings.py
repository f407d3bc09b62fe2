"""Trainings are checked, and their errors hang together as subsets do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from escalera.core.finetuning import trainings
from escalera.core.finetuning.trainings import Training
from escalera.errors import InputError


def at(examples: int, score: float = 0.5, chain: int = 0, items: int = 100) -> Training:
    return Training(examples=examples, chain=chain, score=score, items=items)


def test_a_training_from_its_items() -> None:
    """The mean, the number and the scores themselves."""
    found = trainings.of_scores(40, 2, [1.0, 0.0, 0.5, 0.5])
    assert (found.score, found.items, found.scores) == (0.5, 4, (1.0, 0.0, 0.5, 0.5))
    with pytest.raises(InputError, match="no scored item"):
        trainings.of_scores(40, 0, [])


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        ([], "three sizes, each twice the one before"),
        ([at(40)], "train on 20 and 10 examples next"),
        ([at(40), at(20), at(20, chain=1)], "sizes measured: 20 and 40.*train on 10 examples next"),
        ([at(3), at(2)], "three sizes, each twice the one before"),
        ([at(0), at(10), at(20)], "0 examples is no point"),
        ([at(5), at(10, score=1.2), at(20)], "score 1.2"),
        ([at(5), at(10, items=0), at(20)], "0 items"),
    ],
)
def test_what_is_no_curve_is_refused_with_what_to_do(measured, says) -> None:
    """Too few sizes say which to measure next."""
    with pytest.raises(InputError, match=says):
        trainings.points(measured)


def test_a_pool_is_not_smaller_than_its_subsets() -> None:
    """And items are the same for all."""
    with pytest.raises(InputError, match="pool of 30"):
        trainings.points([at(10), at(20), at(40)], pool=30)
    some = [trainings.of_scores(n, 0, [1.0] * k) for n, k in ((10, 4), (20, 4), (40, 5))]
    with pytest.raises(InputError, match="different numbers of items"):
        trainings.points(some)


@given(
    scores=st.lists(st.integers(0, 20).map(lambda x: x / 20), min_size=3, max_size=8),
    twice=st.lists(st.booleans(), min_size=8, max_size=8),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_levels_are_isotonic_regression(scores, twice) -> None:
    """As SciPy's, weighted by trainings of a size, and half an item off both ends."""
    measured = [at(10 * 2**i, s) for i, s in enumerate(scores)]
    measured += [at(10 * 2**i, s, chain=1) for i, s in enumerate(scores) if twice[i]]
    found = trainings.points(measured)
    weight = [1.0 + twice[i] for i in range(len(scores))]
    fitted = isotonic_regression(1.0 - np.array(scores), weights=weight, increasing=False).x
    for examples, level in zip(found.examples, found.level, strict=True):
        right = fitted[int(np.log2(examples / 10))]
        assert level == pytest.approx((100.0 * right + 0.5) / 101.0)


def test_flips_are_the_variance_of_items_over_chains() -> None:
    """Two trainings of 20 disagree on one item of four; the levels are those of the sizes."""
    measured = [
        trainings.of_scores(10, 0, [0.0, 0.0, 0.0, 1.0]),
        trainings.of_scores(20, 0, [1.0, 0.0, 0.0, 1.0]),
        trainings.of_scores(20, 1, [0.0, 0.0, 1.0, 1.0]),
        trainings.of_scores(40, 0, [1.0, 1.0, 0.0, 1.0]),
    ]
    found = trainings.points(measured)
    level = (0.5 * 4 + 0.5) / 5
    assert found.flips == pytest.approx((0.5 + 0.5) / 4 / (level * (1.0 - level)))
    assert trainings.points([measured[0], measured[1], measured[3]]).flips is None
    assert trainings.points([at(10), at(20), at(20, chain=1), at(40)]).flips is None


def test_correlation_is_that_of_means_of_subsets() -> None:
    """Simulated: means of nested and of crossing subsets of a drawn pool."""
    rng = np.random.default_rng(5)
    sizes, chains = [4, 8, 16, 4, 8], [0, 0, 0, 1, 1]
    found = trainings.points([at(n, chain=c) for n, c in zip(sizes, chains, strict=True)])
    means = np.empty((40_000, 5))
    for run in range(len(means)):
        pool = rng.standard_normal(16)
        orders = [rng.permutation(16), rng.permutation(16)]
        means[run] = [
            pool[orders[int(c)][: int(n)]].mean()
            for n, c in zip(found.examples, found.chain, strict=True)
        ]
    simulated = np.corrcoef(means.T)
    assert trainings.overlap_correlation(found) == pytest.approx(simulated, abs=0.02)
