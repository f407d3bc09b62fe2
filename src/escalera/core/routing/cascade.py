"""From which signal on the weak model may answer, so that a stated loss is not exceeded.

The signal may be anything that is high where the weak model is right: a router's probability
before it is asked (`quality`), or a confidence in its answer after it.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei 2021, arXiv 2110.01052): each threshold
is a null hypothesis "the expected loss exceeds the bound", and thresholds are tested in a fixed
order, from the one that asks the weak model least, until the first that is not rejected (their
fixed-sequence testing). The last one rejected keeps the bound with probability 1 - risk, whatever
the distribution, for any model and any signal, as long as neither was fitted on these items. That
thresholds are values of the sample does no harm, because the loss only falls as they rise: one of
them can err only where a fixed one at the edge of the bound errs (Bates, Angelopoulos, Lei, Malik
and Jordan 2021, arXiv 2101.02703, theorem 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.stats import distributions
from escalera.domain.quality import Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The lowest threshold that keeps the bound, None where none does."""

    threshold: float | None
    bound: Bound


def calibrate(
    signals: Sequence[float],
    weak: Sequence[float],
    strong: Sequence[float],
    *,
    most_lost: float,
    risk: float = 0.05,
    clusters: Sequence[str] | None = None,
) -> Found:
    """The threshold for items with these *signals* and scores in [0, 1] of both models.

    The loss of an item is max(0, strong - weak) where the weak model answers, else 0: what the weak
    model does better is not set off against it. Items that share a cluster share luck: then the
    bound is on the mean over clusters of the mean loss within each, and a cluster counts once.
    Without items no threshold is found. ValueError unless 0 < `most_lost` < 1.
    """
    if not 0 < most_lost < 1:
        raise ValueError(f"most_lost must lie strictly between 0 and 1, not {most_lost!r}")
    signal = np.asarray(signals, dtype=np.float64)
    losses = np.maximum(0, np.asarray(strong, dtype=np.float64) - np.asarray(weak))
    weights, n = _weights(clusters, len(signal))
    order = np.argsort(-signal, kind="stable")
    lost = np.cumsum((losses * weights)[order])
    binary = n == len(signal) and bool(np.isin(losses, (0.0, 1.0)).all())
    ends = np.flatnonzero(np.append(np.diff(signal[order]) != 0, values=True)[: len(signal)])
    taken = -1
    for end in ends:
        if p_value(float(lost[end]), n, most_lost, binary=binary) > risk:
            break
        taken = int(end)
    bound = Bound(
        most_lost=most_lost,
        risk=risk,
        lost=float(lost[taken]) / n if taken >= 0 else 0.0,
        strong=1 - (taken + 1) / max(1, len(signal)),
        n=n,
    )
    threshold = float(signal[order[taken]]) if taken >= 0 else None
    return Found(threshold=threshold, bound=bound)


def p_value(lost: float, n: int, bound: float, *, binary: bool) -> float:
    """Of "the expected loss exceeds *bound*", after a sum of *lost* in *n* items.

    Exact for losses of 0 and 1: P(Binomial(n, bound) <= lost). Between, the Hoeffding-Bentkus p
    value of Learn then Test: the smaller of exp(-n h(min(lost / n, bound), bound)) and
    e P(Binomial(n, bound) <= ceil(lost)), with h the Bernoulli relative entropy.
    """
    below = distributions.binomial_cdf(min(n, math.ceil(lost - 1e-9)), n, bound)
    if binary:
        return below
    mean = min(lost / n, bound)
    entropy = (1 - mean) * math.log((1 - mean) / (1 - bound))
    entropy += mean * math.log(mean / bound) if mean > 0 else 0.0
    return min(1.0, math.exp(-n * entropy), math.e * below)


# Below: private.


def _weights(clusters: Sequence[str] | None, items: int) -> tuple[np.ndarray, int]:
    """What each item counts, so that every cluster counts 1; and how many there are."""
    if clusters is None:
        return np.ones(items), items
    _, places, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return 1.0 / sizes[places], len(sizes)
