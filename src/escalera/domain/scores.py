"""Scores of single answers, wherever they were measured: by a climb, or by another tool."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """What one system scored on one item, once.

    `system` names what answered: a model with its prompt and whatever else changes its answers.
    `item` is what was asked; its name is unique in its `task`, the set of items with the scorer
    that judged them. (`system`, `task`, `item`, `repeat`) is unique in a table: `repeat` counts
    from 0 the times that one system was asked the same. Items of one `cluster` share luck: they
    are about one customer, conversation or document; an item without one is its own cluster.

    `score` is in [0, 1], higher is better, or None with the `reason` why there is no score; an
    infrastructure failure is never a zero. `prompt_tokens`, `completion_tokens`, `micro_dollars`
    and `seconds` (a clock reading) are of the answer, and None where they are unknown. Where
    several scorers judged one answer, the row of each repeats them.
    """

    system: str
    item: str
    task: str
    cluster: str
    repeat: int = 0
    score: float | None
    reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    micro_dollars: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse a row that is none: everything has a name, and there is a score or a reason."""
        named = all((self.system, self.item, self.task, self.cluster)) and self.repeat >= 0
        if self.score is None:
            known = bool(self.reason)
        else:
            known = 0 <= self.score <= 1 and self.reason is None
        if not (named and known):
            raise ValueError(f"names, and a score in [0, 1] or a reason, are needed: {self!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Score rows with where they come from.

    `source` describes the origin for people; `notes` say everything that was left out, reduced or
    assumed when the rows were read: nothing is dropped silently.
    """

    rows: tuple[ScoreRow, ...]
    source: str
    notes: tuple[str, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        """The names of all systems, in the order of the rows."""
        return tuple(dict.fromkeys(row.system for row in self.rows))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks, in the order of the rows."""
        return tuple(dict.fromkeys(row.task for row in self.rows))
