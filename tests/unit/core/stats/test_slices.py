"""Slices: simultaneous intervals, Paule-Mandel against statsmodels, shrinkage that helps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from escalera.core.stats import mean, paired, slices

# Eight schools, Rubin (1981): effects and their standard errors.
SCHOOLS = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
ERRORS = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]
# Magnesium-like, heterogeneous: Cochran (1954) style means of unequal precision.
UNEQUAL = [0.10, 0.30, 0.35, 0.65, 0.45, 0.15]
UNEQUAL_VARIANCES = [0.001, 0.03, 0.001, 0.005, 0.02, 0.001]


def test_paule_mandel_matches_statsmodels() -> None:
    """The root equals statsmodels' iterated estimate, heterogeneous or not."""
    expected = combine_effects(np.array(UNEQUAL), np.array(UNEQUAL_VARIANCES), method_re="pm")
    found = slices.between_variance(UNEQUAL, UNEQUAL_VARIANCES)
    assert found == pytest.approx(expected.tau2, rel=1e-4)
    assert found > 0.01
    assert slices.between_variance(SCHOOLS, [e * e for e in ERRORS]) == 0.0


def test_slices_keep_their_own_intervals_at_a_share_of_alpha() -> None:
    """Each interval is that of the slice alone at alpha over the number of slices."""
    scores = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    names = ["a", "b", "a", "b", "c", "a"]
    labels = [1, 1, 2, 2, 3, 3]
    found = slices.means(scores, names, labels, alpha=0.06)
    assert [s.name for s in found.slices] == ["a", "b", "c"]
    assert [(s.n, s.clusters) for s in found.slices] == [(3, 3), (2, 2), (1, 1)]
    assert found.slices[0].interval == mean.interval([1.0, 1.0, 1.0], [1, 2, 3], alpha=0.02)
    other = slices.differences(scores, [0.5] * 6, names, labels, alpha=0.06)
    assert other.slices[1].interval == paired.interval([0.0, 1.0], [0.5, 0.5], [1, 2], alpha=0.02)


def test_small_slices_are_shrunk_most() -> None:
    """Equal deviations from the common mean: the slice with fewer items moves further."""
    rng = np.random.default_rng(61)
    names, scores = [], []
    for name, share, n in (("x", 0.5, 200), ("y", 0.9, 200), ("small", 0.9, 8), ("z", 0.3, 200)):
        names += [name] * n
        scores += (np.arange(n) < round(share * n)).astype(float).tolist()
    order = rng.permutation(len(names))
    found = slices.means([scores[i] for i in order], [names[i] for i in order])
    rows = {s.name: s for s in found.slices}
    assert rows["small"].weight < 0.8 < rows["y"].weight
    assert found.common < rows["small"].pooled < rows["small"].interval.estimate
    assert found.between == pytest.approx(0.26, abs=0.08)


def test_slices_without_heterogeneity_share_one_estimate() -> None:
    """Slices that differ by less than chance are pooled completely."""
    scores = [1.0, 0.0] * 20
    found = slices.means(scores, [i // 10 for i in range(40)])
    assert found.between == 0.0
    assert {s.pooled for s in found.slices} == {0.5}


def test_scores_that_never_vary_are_left_alone() -> None:
    """Nothing varies within a slice: no weight can be known, means stay as they are."""
    found = slices.means([1.0, 1.0, 0.5, 0.5], ["a", "a", "b", "b"])
    assert [(s.pooled, s.weight) for s in found.slices] == [(1.0, 1.0), (0.5, 1.0)]
    single = slices.means([1.0, 0.0], ["a", "b"])
    assert [s.pooled for s in single.slices] == [1.0, 0.0]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcd"), st.floats(0, 1), st.integers(0, 5)),
        min_size=1,
        max_size=40,
    )
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_pooled_lies_between_mean_and_common(rows: list[tuple[str, float, int]]) -> None:
    """Every item is counted once; pooling interpolates; intervals hold their estimates."""
    names, scores, labels = zip(*rows, strict=True)
    found = slices.means(scores, names, labels)
    assert sum(s.n for s in found.slices) == len(rows)
    for s in found.slices:
        low, high = sorted((s.interval.estimate, found.common))
        assert low - 1e-12 <= s.pooled <= high + 1e-12
        assert s.interval.lower - 1e-12 <= s.interval.estimate <= s.interval.upper + 1e-12
        assert 0.0 <= s.weight <= 1.0


def test_pooling_errs_less_and_intervals_hold_together() -> None:
    """20 slices of 10 to 60 items, true shares around 0.7: pooled estimates err at least a fifth
    less in squares, and all 20 intervals cover together in 95 % (seeded, 200 tables).
    """
    rng = np.random.default_rng(62)
    sizes = rng.integers(10, 60, 20)
    names = np.repeat(np.arange(20), sizes)
    raw = shrunk = 0.0
    together = 0
    for _ in range(200):
        shares = np.clip(rng.normal(0.7, 0.06, 20), 0.0, 1.0)
        scores = (rng.random(names.size) < shares[names]).astype(float)
        found = slices.means(scores, names.tolist())
        raw += sum((s.interval.estimate - shares[int(str(s.name))]) ** 2 for s in found.slices)
        shrunk += sum((s.pooled - shares[int(str(s.name))]) ** 2 for s in found.slices)
        together += all(
            s.interval.lower <= shares[int(str(s.name))] <= s.interval.upper for s in found.slices
        )
    assert shrunk < 0.8 * raw
    assert together >= 0.95 * 200 - 3 * math.sqrt(0.05 * 0.95 * 200)


def test_bad_tables_are_refused() -> None:
    """Lengths that differ, nothing at all, and variances that are none."""
    with pytest.raises(ValueError, match="1 scores for 2 slice names"):
        slices.means([1.0], ["a", "b"])
    with pytest.raises(ValueError, match="0 scores for 0 slice names"):
        slices.means([], [])
    with pytest.raises(ValueError, match="1 variances for 2"):
        slices.between_variance([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="position 1"):
        slices.between_variance([1.0, 2.0], [1.0, 0.0])
