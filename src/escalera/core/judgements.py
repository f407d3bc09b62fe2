"""What judges said of answers: their grades, by the answer that they are of.

An answer has a handful of grades, and few answers have any, so plain tables do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from escalera.domain.event import Judged, Rescored
from escalera.domain.judge import AWAITING, Order

Key = tuple[str, str, int]
"""Which answer: system, item digest, repeat. One that no system gave has its own digest instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One grade in [0, 1], or None with the reason; fields as in `Judged`."""

    judge: str
    order: Order
    draw: int
    turn: int
    grade: float | None
    reason: str | None
    revision: str


@dataclass(slots=True)
class Judgements:
    """Grades by answer. `calls` were bought, for so many tokens and seconds, and `micro_dollars`
    where all prices are known. `revisions` is what the endpoint of each judge, by its digest, said
    of itself last. Grades that were asked for anew are no grades of an answer. `concluded` are the
    answers that got a score from their judges, by its scorer, in the order in which they got it.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    micro_dollars: int | None = 0
    revisions: dict[str, str] = field(default_factory=dict)
    concluded: dict[str, dict[Key, None]] = field(default_factory=dict)
    _answers: dict[Key, str] = field(default_factory=dict)
    _texts: dict[tuple[str, str], Key] = field(default_factory=dict)
    _grades: dict[Key, dict[tuple[str, Order, int], Judgement]] = field(default_factory=dict)
    _anew: set[tuple[Key, str, Order, int, int, int]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, event: Judged) -> None:
        """Remember a grade; one of a later turn takes the place of an earlier."""
        key = _key(event)
        if event.bought:
            self._buy(event)
        if event.anew:
            self._anew.add(_call(event))
            return
        if self._answers.get(key) != event.answer:
            self._answers[key] = event.answer
            self._texts.setdefault((event.item_digest, event.answer), key)
            self._grades[key] = {}
        self._grades[key][event.judge, event.order, event.draw] = Judgement(
            judge=event.judge,
            order=event.order,
            draw=event.draw,
            turn=event.turn,
            grade=event.grade,
            reason=event.reason,
            revision=sys.intern(event.revision),
        )

    def conclude(self, event: Rescored) -> None:
        """Remember that an answer got its score, where judges gave it."""
        key = event.system, event.item_digest, event.repeat
        if key in self._grades and event.reason != AWAITING:
            self.concluded.setdefault(event.scorer, {}).setdefault(key)

    def answer(self, system: str, item: str, repeat: int = 0) -> str | None:
        """The digest of the answer's text, or None where it was not judged."""
        return self._answers.get((system, item, repeat))

    def of(self, system: str, item: str, repeat: int = 0) -> tuple[Judgement, ...]:
        """Every grade of an answer, in the order in which they were first given."""
        return tuple(self._grades.get((system, item, repeat), {}).values())

    def first(self, item: str, answer: str) -> tuple[Judgement, ...]:
        """Every grade of the first answer to an item with this text, whoever gave it."""
        key = self._texts.get((item, answer))
        same = key is not None and self._answers[key] == answer
        return self.of(*key) if key is not None and same else ()

    def knows(self, event: Judged) -> bool:
        """Whether this grade, or one of a later turn, is remembered."""
        if event.anew:
            return _call(event) in self._anew
        key = _key(event)
        if self._answers.get(key) != event.answer:
            return False
        found = self._grades[key].get((event.judge, event.order, event.draw))
        return found is not None and found.turn >= event.turn

    def keys(self) -> Iterator[Key]:
        """Every answer that was judged."""
        return iter(self._answers)

    def _buy(self, event: Judged) -> None:
        self.calls += 1
        if event.finish is not None:
            self.revisions[event.judge] = event.revision
        self.prompt_tokens += event.usage.prompt_tokens
        self.completion_tokens += event.usage.completion_tokens
        self.seconds += event.seconds
        price = event.micro_dollars
        known = self.micro_dollars is not None and price is not None
        self.micro_dollars = (self.micro_dollars or 0) + (price or 0) if known else None


# Below: private.


def _key(event: Judged) -> Key:
    return event.system or event.answer, event.item_digest, event.repeat


def _call(event: Judged) -> tuple[Key, str, Order, int, int, int]:
    return _key(event), event.judge, event.order, event.draw, event.turn, event.anew
