"""What a scorer sees of an answer, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.domain.dataset import Example
from escalera.domain.message import FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An answer that is handed in to be scored: what was replied to which item, and at what cost.

    `seconds` is a clock reading; `micro_dollars` is None where the price is unknown.
    """

    reply: str
    item: Example
    finish: FinishReason = "stop"
    seconds: float = 0.0
    micro_dollars: int | None = None

    @property
    def target(self) -> str:
        """The item's right answer."""
        return self.item.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A value in [0, 1], or None with the reason why there is none."""

    value: float | None
    reason: str | None = None


def unscored(reason: str) -> Score:
    """No score, for a reason that is kept: it never counts as wrong."""
    return Score(value=None, reason=reason)
