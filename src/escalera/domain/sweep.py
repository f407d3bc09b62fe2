"""A sweep over levers: what they may be, and what was suggested for a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.identity import LATER
from escalera.domain.levers import ADAPTERS, OF_ADAPTERS

SuggestWay = Literal["parzen", "evolution"]
"""How trials are suggested: a Parzen estimator for levers of any kind, or CMA-ES for numbers."""
LeverValue = float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverRange:
    """What a lever may be: one of `choices`, or a number from `lowest` to `highest`.

    Ranges of which both ends are above 0 and a tenfold apart are drawn by their logarithm.
    """

    name: str
    lowest: float = 0.0
    highest: float = 0.0
    choices: tuple[LeverValue, ...] = ()

    @property
    def logarithmic(self) -> bool:
        """Whether equal factors, and not equal steps, are equally likely."""
        return not self.choices and self.lowest > 0.0 and self.highest >= 10.0 * self.lowest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The levers of a sweep, in their order, how many trials, and the seed of suggestions."""

    levers: tuple[LeverRange, ...]
    trials: int
    seed: int = 0
    way: SuggestWay = field(default="parzen", metadata=LATER)

    @property
    def combinations(self) -> int | None:
        """How many different trials there are; None where a lever is any number of a range."""
        if not all(lever.choices for lever in self.levers):
            return None
        methods = next((one.choices for one in self.levers if one.name == "method"), ("",))
        others = [lever for lever in self.levers if lever.name != "method"]
        return sum(
            math.prod(len(lever.choices) for lever in others if _reads(method, lever.name))
            for method in methods
        )

    def idle(self, values: Sequence[LeverValue]) -> frozenset[str]:
        """The levers that change nothing beside the method among *values*."""
        said = dict(zip((lever.name for lever in self.levers), values, strict=True))
        method = said.get("method", "")
        return frozenset(name for name in said if not _reads(method, name))

    def distinct(self, values: Sequence[LeverValue]) -> tuple[LeverValue, ...]:
        """*values*, with idle levers at the first that they may be: equal trainings are equal."""
        idle = self.idle(values)
        return tuple(
            (lever.choices[0] if lever.choices else lever.lowest) if lever.name in idle else value
            for lever, value in zip(self.levers, values, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """Values for the levers of a trial, in their order; those of number 0 are the project's own.

    `question` is the digest of what is swept: recipe, ranges, items, how many trials and that they
    go in rounds (not so in sweeps of before there were rounds). Without values nothing could be
    suggested, because what suggests is not installed.
    """

    question: str
    number: int
    values: tuple[LeverValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverTrial:
    """A trial as far as it came: values in the order of the levers, a score for each pause."""

    values: tuple[LeverValue, ...]
    scores: tuple[float, ...] = ()
    diverged: bool = False


# Below: private.


def _reads(method: LeverValue, lever: str) -> bool:
    """Whether a training by *method* depends on a lever; any may where no method is swept."""
    return lever not in OF_ADAPTERS or method in ("", *ADAPTERS)
