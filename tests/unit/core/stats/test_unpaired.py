"""The difference of two means from separate samples."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from escalera.core.stats import clustering, mean, unpaired
from escalera.core.stats.clustering import Interval


def share(right: int, n: int) -> Interval:
    return mean.interval([1.0] * right + [0.0] * (n - right), rule="wider of two")


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_published_intervals_of_shares(
    first: tuple[int, int], second: tuple[int, int], lower: float, upper: float
) -> None:
    """Newcombe (1998), table II, method 10."""
    found = unpaired.difference(share(*first), share(*second))
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=6e-5)


@given(
    n=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_shares_agree_with_statsmodels(n: tuple[int, int], at: tuple[float, float]) -> None:
    """Its method "newcomb", which is the same from two Wilson intervals; signs mirror."""
    right = [round(p * size) for p, size in zip(at, n, strict=True)]
    one, other = share(right[0], n[0]), share(right[1], n[1])
    found, mirrored = unpaired.difference(one, other), unpaired.difference(other, one)
    expected = confint_proportions_2indep(right[0], n[0], right[1], n[1], method="newcomb")
    assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-9)
    assert (mirrored.lower, mirrored.upper) == pytest.approx((-found.upper, -found.lower))


def test_with_standard_errors_it_is_the_textbook() -> None:
    """Symmetric intervals combine as sqrt(s^2 + s'^2)."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.2, 1, 900), rng.normal(0.0, 2, 1600)
    found = unpaired.difference(*(normal(values) for values in (one, other)))
    half = 1.96 * math.hypot(one.std(ddof=1) / 30, other.std(ddof=1) / 40)
    assert found.upper - found.estimate == pytest.approx(half, rel=0.005)
    assert found.estimate == pytest.approx(one.mean() - other.mean())


def normal(values: np.ndarray) -> Interval:
    found = clustering.robust_mean(values)
    lower, upper = clustering.t_interval(found)
    return Interval(estimate=found.value, lower=lower, upper=upper, alpha=0.05, method="t")


def test_intervals_at_two_errors_are_refused() -> None:
    """They say different things."""
    with pytest.raises(ValueError, match="compute both at one alpha"):
        unpaired.difference(share(3, 9), mean.interval([0.0, 1.0], alpha=0.1))
