"""What a scorer that works outside of the core is: how it is made, checked and asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from escalera.core.evaluation.scorers import Refuses
from escalera.domain.scoring import Score, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What scorers are made with: the project's folder, and what identifies its models by name.

    `embeds` gives the revision of a model that makes embeddings; it raises `BadOption` for a name
    that the project file does not know, and the error of the model for one that cannot be used.
    """

    folder: Path
    embeds: Callable[[str], str]


class Scorer(Protocol):
    """Scores one answer after the other; answers may be in hand at the same time."""

    async def score(self, answer: Submission) -> Score:
        """The score. Raises `ScorerFailed` where the work could not be done."""

    async def close(self) -> None:
        """Release what is held; called once."""


def nothing(_options: Any, _means: Means) -> str:
    """A kind that rests on nothing but its options."""
    return ""


def accepts(_target: str, _options: Any) -> str | None:
    """A kind that takes any target."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of scorer.

    The fields of the dataclass `options` are the keys of its table. `prepare` checks what the
    options name, before anything is spent, and returns its digest: another digest is another
    scorer. `open` makes the scorer, when it is first needed; None where answers wait for what the
    engine buys (`core.evaluation.scorers.settled`). `refuses` says what is wrong with a target.
    """

    options: type
    open: Callable[[Any, Means], Scorer] | None = None
    prepare: Callable[[Any, Means], str] = nothing
    refuses: Refuses = accepts
