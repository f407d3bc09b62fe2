"""A route by difficulty: a weak system where it is likely right, a strong one elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from escalera.domain.identity import digest_of
from escalera.domain.system import System

Asking: TypeAlias = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a threshold of a quality route promises, and what it rests on.

    On new items like the `n` that it was calibrated on, the mean score that is lost by asking the
    weak system where the strong one would have been better is at most `most_lost`, but for a chance
    of `risk` that the sample misled. `lost` is what was lost on the sample, `strong` the share of
    it that the strong system answers.
    """

    most_lost: float
    risk: float
    lost: float
    strong: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRoute:
    """Two systems, and the signal from which on the weak one answers.

    `asking` says when the strong system is asked: before the weak one, from the message alone (a
    router), or after it, from its answer too (a cascade, which pays for both). `threshold` is None
    where no threshold keeps the bound: then the strong system answers everything.
    """

    weak: System
    strong: System
    asking: Asking
    threshold: float | None
    bound: Bound

    @property
    def digest(self) -> str:
        """Content hash of the route."""
        return digest_of(self)

    def system(self, signal: float) -> System:
        """The system that answers where the weak one has this *signal* of being right."""
        enough = self.threshold is not None and signal >= self.threshold
        return self.weak if enough else self.strong

    def micro_dollars(self, weak: float, strong: float) -> float:
        """The mean price of an answer, from that of either system, at the calibrated share."""
        asked = 1.0 if self.asking == "after" else 1 - self.bound.strong
        return asked * weak + self.bound.strong * strong
