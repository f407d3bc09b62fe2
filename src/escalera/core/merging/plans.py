"""Merge plans worth trying: a few weights and methods, the exact one first.

Concatenation adds the low-rank updates exactly; TIES drops small and conflicting ones (Yadav et
al. 2023). Weights below 1 for all keep the sum from overshooting where adapters overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

from escalera.domain.recipe import MergeMethod, MergePlan, WeightedAdapter

_CHOICES: tuple[tuple[MergeMethod, float, float, float], ...] = (
    # method, weight of the first adapter, weight of each other, density
    ("concatenate", 0.8, 0.5, 1.0),
    ("concatenate", 0.6, 0.4, 1.0),
    ("concatenate", 1.0, 0.3, 1.0),
    ("ties", 1.0, 1.0, 0.5),
)


def propose(first: str, others: Sequence[str]) -> tuple[MergePlan, ...]:
    """Plans that merge the adapter of the failing tasks with those of the other tasks."""
    return tuple(
        MergePlan(
            method=method,
            adapters=(
                WeightedAdapter(adapter=first, weight=weight),
                *(WeightedAdapter(adapter=adapter, weight=rest) for adapter in others),
            ),
            density=density,
        )
        for method, weight, rest, density in _CHOICES
    )
