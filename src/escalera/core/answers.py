"""Answers in columns: what decisions need of every answer, at some two hundred bytes each.

What was said stays in the journal; scores, prices and the like are kept here, and an `Answer` is
put together when it is asked for.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from escalera.domain.event import Observed, Rescored
from escalera.domain.judge import AWAITING
from escalera.domain.message import FinishReason, Usage

_FINISHES: tuple[FinishReason | None, ...] = (None, *get_args(FinishReason))
_VALID: tuple[bool | None, ...] = (None, False, True)
_UNKNOWN = -1
"""Stands for a price that is unknown: none is negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is remembered of an answer; the fields are those of `Observed`."""

    task: str
    scorer: str
    score: float | None
    reason: str | None
    finish: FinishReason | None
    bought: bool
    attempts: int
    usage: Usage
    micro_dollars: int | None
    seconds: float
    revision: str
    valid: bool | None
    repairs: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """Tokens, prices (`micro_dollars` below 0 where unknown) and seconds of many answers."""

    prompt_tokens: NDArray[np.uint32]
    completion_tokens: NDArray[np.uint32]
    micro_dollars: NDArray[np.int64]
    seconds: NDArray[np.float64]


class Answers:
    """Every answer by system, item digest and repeat; a later one replaces an earlier."""

    def __init__(self) -> None:
        self._systems: dict[str, int] = {}
        self._rows: list[dict[bytes, int]] = []
        self._names = _Names()
        self._reasons: dict[int, str] = {}
        self._system = array("H")
        self._task = array("H")
        self._scorer = array("H")
        self._revision = array("I")
        self._score = array("d")
        self._finish = array("b")
        self._bought = array("b")
        self._attempts = array("I")
        self._valid = array("b")
        self._repairs = array("H")
        self._prompt = array("I")
        self._completion = array("I")
        self._money = array("q")
        self._seconds = array("d")
        self._columns: tuple[array[Any], ...] = (
            self._system,
            self._task,
            self._scorer,
            self._revision,
            self._score,
            self._finish,
            self._bought,
            self._attempts,
            self._valid,
            self._repairs,
            self._prompt,
            self._completion,
            self._money,
            self._seconds,
        )

    def __len__(self) -> int:
        return len(self._score)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answers):
            return NotImplemented
        return self._plain() == other._plain()

    __hash__ = None  # type: ignore[assignment]  # grows

    def has(self, system: str, item: str, repeat: int = 0) -> bool:
        """Whether there is an answer, scored or not."""
        number = self._systems.get(system)
        return number is not None and _key(item, repeat) in self._rows[number]

    def awaiting(self, system: str, item: str, repeat: int = 0) -> bool:
        """Whether there is an answer whose judges were not all heard."""
        number = self._systems.get(system)
        row = None if number is None else self._rows[number].get(_key(item, repeat))
        return row is not None and self._reasons.get(row) == AWAITING

    def get(self, system: str, item: str, repeat: int = 0) -> Answer | None:
        """The answer, or None where there is none."""
        number = self._systems.get(system)
        row = None if number is None else self._rows[number].get(_key(item, repeat))
        return None if row is None else self._answer(row)

    def add(self, event: Observed) -> None:
        """Remember an answer."""
        number = self._systems.get(event.system)
        if number is None:
            number = self._systems[event.system] = len(self._rows)
            self._rows.append({})
        rows, key = self._rows[number], _key(event.item_digest, event.repeat)
        row = rows.get(key)
        if row is None:
            row = rows[key] = len(self._score)
            for column in self._columns:
                column.append(0)
        self._write(row, number, event)

    def rescore(self, event: Rescored) -> None:
        """Replace score, reason and scorer of an answer. KeyError where there is none."""
        row = self._rows[self._systems[event.system]][_key(event.item_digest, event.repeat)]
        self._scorer[row] = self._names.number(event.scorer)
        self._mark(row, event.score, event.reason)

    def outdated(self, scorers: Mapping[str, str]) -> bool:
        """Whether an answer to one of these items (by digest) was scored by another scorer."""
        wanted = {_key(item, 0): self._names.number(name) for item, name in scorers.items()}
        half = len(_key("0" * 64, 0))
        return any(
            wanted.get(key[:half], self._scorer[row]) != self._scorer[row]
            for rows in self._rows
            for key, row in rows.items()
        )

    def measures(self, system: str | None = None) -> Measures:
        """What the answers took: of one system, or of all."""
        chosen: NDArray[np.bool_] | slice = slice(None)
        if system is not None:
            chosen = np.asarray(self._system) == self._systems.get(system, -1)
        return Measures(
            prompt_tokens=np.array(self._prompt, dtype=np.uint32)[chosen],
            completion_tokens=np.array(self._completion, dtype=np.uint32)[chosen],
            micro_dollars=np.array(self._money, dtype=np.int64)[chosen],
            seconds=np.array(self._seconds, dtype=np.float64)[chosen],
        )

    def _plain(self) -> tuple[object, ...]:
        columns = tuple(column.tobytes() for column in self._columns)
        return self._systems, self._rows, self._names.texts, self._reasons, columns

    def _write(self, row: int, number: int, event: Observed) -> None:
        names, usage = self._names, event.usage
        self._system[row] = number
        self._task[row] = names.number(event.task)
        self._scorer[row] = names.number(event.scorer)
        self._revision[row] = names.number(event.revision)
        self._finish[row] = _FINISHES.index(event.finish)
        self._bought[row] = event.bought
        self._attempts[row] = event.attempts
        self._valid[row] = _VALID.index(event.valid)
        self._repairs[row] = event.repairs
        self._prompt[row] = usage.prompt_tokens
        self._completion[row] = usage.completion_tokens
        self._money[row] = _UNKNOWN if event.micro_dollars is None else event.micro_dollars
        self._seconds[row] = event.seconds
        self._mark(row, event.score, event.reason)

    def _mark(self, row: int, score: float | None, reason: str | None) -> None:
        self._score[row] = math.nan if score is None else score
        if reason is not None:
            self._reasons[row] = reason
        else:
            self._reasons.pop(row, None)

    def _answer(self, row: int) -> Answer:
        score, money = self._score[row], self._money[row]
        return Answer(
            task=self._names[self._task[row]],
            scorer=self._names[self._scorer[row]],
            score=None if math.isnan(score) else score,
            reason=self._reasons.get(row),
            finish=_FINISHES[self._finish[row]],
            bought=bool(self._bought[row]),
            attempts=self._attempts[row],
            usage=Usage(prompt_tokens=self._prompt[row], completion_tokens=self._completion[row]),
            micro_dollars=None if money == _UNKNOWN else money,
            seconds=self._seconds[row],
            revision=self._names[self._revision[row]],
            valid=_VALID[self._valid[row]],
            repairs=self._repairs[row],
        )


# Below: private.


class _Names:
    """Texts that occur again and again, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def __getitem__(self, number: int) -> str:
        return self.texts[number]


def _key(item: str, repeat: int) -> bytes:
    """Half of an item's digest (128 bits), and the repeat where there are several."""
    half = bytes.fromhex(item[:32])
    return half + repeat.to_bytes(4) if repeat else half
