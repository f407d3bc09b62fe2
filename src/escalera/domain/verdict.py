"""Questions that evidence answers, and the words of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from escalera.domain.identity import digest_of

Adequacy = Literal["adequate", "inadequate", "undecided"]
Comparison = Literal["better", "worse", "equivalent", "undecided"]
Gate = Literal["passed", "undecided", "regressed"]
GateWord = Literal["improved", "equivalent", "not worse", "inconclusive", "regressed"]
QuestionKind = Literal["adequacy", "regression", "improvement"]
Mode = Literal["group-sequential", "anytime", "finite"]
MODES: tuple[Mode, ...] = get_args(Mode)
ScoreRule = Literal["held effect", "wider of two", "skewness allowed"]
"""How scores are read (`core.stats.clustering`). "held effect" is what every look before November
2026 was read by; a question keeps the rule of its first look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the `confirm` items of a task.

    `adequacy`: is the mean score of the candidate above the bar? `regression`: how does the
    candidate compare with the incumbent, item by item, and is it worse by more than the margin?
    `improvement`: is the candidate better than the incumbent, item by item, by more than
    `threshold`? Candidate and incumbent are route digests. `alpha` is the two-sided error spent on
    it. `mode` says how it is read: at looks, at any time, or about these items alone.
    """

    kind: QuestionKind
    task: str
    candidate: str
    incumbent: str | None
    threshold: float
    alpha: float
    mode: Mode = "group-sequential"

    @property
    def digest(self) -> str:
        """Content hash of the question."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its interval, on `n` items in `clusters` clusters."""

    value: float
    lower: float
    upper: float
    n: int
    clusters: int
