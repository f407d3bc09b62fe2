"""How many items a question needs, so that "not enough evidence" can say how many more.

And the inverse, before a run: what the items at hand can show.

Normal approximations for planning; the tests themselves do not rely on them. A group-sequential
plan of O'Brien-Fleming type needs about 3 % more than the numbers here (Jennison and Turnbull
2000, table 2.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from escalera.core.stats import clustering, distributions
from escalera.core.stats.proportion import require_bar

_HALVINGS = 60


def items_against_bar(
    *,
    mean: float,
    bar: float,
    variance: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int | None:
    """Return the items needed to prove that a true mean lies above or below a bar.

    n = ((z_{1-alpha/2} s_0 + z_power s_1) / (mean - bar))^2 * design_effect. Without `variance`
    scores are binary: s_0^2 = bar(1-bar) of the score test, s_1^2 = mean(1-mean) (Fleiss, Levin
    and Paik 2003, chapter 2); with it both are `variance`. None if mean equals bar: no number of
    items proves it. Alpha is two-sided.
    """
    require_bar(bar)
    _require_unit("mean", mean)
    null, true = bar * (1.0 - bar), mean * (1.0 - mean)
    if variance is not None:
        _require_variance(variance, 0.25)
        null = true = variance
    effort = _effort(math.sqrt(null), math.sqrt(true), alpha, power)
    return _items(effort, mean - bar, design_effect)


def items_for_noninferiority(
    *,
    difference: float,
    margin: float,
    variance: float,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int | None:
    """Return the paired items needed to prove a difference above -margin.

    n = (z_{1-alpha/2} + z_power)^2 * variance / (difference + margin)^2 * design_effect (Miller
    2024, shifted by the margin), where `variance` is that of one item's difference. With
    margin 0 this is superiority. None if the difference is -margin or below: then it is not so.
    Alpha is two-sided, of which one side is used.
    """
    if not (-1.0 <= difference <= 1.0 and 0.0 <= margin <= 1.0):
        raise ValueError(
            f"difference {difference!r} and margin {margin!r} must lie in [-1, 1] and [0, 1], the "
            "range of differences of scores: pass shares, not percentages"
        )
    _require_variance(variance, 1.0)
    if difference + margin <= 0:
        return None
    deviation = math.sqrt(variance)
    return _items(_effort(deviation, deviation, alpha, power), difference + margin, design_effect)


def items_beside(
    *,
    items: int,
    difference: float,
    variance: float,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int | None:
    """Return the items of a second sample that show a difference of its mean from a first one's.

    1 / n = (difference / (z_{1-alpha/2} + z_power))^2 / (variance * design_effect) - 1 / items:
    the first sample has its size, and its part of the error stays however large the second is
    (Fleiss, Levin and Paik 2003, section 4.4, solved for one sample). None where that part alone
    is too much: then the first sample needs more. Alpha is two-sided.
    """
    _require_items(items)
    _require_variance(variance, 1.0)
    _require_design_effect(design_effect)
    deviation = math.sqrt(variance)
    effort = _effort(deviation, deviation, alpha, power)
    left = (difference / effort) ** 2 / design_effect - 1.0 / items
    return max(1, math.ceil(1.0 / left - 1e-9)) if left > 1e-12 else None


def detectable_means(
    *,
    bar: float,
    items: int,
    variance: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> tuple[float | None, float | None]:
    """Return the largest mean below and the smallest above a bar that so many items prove.

    Inverts `items_against_bar`, whose number falls with the distance from the bar. None on a side
    where even a mean of 0 or 1 would not be proved.
    """
    _require_items(items)

    def enough(mean: float) -> bool:
        needed = items_against_bar(
            mean=mean,
            bar=bar,
            variance=variance,
            alpha=alpha,
            power=power,
            design_effect=design_effect,
        )
        return needed is not None and needed <= items

    return _nearest(enough, bar, 0.0), _nearest(enough, bar, 1.0)


def detectable_difference(
    *,
    items: int,
    variance: float,
    margin: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> float | None:
    """Return the smallest true difference that so many paired items prove to be above -margin.

    (z_{1-alpha/2} + z_power) sqrt(variance design_effect / n) - margin: inverts
    `items_for_noninferiority` (Miller 2024, power analysis). With margin 0 it is the smallest
    difference, of either sign, that a two-sided comparison finds. Negative when even a
    fall within the margin is proved harmless; None above 1, where no difference is.
    """
    _require_items(items)
    _require_variance(variance, 1.0)
    _require_design_effect(design_effect)
    if not 0.0 <= margin <= 1.0:
        raise ValueError(f"margin {margin!r} must lie in [0, 1]: pass a share, not a percentage")
    deviation = math.sqrt(variance)
    effort = _effort(deviation, deviation, alpha, power)
    found = effort * math.sqrt(design_effect / items) - margin
    return found if found <= 1.0 else None


def difference_variance(
    *,
    between: float,
    candidate_noise: float = 0.0,
    baseline_noise: float = 0.0,
    candidate_repeats: int = 1,
    baseline_repeats: int = 1,
    design_effect: float = 1.0,
) -> float:
    """Return the variance of one item's measured difference, for the other functions.

    design_effect * omega^2 + s_A^2 / K_A + s_B^2 / K_B (Miller 2024, power analysis), with the
    components of `repeats.paired_components`. Clusters multiply only the part between items, so
    pass the design effect here and not again to the other functions.
    """
    if min(between, candidate_noise, baseline_noise) < 0:
        raise ValueError(
            f"variances {(between, candidate_noise, baseline_noise)!r} must not be negative: pass "
            "those of repeats.paired_components"
        )
    if min(candidate_repeats, baseline_repeats) < 1:
        raise ValueError(
            f"repeats {candidate_repeats!r} and {baseline_repeats!r} must be at least 1: an item "
            "is measured once or more by each system"
        )
    _require_design_effect(design_effect)
    noise = candidate_noise / candidate_repeats + baseline_noise / baseline_repeats
    return design_effect * between + noise


# Private.


def _effort(null_deviation: float, true_deviation: float, alpha: float, power: float) -> float:
    clustering.require_alpha(alpha)
    if not 0.5 <= power < 1.0:
        raise ValueError(f"power {power!r} must lie in [0.5, 1): pass e.g. 0.8")
    error = -distributions.normal_quantile(0.5 * alpha)
    return error * null_deviation + distributions.normal_quantile(power) * true_deviation


def _items(effort: float, distance: float, design_effect: float) -> int | None:
    _require_design_effect(design_effect)
    if distance == 0:
        return None
    return max(1, math.ceil((effort / distance) ** 2 * design_effect - 1e-9))


def _nearest(enough: Callable[[float], bool], bar: float, edge: float) -> float | None:
    """Return the value nearest the bar, on the side of the edge, that is enough; by bisection."""
    if not enough(edge):
        return None
    inside, outside = edge, bar
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        if enough(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _require_items(items: int) -> None:
    if not items >= 1:
        raise ValueError(f"items {items!r} must be at least 1: pass the number of items at hand")


def _require_design_effect(design_effect: float) -> None:
    if not design_effect >= 1.0:
        raise ValueError(f"design_effect {design_effect!r} must be at least 1: pass 1 unclustered")


def _require_unit(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} {value!r} must lie in [0, 1]: pass a share, not a percentage")


def _require_variance(variance: float, largest: float) -> None:
    if not 0.0 < variance <= largest:
        raise ValueError(
            f"variance {variance!r} must lie in (0, {largest!r}], the range for bounded scores: "
            "pass the variance of one item, not of the mean"
        )
