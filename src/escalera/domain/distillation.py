"""Learning from the answers of a stronger system: what of them is taught."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """The answers of a stronger system to a task's `train` items were put together for a training.

    `question` is the digest of what was asked: system, items, samples and the least score. Of the
    `asked` items those in `kept` (by their ids) have an answer that is good enough, by the task's
    own scorer; `score` is the mean of the first answers, None where none has one. `answers` is the
    artifact that holds what is taught.
    """

    question: str
    task: str
    model: str
    system: str
    least: float
    asked: int
    kept: tuple[str, ...]
    score: float | None
    answers: str
