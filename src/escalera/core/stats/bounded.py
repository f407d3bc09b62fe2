"""Observations between known bounds, one per independent step.

The exact sequential methods (`eprocess`, `betting`, `finite`) rest on bounds that hold for certain
and on steps that are exchangeable or independent. Items of one cluster are neither independent nor
of a number known beforehand, so a whole cluster is one step: the sum of its values, and its size.

The mean is that of items, mu = E[sum of a cluster] / E[size of a cluster], also when sizes differ:
for every m the step S - n m has expectation 0 if and only if m = mu, and it lies in
[n (low - m), n (high - m)] whatever its size. Dividing by the largest size that can occur (stated
beforehand, never the largest seen) turns it into a bounded fair bet. Clusters far smaller than the
largest waste evidence: state the true largest size, and split by a finer cluster if there is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from escalera.arrays import np
from escalera.core.stats import clustering
from escalera.core.stats.clustering import Clusters, Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sizes: TypeAlias = "Sequence[int] | NDArray[np.int_] | None"
Floats: TypeAlias = "NDArray[np.float64]"

_ROUNDING = 1e-9


def per_cluster(values: Values, clusters: Clusters) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the sum and the size of every cluster, in the order in which labels first occur.

    Clusters must be complete: the rest of a cluster handed in later would pass for a new one.
    Without labels every item is a step of size 1. Sums are exactly rounded (``math.fsum``).
    """
    groups = clustering.groups(values, clusters)
    return tuple(math.fsum(group) for group in groups), tuple(len(group) for group in groups)


def steps(
    values: Values, sizes: Sizes = None, *, low: float, high: float, largest: int = 1
) -> tuple[Floats, Floats]:
    """Return checked sums and sizes of steps as arrays; without sizes each step is one item.

    ValueError for values that are not finite, a size outside 1..largest, or a sum outside
    [size * low, size * high]: an observation outside its bounds would break the guarantee.
    """
    sums = np.atleast_1d(np.asarray(values, dtype=np.float64))
    counts = np.ones(sums.shape) if sizes is None else np.asarray(sizes, dtype=np.float64)
    if sums.ndim != 1 or counts.shape != sums.shape:
        raise ValueError(
            f"values of shape {sums.shape!r} with sizes of shape {counts.shape!r} are no steps: "
            "pass one sum per cluster and, with clusters, one size per cluster"
        )
    _refuse(
        (counts < 1) | (counts > largest) | (counts != np.floor(counts)),
        counts,
        f"is no cluster size from 1 to {largest!r}: state the largest size that can occur as "
        "largest_cluster before the first step",
    )
    slack = _ROUNDING * counts * (high - low)
    with np.errstate(invalid="ignore"):
        inside = (sums >= counts * low - slack) & (sums <= counts * high + slack)
    _refuse(
        ~inside,
        sums,
        f"lies outside the bounds [{low!r}, {high!r}] per item: state bounds that always hold, or "
        "use `asymptotic` for values without bounds, such as cost and latency",
    )
    return np.clip(sums, counts * low, counts * high), counts


def require_range(low: float, high: float, largest: int) -> None:
    """Raise ValueError unless low < high are finite and the largest cluster size is at least 1."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"bounds {low!r} and {high!r} are no range: pass finite numbers with low < high, -1 "
            "and 1 for differences of scores"
        )
    if not largest >= 1:
        raise ValueError(f"largest_cluster {largest!r} must be at least 1: pass 1 unclustered")


def require_inside(name: str, value: float, *, low: float, high: float) -> None:
    """Raise ValueError unless low < value < high, where a null can be told apart on both sides."""
    if not low < value < high:
        raise ValueError(
            f"{name} {value!r} must lie strictly between the bounds {low!r} and {high!r}: at a "
            "bound there is nothing to bet on"
        )


# Private.


def _refuse(bad: NDArray[np.bool_], numbers: Floats, rule: str) -> None:
    if bad.any():
        position = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{float(numbers[position])!r} at position {position} {rule}")
