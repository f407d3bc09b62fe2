"""The winner of a selection, measured again on fresh items; only the fresh figure is reported.

The best of K means is too high on average, the more so the more arms and the fewer items (the
winner's curse; Capen, Clapp and Campbell 1971; "optimism" in Efron 1986). A value of `Confirmed`
carries both figures and says which one may be shown: `reported`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from escalera.core.stats import clustering, mean, paired
from escalera.core.stats.clustering import Clusters, Interval, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """Which of `arms` arms won on which items, and its biased mean there. No figure to report."""

    winner: int
    arms: int
    selection_mean: float
    items: frozenset[Hashable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The winner on fresh items.

    `reported`: the mean on fresh items, unbiased. `gain`: its paired difference to the incumbent
    there, if one was passed. `selection_mean`: what "report the maximum" would have said, kept to
    be warned about. `optimism`: selection mean minus fresh mean, with the interval of the fresh
    part alone, the selection items being what they are.
    """

    winner: int
    reported: Interval
    gain: Interval | None
    selection_mean: float
    optimism: Interval


def select(means: Sequence[float], items: Sequence[Hashable]) -> Selected:
    """Return the arm with the highest mean on the items of the selection.

    Ties go to the earlier arm, so put the incumbent or the cheaper first. `items` names every item
    that took part in choosing, so that `confirm` can refuse them. ValueError for no arms, no items
    or a mean outside [0, 1].
    """
    if not means or not items:
        raise ValueError(
            f"{len(means)} arms on {len(items)} items select nothing: pass at least one of each"
        )
    mean.require_unit_range(means)
    clustering.robust_mean(means)
    winner = max(range(len(means)), key=lambda i: (means[i], -i))
    return Selected(
        winner=winner,
        arms=len(means),
        selection_mean=float(means[winner]),
        items=frozenset(items),
    )


def confirm(
    selected: Selected,
    items: Sequence[Hashable],
    scores: Values,
    *,
    incumbent: Values | None = None,
    clusters: Clusters = None,
    alpha: float = 0.05,
) -> Confirmed:
    """Return the winner's estimate on fresh items, its gain over the incumbent and the optimism.

    Given the selection, fresh items are a plain sample: their mean is unbiased for the winner
    whatever the rule of choice was, and `mean.interval` covers as for a single system. For a
    verdict in looks use `sequential` on the same items. ValueError if an item was used in the
    selection, is given twice, or scores do not match the items.
    """
    _require_fresh(selected, items)
    if len(scores) != len(items):
        raise ValueError(
            f"{len(scores)} scores for {len(items)} fresh items: pass one score per item"
        )
    reported = mean.interval(scores, clusters, alpha=alpha)
    gain = None
    if incumbent is not None:
        gain = paired.interval(scores, incumbent, clusters, alpha=alpha)
    return Confirmed(
        winner=selected.winner,
        reported=reported,
        gain=gain,
        selection_mean=selected.selection_mean,
        optimism=Interval(
            estimate=selected.selection_mean - reported.estimate,
            lower=selected.selection_mean - reported.upper,
            upper=selected.selection_mean - reported.lower,
            alpha=alpha,
            method=reported.method,
        ),
    )


# Private.


def _require_fresh(selected: Selected, items: Sequence[Hashable]) -> None:
    used = [item for item in items if item in selected.items]
    if used:
        raise ValueError(
            f"item {used[0]!r} and {len(used) - 1} more took part in the selection: confirm on "
            "items that no choice has seen"
        )
    if len(set(items)) != len(items):
        twice = next(item for k, item in enumerate(items) if item in items[:k])
        raise ValueError(f"item {twice!r} is given twice: pass every fresh item once")
