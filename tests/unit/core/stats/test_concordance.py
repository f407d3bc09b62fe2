"""Kendall's tau-b against SciPy, a published example, and honest near perfect order."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from escalera.core.stats import concordance


def test_golden() -> None:
    """Two experts on four wines (Abdi 2007): 0.67; SciPy's documented example: -0.4714."""
    assert round(concordance.kendall_tau([1, 3, 2, 4], [1, 4, 2, 3]).estimate, 2) == 0.67
    tied = concordance.kendall_tau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
    assert tied.estimate == pytest.approx(-0.47140452079103173, rel=1e-12)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)),
        min_size=2,
        max_size=25,
    )
)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_tau_matches_scipy_and_leaves_clusters_out(rows: list[tuple[int, int, int]]) -> None:
    """Ties included; leaving a cluster out equals SciPy's tau of what is left."""
    x, y, labels = (list(column) for column in zip(*rows, strict=True))
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    found = concordance.kendall_tau(x, y, labels)
    assert found.estimate == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)
    assert -1.0 <= found.lower <= found.estimate <= found.upper <= 1.0
    left = []
    for label in dict.fromkeys(labels):
        kept = [i for i, one in enumerate(labels) if one != label]
        parts = [x[i] for i in kept], [y[i] for i in kept]
        defined = len(set(parts[0])) > 1 and len(set(parts[1])) > 1
        left.append(scipy.stats.kendalltau(*parts).statistic if defined else math.nan)
    if found.method == "jackknife-t":
        scaled, count = np.arctanh(left), len(left)
        error = math.sqrt((count - 1) / count * ((scaled - scaled.mean()) ** 2).sum())
        half = scipy.stats.t.ppf(0.975, count - 1) * error
        assert found.lower == pytest.approx(math.tanh(math.atanh(found.estimate) - half), abs=1e-9)


def test_perfect_order_is_not_certainty() -> None:
    """Ten units in the same order: Wilson's share of five disjoint pairs stays open."""
    found = concordance.kendall_tau(range(10), range(10))
    z2 = 1.959964**2
    assert (found.estimate, found.upper, found.method) == (1.0, 1.0, "variance-bound")
    assert found.lower == pytest.approx(1 - 2 * z2 / (5 + z2), abs=1e-6)
    opposite = concordance.kendall_tau(range(10), [-i for i in range(10)])
    assert (opposite.lower, opposite.upper) == pytest.approx((-1.0, -found.lower))


def test_interval_covers() -> None:
    """Bivariate normal with tau 0.5, 30 units: covered in at least 92 % (seeded, 300 runs)."""
    rng = np.random.default_rng(82)
    rho = math.sin(math.pi / 4)
    covered = 0
    for _ in range(300):
        x = rng.normal(size=30)
        y = rho * x + math.sqrt(1 - rho * rho) * rng.normal(size=30)
        found = concordance.kendall_tau(x, y)
        covered += found.lower <= 0.5 <= found.upper
    assert covered >= 276


def test_rankings_that_are_none_are_refused() -> None:
    """All tied, one unit, unequal lengths, not finite."""
    with pytest.raises(ValueError, match="all units are tied"):
        concordance.kendall_tau([1, 1], [1, 2])
    with pytest.raises(ValueError, match="no pairs of units"):
        concordance.kendall_tau([1], [1])
    with pytest.raises(ValueError, match="no pairs of units"):
        concordance.kendall_tau([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="not finite"):
        concordance.kendall_tau([1, math.nan], [1, 2])
