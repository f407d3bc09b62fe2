"""A route by difficulty: a weak system where it is likely right, a strong one elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from escalera.domain.identity import LATER, digest_of
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.system import Route
from escalera.domain.verdict import Figure

Asking: TypeAlias = Literal["before", "after"]
Worth = Literal["gain", "no gain", "loss"]
"""What routing adds: shown, not shown, or shown to be less than nothing."""
Side = Literal["weak", "strong"]
"""One of the two systems of a quality route."""
Expense = Literal["micro-dollars", "seconds"]
"""What answers are paid in: money, or time where a price is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a threshold of a quality route promises, and what it rests on.

    On new items like the `n` that it was calibrated on, the mean score that is lost by asking the
    weak system where the strong one would have been better is at most `most_lost`, but for a chance
    of `risk` that the sample misled. `lost` is what was lost on the sample, `strong` the share of
    it that the strong system answers. Where items share clusters, `n` counts these, and the mean is
    over them.
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
    router), or after it, from its answer too (a cascade, which pays for both). `signal` is the
    digest of what tells it. `threshold` is None where no threshold keeps the bound: then the strong
    system answers everything.
    """

    weak: Route
    strong: Route
    asking: Asking
    signal: str
    threshold: float | None
    bound: Bound

    @property
    def digest(self) -> str:
        """Content hash of the route."""
        return digest_of(self)

    def side(self, signal: float) -> Side:
        """Who answers where the weak system has this *signal* of being right."""
        enough = self.threshold is not None and signal >= self.threshold
        return "weak" if enough else "strong"

    def expense(self, weak: float, strong: float) -> float:
        """What an answer costs on the mean, from that of either system, at the calibrated share."""
        asked = 1.0 if self.asking == "after" else 1 - self.bound.strong
        return asked * weak + self.bound.strong * strong


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityTested:
    """A quality route was learned, calibrated, and held against one system, on fresh items.

    The signal was learned from `learned` `search` items, the threshold calibrated on one part of
    the `confirm` items, and all figures are of the other. `weak` and `strong` are the names of the
    systems, and `single` the better of them on the part before. `gain` is the score of the route
    less that of `single`, `saved` what an answer costs less than one of `single`, in `expense`, and
    `blind` the score less that of asking the strong system by chance, as often as costs the same.
    The strong system answers the share `share`. `margin` is the fall in score that counts as none.
    `worth` is a gain only where routing beats chance and either scores better than `single`, or
    costs less and scores no worse by the margin. `unscored` items were left out for want of a
    score. `at` is when, in seconds since the epoch. `embeddings` says what came of those that the
    project names a model for.
    """

    name: str
    route: QualityRoute
    weak: str
    strong: str
    learned: int
    single: Side
    gain: Figure
    saved: Figure
    blind: Figure
    share: float
    expense: Expense
    margin: float
    worth: Worth
    unscored: int
    at: float
    embeddings: EmbeddingsWeighed | None = field(default=None, metadata=LATER)

    @property
    def decision(self) -> str:
        """The id of the decision that a served route rests on."""
        return digest_of(self)
