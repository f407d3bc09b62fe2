"""Bases whose learning curves are known: drawn from a family that is not the forecast's own.

The score of a base with n examples is  top - fall (1 + n / from)^-slope  with every parameter drawn
anew, plus what a training adds; items are right or wrong with a difficulty that all bases share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import trainings
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.trainings import Training

POOL, ITEMS, JUDGED, BASES = 2048, 300, 2000, 6


@dataclass(frozen=True, slots=True)
class Field:
    """Some bases for one task."""

    number: int
    top: np.ndarray
    fall: np.ndarray
    begin: np.ndarray
    slope: np.ndarray

    def score(self, base: int, examples: float) -> float:
        """The expected score."""
        shrunk = (1 + examples / self.begin[base]) ** -self.slope[base]
        return float(np.clip(self.top[base] - self.fall[base] * shrunk, 0.0, 1.0))

    def pilot(self, base: int, plan: Planned) -> Training:
        """One training, measured on the items."""
        right = self._right(base, plan, ITEMS)
        return trainings.of_scores(plan.examples, plan.chain, right.tolist())

    def full(self, base: int) -> np.ndarray:
        """Two trainings on all examples, measured on more items: a row each."""
        plans = [Planned(examples=POOL, chain=chain) for chain in (101, 102)]
        return np.array([self._right(base, plan, JUDGED) for plan in plans])

    def _right(self, base: int, plan: Planned, items: int) -> np.ndarray:
        rng = np.random.default_rng([self.number, base, plan.examples, plan.chain])
        hard = np.random.default_rng([self.number, 99]).random(items)
        luck = rng.normal(0.0, 0.02 * (256 / plan.examples) ** 0.5)
        expected = np.clip(self.score(base, plan.examples) + luck, 0.0, 1.0)
        return (hard + rng.normal(0.0, 0.15, items) < expected).astype(float)


def field(number: int) -> Field:
    """The bases of one simulated project: good ones are likelier to be good early, no more."""
    rng = np.random.default_rng([7, number])
    quality = rng.normal(0.0, 1.0, BASES)
    top = np.clip(0.86 + 0.05 * quality + rng.normal(0.0, 0.02, BASES), 0.5, 0.98)
    return Field(
        number=number,
        top=top,
        fall=top - rng.uniform(0.02, 0.3, BASES),
        begin=np.exp(rng.normal(3.5 - 0.4 * quality, 0.6)),
        slope=rng.uniform(0.4, 1.1, BASES),
    )
