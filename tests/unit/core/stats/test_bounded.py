"""Steps are checked against their bounds, and clusters become one step each."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import bounded


@given(rows=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-1, 1)), min_size=1, max_size=30))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_clusters_become_sums_and_sizes(rows: list[tuple[str, float]]) -> None:
    """Every cluster is one step, in the order of its first item; nothing is lost."""
    labels, values = [c for c, _ in rows], [x for _, x in rows]
    sums, sizes = bounded.per_cluster(values, labels)
    order = list(dict.fromkeys(labels))
    for label, total, size in zip(order, sums, sizes, strict=True):
        mine = [x for c, x in rows if c == label]
        assert (total, size) == (pytest.approx(math.fsum(mine)), len(mine))
    assert bounded.per_cluster(values, None) == (tuple(values), (1,) * len(values))


def test_steps_are_items_unless_sizes_are_given() -> None:
    """A number, a list and sums with sizes become arrays; rounding over a bound is taken back."""
    sums, sizes = bounded.steps(0.5, low=0.0, high=1.0)
    assert (sums.tolist(), sizes.tolist()) == ([0.5], [1.0])
    sums, sizes = bounded.steps([2.0 + 1e-12, -1.0], [2, 3], low=-1.0, high=1.0, largest=3)
    assert (sums.tolist(), sizes.tolist()) == ([2.0, -1.0], [2.0, 3.0])


@pytest.mark.parametrize(
    ("values", "sizes", "message"),
    [
        ([0.5, 1.5], None, "1.5 at position 1 lies outside"),
        ([float("nan")], None, "nan at position 0 lies outside"),
        ([0.5], [4], "4.0 at position 0 is no cluster size from 1 to 3"),
        ([0.5], [1.5], "is no cluster size"),
        ([0.5], [0], "is no cluster size"),
        ([2.5], [2], "lies outside"),
        ([0.5], [1, 1], "are no steps"),
    ],
)
def test_steps_outside_their_bounds_are_refused(
    values: list[float], sizes: list[int] | None, message: str
) -> None:
    """An observation that breaks its bounds would break the guarantee: it raises."""
    with pytest.raises(ValueError, match=message):
        bounded.steps(values, sizes, low=-1.0, high=1.0, largest=3)


def test_bad_bounds_are_refused() -> None:
    """Empty or infinite ranges, clusters of nobody and nulls at a bound raise."""
    for low, high in ((1.0, 1.0), (0.0, math.inf), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match="are no range"):
            bounded.require_range(low, high, 1)
    with pytest.raises(ValueError, match="largest_cluster 0"):
        bounded.require_range(0.0, 1.0, 0)
    with pytest.raises(ValueError, match=r"margin 1\.0 must lie strictly between"):
        bounded.require_inside("margin", 1.0, low=-1.0, high=1.0)


def test_the_mean_of_items_is_where_steps_are_fair() -> None:
    """With sizes that go with values, S - n m is fair at E[S]/E[n], not at the mean of means."""
    sums, sizes = np.array([0.9, 0.0]), np.array([1.0, 9.0])
    mean = sums.sum() / sizes.sum()
    assert (sums - sizes * mean).mean() == pytest.approx(0.0)
    assert abs((sums - sizes * (sums / sizes).mean()).mean()) > 0.1
