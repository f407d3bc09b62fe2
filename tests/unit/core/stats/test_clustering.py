"""The cluster-robust mean agrees with statsmodels and does not depend on order."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import clustering


def test_cluster_error_matches_statsmodels() -> None:
    """SE equals the sandwich of an intercept-only regression with the G/(G-1) factor."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 23, 240)
    values = rng.random(240) * 0.5 + 0.02 * labels
    found = clustering.robust_mean(values, labels)
    # statsmodels multiplies by G/(G-1) * (n-1)/(n-k), and k = 1 leaves G/(G-1).
    fit = sm.OLS(values, np.ones(240)).fit(cov_type="cluster", cov_kwds={"groups": labels})
    assert found.value == pytest.approx(float(fit.params[0]), rel=1e-12)
    assert found.standard_error == pytest.approx(float(fit.bse[0]), rel=1e-10)
    assert (found.n, found.clusters, found.degrees_of_freedom) == (240, 23, 22)


def test_without_clusters_it_is_the_textbook_error() -> None:
    """Every item its own cluster gives s / sqrt(n), with or without labels."""
    values = [0.1, 0.9, 0.4, 0.4, 1.0]
    found = clustering.robust_mean(values)
    assert found.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(5), rel=1e-14)
    assert found == clustering.robust_mean(values, list("abcde"))


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1, allow_subnormal=False), st.integers(0, 4)),
        min_size=1,
        max_size=30,
    ),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_order_of_items_does_not_change_a_bit(rows: list[tuple[float, int]], seed: int) -> None:
    """Shuffled items give the identical estimate: a journal may be replayed in any order."""
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    first = clustering.robust_mean([x for x, _ in rows], [c for _, c in rows])
    again = clustering.robust_mean([x for x, _ in shuffled], [c for _, c in shuffled])
    assert first == again


def test_one_cluster_has_infinite_error() -> None:
    """One cluster says nothing about others: infinite error, unbounded interval."""
    found = clustering.robust_mean([0.2, 0.4, 0.9], ["a", "a", "a"])
    assert math.isinf(found.standard_error)
    assert found.degrees_of_freedom == 0
    assert clustering.t_interval(found) == (-math.inf, math.inf)


def test_t_interval_matches_the_printed_table() -> None:
    """Five items 1..5 tenths: 0.3 -+ 2.776 * 0.0707."""
    low, high = clustering.t_interval(clustering.robust_mean([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert (low, high) == pytest.approx((0.3 - 0.19632, 0.3 + 0.19632), abs=1e-5)


def test_fragile_means_that_nearly_all_clusters_tie() -> None:
    """Ties make an estimate fragile; ten varying clusters, or half of a few, do not."""
    ties = [0.7] * 100
    assert clustering.robust_mean(ties).fragile
    assert clustering.robust_mean([*ties, 0.1, 0.2, 0.3]).fragile
    assert not clustering.robust_mean([*ties, *np.linspace(0, 0.5, 10)]).fragile
    assert not clustering.robust_mean([0.1, 0.2, 0.3]).fragile
    # 0.1 + 0.2 is not 0.3 in floating point; cluster means are compared beyond rounding.
    assert clustering.robust_mean([0.7, 0.7, 0.7, 0.7], ["a", "a", "a", "b"]).informative == 0


def test_design_effect_reference_cases() -> None:
    """1 without clusters, m for copies within clusters of m, never below 1."""
    p = [0.0, 1.0] * 30
    assert clustering.design_effect(clustering.robust_mean(p), 0.25) == 1.0
    copies = [float(i % 2) for i in range(60) for _ in range(5)]
    labels = [i for i in range(60) for _ in range(5)]
    found = clustering.robust_mean(copies, labels)
    assert clustering.design_effect(found, 0.25) == pytest.approx(5.0 * 60 / 59, rel=1e-12)
    opposed = clustering.robust_mean(p, [i // 2 for i in range(60)])
    assert clustering.design_effect(opposed, 0.25) == 1.0
    constant = clustering.robust_mean([1.0] * 300, labels)
    assert clustering.design_effect(constant, 0.0) == 5.0


def test_bad_values_are_refused() -> None:
    """Empty, two-dimensional, non-finite values, wrong labels and levels raise with a remedy."""
    with pytest.raises(ValueError, match="at least one"):
        clustering.robust_mean([])
    with pytest.raises(ValueError, match="one number per item"):
        clustering.robust_mean(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="position 1 is not finite"):
        clustering.robust_mean([0.0, math.nan])
    with pytest.raises(ValueError, match="one label per value"):
        clustering.robust_mean([0.0, 1.0], ["a"])
    with pytest.raises(ValueError, match="alpha 1"):
        clustering.t_interval(clustering.robust_mean([0.0, 1.0]), alpha=1.0)


def test_groups_follow_first_occurrence() -> None:
    """Values are gathered by label in the order labels appear; without labels each is alone."""
    assert clustering.groups([1.0, 2.0, 3.0], ["b", "a", "b"]) == [[1.0, 3.0], [2.0]]
    assert clustering.groups([1.0, 2.0]) == [[1.0], [2.0]]
