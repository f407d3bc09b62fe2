"""The jackknife: correlation as a known coefficient, clusters as blocks, bounds where it fails."""

import math

import numpy as np
import pytest

from escalera.core.stats import jackknife

X = np.array([0.5, 1.5, 2.0, 3.5, 4.0, 5.5, 6.0, 7.0])
Y = np.array([1.0, 0.5, 2.5, 2.0, 4.5, 4.0, 7.5, 5.0])


def correlation(kept: list[int]) -> float:
    return float(np.corrcoef(X[kept], Y[kept])[0, 1])


def without(group: list[int]) -> float:
    return correlation([i for i in range(8) if i not in group])


def unused() -> tuple[float, float]:
    raise AssertionError


def test_agrees_with_the_formula_on_the_atanh_scale() -> None:
    """Pseudo-values of atanh(r): their mean square over G (G - 1) is the squared error."""
    groups = jackknife.positions(8)
    found = jackknife.interval(correlation(list(range(8))), groups, without, unused)
    full = math.atanh(correlation(list(range(8))))
    pseudo = [8 * full - 7 * math.atanh(without(g)) for g in groups]
    error = np.std(pseudo, ddof=1) / math.sqrt(8)
    t = 2.3646242515927849  # t(0.975, 7)
    expected = (math.tanh(full - t * error), math.tanh(full + t * error))
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-9)
    assert found.method == "jackknife-t"


def test_clusters_are_left_out_whole() -> None:
    """Positions of a label belong together, in order of first appearance."""
    assert jackknife.positions(5, ["b", "a", "b", "c", "a"]) == [[0, 2], [1, 4], [3]]
    with pytest.raises(ValueError, match="2 cluster labels for 3 units"):
        jackknife.positions(3, ["a", "b"])


@pytest.mark.parametrize(("estimate", "left"), [(0.5, math.nan), (1.0, 0.9), (0.9, 1.0)])
def test_the_bound_replaces_an_undefined_jackknife(estimate: float, left: float) -> None:
    """At 1, or undefined without a group, the ends are the bound's, around the estimate."""
    found = jackknife.interval(estimate, [[0], [1]], lambda _: left, lambda: (-3.0, 0.2))
    assert (found.lower, found.upper, found.method) == (-1.0, estimate, "variance-bound")


def test_fragile_and_single_groups() -> None:
    """A fragile coefficient takes the bound; one group says nothing."""
    found = jackknife.interval(0.5, [[0], [1]], lambda _: 0.5, lambda: (0.1, 0.9), fragile=True)
    assert (found.lower, found.upper) == (0.1, 0.9)
    alone = jackknife.interval(0.5, [[0, 1]], lambda _: 0.5, unused)
    assert (alone.lower, alone.upper, alone.method) == (-1.0, 1.0, "one-cluster")
