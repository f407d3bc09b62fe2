"""What a route between two models brings over one model at the same price: tested, not assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.stats import paired
from escalera.core.stats.clustering import Clusters, Interval
from escalera.domain.quality import Worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The mean score that routing adds, and the share of items that the strong model answers.

    `word` is "no gain" wherever the interval includes 0.
    """

    interval: Interval
    strong: float

    @property
    def word(self) -> Worth:
        """What the interval says."""
        if self.interval.lower > 0:
            return "gain"
        return "loss" if self.interval.upper < 0 else "no gain"


def at_equal_price(
    takes_strong: Sequence[bool],
    weak: Sequence[float],
    strong: Sequence[float],
    *,
    clusters: Clusters = None,
    alpha: float = 0.05,
    blindly: float | None = None,
) -> Gain:
    """The routed score less that of choosing blindly, paired by item.

    Choosing blindly asks the strong model for a share of items, whatever they are, that costs the
    same: the same share, or `blindly` for a cascade, which pays for both models where it goes on.
    Its expected score on an item lies between both models' scores. The best single system is one
    end of that line, where the share is 0 or 1.
    """
    asked = np.asarray(takes_strong, dtype=np.bool_)
    low, high = np.asarray(weak, dtype=np.float64), np.asarray(strong, dtype=np.float64)
    share = float(asked.mean())
    chance = share if blindly is None else blindly
    blind = (1 - chance) * low + chance * high
    found = paired.interval(np.where(asked, high, low), blind, clusters, alpha=alpha)
    return Gain(interval=found, strong=share)
