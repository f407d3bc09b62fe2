"""Several questions at once: adjusted p-values that keep the family-wise error."""

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.stats import clustering


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Per question, in the order asked: adjusted p-value and whether it is rejected at alpha."""

    p_values: tuple[float, ...]
    rejected: tuple[bool, ...]


def holm(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Return Holm's step-down adjustment.

    p~_(j) = max_{i<=j} min(1, (m-i+1) p_(i)): valid under any dependence and never weaker than
    Bonferroni (Holm 1979). An empty family gives an empty answer. ValueError for p outside [0, 1].
    """
    _require_p_values(p_values)
    clustering.require_alpha(alpha)
    m = len(p_values)
    adjusted = [0.0] * m
    running = 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = running
    return _decide(adjusted, alpha)


def bonferroni(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Return min(1, m p): for when simultaneous intervals at alpha/m must agree (Dunn 1961)."""
    _require_p_values(p_values)
    clustering.require_alpha(alpha)
    return _decide([min(1.0, len(p_values) * p) for p in p_values], alpha)


# Private.


def _decide(adjusted: list[float], alpha: float) -> Adjusted:
    return Adjusted(p_values=tuple(adjusted), rejected=tuple(p <= alpha for p in adjusted))


def _require_p_values(p_values: Sequence[float]) -> None:
    for position, p in enumerate(p_values):
        if not 0.0 <= p <= 1.0:
            raise ValueError(
                f"p-value {p!r} at position {position} lies outside [0, 1]: pass probabilities, "
                "not statistics"
            )
