"""Screening many on/off factors at once: what each is worth, from a few runs on common items.

A run is one setting of all factors. In an orthogonal design every factor is on in half of the runs
and balanced against every other, so each answer counts for every factor: eleven factors need 24
runs instead of 2048, and no more answers than one of them alone would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.stats import clustering
from escalera.core.stats.clustering import Clusters

MOST_FACTORS = 19
"""Of the designs at hand; more factors are better screened in groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What turning one factor on adds to the mean score, over all settings of the others.

    `lower` and `upper` bound it at two-sided error `alpha`; they are infinite with one cluster.
    """

    value: float
    lower: float
    upper: float
    alpha: float


def design(factors: int) -> NDArray[np.bool_]:
    """Return a resolution IV design: one row per run, one column per factor, True for on.

    A Hadamard matrix of the smallest order above *factors* (Plackett and Burman 1946, Biometrika
    33, for 12 and 20; Sylvester's for powers of two), then the same with every setting turned
    over (Box and Wilson 1951): main effects are then free of interactions of two factors. The
    first row has every factor on. ValueError outside 1 to `MOST_FACTORS`.
    """
    if not 1 <= factors <= MOST_FACTORS:
        raise ValueError(
            f"{factors!r} factors: an orthogonal design is at hand for 1 to {MOST_FACTORS}; "
            "screen in groups, or leave some out"
        )
    order = next(size for size in (2, 4, 8, 12, 16, 20) if size > factors)
    half = _hadamard(order)[:, 1 : factors + 1] > 0
    return np.vstack([half, ~half])


def effects(
    scores: NDArray[np.float64],
    settings: NDArray[np.bool_],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
) -> tuple[Effect, ...]:
    """Return the main effect of every factor, in the order of the columns of *settings*.

    *scores* has a row per run and a column per item. On every item an effect is the mean score of
    the runs with the factor on minus that of the others; items share their difficulty with every
    run, so it cancels. Error and interval are the cluster-robust ones of the mean over items
    (`clustering.robust_mean`). ValueError for shapes that do not belong together, scores that are
    not finite, or a factor that is always on or always off.
    """
    clustering.require_alpha(alpha)
    if scores.ndim != 2 or settings.ndim != 2 or scores.shape[0] != settings.shape[0]:
        raise ValueError(
            f"scores of shape {scores.shape!r} and settings of shape {settings.shape!r} do not "
            "belong together: pass one row per run in both"
        )
    return tuple(_effect(scores, column, clusters, alpha) for column in settings.T)


def effects_of_pairs(
    scores: NDArray[np.float64],
    settings: NDArray[np.bool_],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
) -> tuple[Effect, ...]:
    """Return the main effects where an item was asked under some pairs of mirrored runs only.

    *settings* are those of `design`, whose second half mirrors the first; *scores* is NaN where an
    item was not asked. Within a pair every factor is on once, so each pair gives one difference for
    every factor; on every item they are averaged. More items with fewer runs each: the same calls
    say more of effects that differ from item to item. Asked under all runs, the same as `effects`.
    ValueError for settings that are not mirrored, and for an item without a pair.
    """
    clustering.require_alpha(alpha)
    half = len(settings) // 2
    if scores.shape[:1] != settings.shape[:1] or not np.array_equal(
        settings[half:], ~settings[:half]
    ):
        raise ValueError(
            f"settings of shape {settings.shape!r} are not runs followed by their mirrored ones, "
            f"one for each row of scores of shape {scores.shape!r}: pass those of `design`"
        )
    differences = scores[:half] - scores[half:]
    if np.isnan(differences).all(axis=0).any():
        raise ValueError("an item was not asked under any mirrored pair of runs: leave it out")
    signs = np.where(settings[:half], 1.0, -1.0)
    per_item = (np.nanmean(sign[:, None] * differences, axis=0) for sign in signs.T)
    return tuple(_over_items(column, clusters, alpha) for column in per_item)


# Private.

_GENERATORS = {12: "++-+++---+-", 20: "++--++++-+-+----++-"}
"""First rows of the cyclic designs of Plackett and Burman (1946)."""


def _hadamard(order: int) -> NDArray[np.int_]:
    """Rows and columns of +1 and -1, any two of them orthogonal; first row and column are +1."""
    if order in _GENERATORS:
        first = np.array([1 if sign == "+" else -1 for sign in _GENERATORS[order]])
        cycle = np.array([np.roll(first, shift) for shift in range(order - 1)])
        core = np.vstack([np.ones(order - 1, dtype=int), -cycle])
        return np.column_stack([np.ones(order, dtype=int), core])
    matrix = np.ones((1, 1), dtype=int)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def _effect(
    scores: NDArray[np.float64], on: NDArray[np.bool_], clusters: Clusters, alpha: float
) -> Effect:
    if on.all() or not on.any():
        raise ValueError("a factor that never changes has no effect to estimate: leave it out")
    return _over_items(scores[on].mean(axis=0) - scores[~on].mean(axis=0), clusters, alpha)


def _over_items(per_item: NDArray[np.float64], clusters: Clusters, alpha: float) -> Effect:
    found = clustering.robust_mean(per_item, clusters)
    lower, upper = clustering.t_interval(found, alpha=alpha)
    return Effect(value=found.value, lower=lower, upper=upper, alpha=alpha)
