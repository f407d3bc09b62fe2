"""Merge plans worth trying: a coarse grid of weights and methods, then others around the best.

Concatenation adds the low-rank updates exactly; TIES drops small and conflicting ones (Yadav et
al. 2023); KnOTS aligns the updates before it does (Stoica et al. 2024, arXiv 2410.19735). Weights
below 1 for all keep the sum from overshooting where adapters overlap. Where the model's own weights
were trained, there are no factors: the changes are added as they are (task arithmetic; Ilharco et
al. 2022, arXiv 2212.04089), or by TIES.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.domain.recipe import MergeMethod, MergePlan, WeightedAdapter
from escalera.domain.sweep import LeverRange, LeverValue

_CHOICES: tuple[tuple[MergeMethod, float, float, float], ...] = (
    # method, weight of the first adapter, weight of each other, density
    ("concatenate", 0.8, 0.5, 1.0),
    ("concatenate", 0.6, 0.4, 1.0),
    ("concatenate", 1.0, 0.3, 1.0),
    ("ties", 1.0, 1.0, 0.5),
    ("concatenate", 1.0, 0.6, 1.0),
    ("concatenate", 0.8, 0.8, 1.0),
    ("concatenate", 0.6, 0.7, 1.0),
    ("ties", 1.0, 0.6, 0.5),
    ("ties", 1.0, 1.0, 0.2),
    ("knots_ties", 1.0, 1.0, 0.5),
)

_OF_WEIGHTS: tuple[tuple[MergeMethod, float, float, float], ...] = tuple(
    ("linear" if method == "concatenate" else method, first, rest, density)
    for method, first, rest, density in _CHOICES
    if method != "knots_ties"
)

STEP = 0.1
"""Of a weight, around the best plan of the grid."""

WEIGHTS = (0.05, 1.5)
"""The weights that a search may give an adapter."""

DENSITIES = (0.1, 1.0)
"""The shares of weights that a search may keep, where the method drops some."""

_DIGITS = 3
_EXACT: frozenset[MergeMethod] = frozenset({"concatenate", "linear"})


def propose(first: str, others: Sequence[str], *, factors: bool = True) -> tuple[MergePlan, ...]:
    """Plans that merge what the failing tasks were taught with what the other tasks were.

    Without *factors* these are weights of the model's own, and no matrices beside them.
    """
    return tuple(
        MergePlan(
            method=method,
            adapters=(
                WeightedAdapter(adapter=first, weight=weight),
                *(WeightedAdapter(adapter=adapter, weight=rest) for adapter in others),
            ),
            density=density,
        )
        for method, weight, rest, density in (_CHOICES if factors else _OF_WEIGHTS)
    )


def around(plan: MergePlan) -> tuple[MergePlan, ...]:
    """*plan* with each of its weights a step lower and higher, all else equal."""
    found = []
    for place, entry in enumerate(plan.adapters):
        for weight in (round(entry.weight - STEP, 6), round(entry.weight + STEP, 6)):
            if weight > 0:
                moved = replace(entry, weight=weight)
                entries = (*plan.adapters[:place], moved, *plan.adapters[place + 1 :])
                found.append(replace(plan, adapters=entries))
    return tuple(found)


def levers(plan: MergePlan) -> tuple[LeverRange, ...]:
    """What a search may change of *plan*: every weight, and the density where it counts."""
    weights = [
        LeverRange(name=f"weight {place}", lowest=WEIGHTS[0], highest=WEIGHTS[1])
        for place in range(1, len(plan.adapters) + 1)
    ]
    if plan.method in _EXACT:
        return tuple(weights)
    density = LeverRange(name="density", lowest=DENSITIES[0], highest=DENSITIES[1])
    return (*weights, density)


def values(plan: MergePlan) -> tuple[float, ...]:
    """What *plan* has for its levers, in their order."""
    weights = tuple(entry.weight for entry in plan.adapters)
    return weights if plan.method in _EXACT else (*weights, plan.density)


def moved(plan: MergePlan, to: Sequence[LeverValue]) -> MergePlan:
    """*plan* with other values for its levers, to three digits."""
    numbers = [round(float(value), _DIGITS) for value in to]
    adapters = tuple(
        replace(entry, weight=weight) for entry, weight in zip(plan.adapters, numbers, strict=False)
    )
    density = plan.density if plan.method in _EXACT else numbers[-1]
    return replace(plan, adapters=adapters, density=density)


def centre(found: Sequence[MergePlan]) -> MergePlan:
    """The plan in the middle of *found*, which differ in their levers alone."""
    columns = zip(*(values(plan) for plan in found), strict=True)
    return moved(found[0], [sum(column) / len(found) for column in columns])
