"""How many items an open gate still needs, so that "not enough evidence" is an answer.

Planning only: the number holds if the difference seen so far is the true one, and then four times
in five. The gate itself does not rely on it.
"""

from __future__ import annotations

import math

from escalera.core.evaluation.sample import Sample
from escalera.core.stats import clustering, power

_POWER = 0.8
_FEWEST = 2


def items(sample: Sample, *, margin: float, alpha: float, reach: float = 0.0) -> int | None:
    """Items besides those scored that are likely to show no fall by *margin* or more.

    With as much luck in common within clusters as was seen; where no item differs, the next one is
    taken to. None where no number is: the difference that was seen is such a fall itself. *alpha*
    is two-sided.

    *reach* is how far the interval of what was seen goes below it. With few differences it goes
    farther than their variance says, and shrinks with the items at the most.
    """
    scored = sample.scored
    changes = [new - old for new, old in zip(scored.candidate, scored.incumbent, strict=True)]
    seen = len(changes)
    if seen < _FEWEST:
        return _FEWEST - seen
    mean = sum(changes) / seen
    variance = sum((one - mean) ** 2 for one in changes) / (seen - 1)
    variance = max(variance, 1.0 / (seen + 1))
    estimate = clustering.robust_mean(changes, scored.clusters)
    needed = power.items_for_noninferiority(
        difference=mean,
        margin=margin,
        variance=min(variance, 1.0),
        alpha=alpha,
        power=_POWER,
        design_effect=clustering.design_effect(estimate, variance),
    )
    if needed is None:
        return None
    return max(1, needed - seen, math.ceil(seen * reach / (mean + margin)) - seen)


def words(needed: int | None) -> str:
    """The same as a sentence."""
    if needed is None:
        return (
            "no number of items is likely to pass the gate: the difference seen is a fall by the "
            "margin or more"
        )
    return f"about {needed} more `confirm` items are likely to settle it"
