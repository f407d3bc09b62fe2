"""Answers as packed rows: what decisions need of every answer, at some two hundred bytes each.

What was said stays in the journal; scores, prices and the like are kept here, and an `Answer` is
put together when it is asked for.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from escalera.arrays import np
from escalera.domain import judge, likeness
from escalera.domain.event import Observed, Rescored
from escalera.domain.message import FinishReason, Usage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINISHES: tuple[FinishReason | None, ...] = (None, *get_args(FinishReason))
_FINISH = {finish: number for number, finish in enumerate(_FINISHES)}
_VALIDS: tuple[bool | None, ...] = (None, False, True)
_VALID = {valid: number for number, valid in enumerate(_VALIDS)}
_AWAITING = frozenset({judge.AWAITING, likeness.AWAITING})
_UNKNOWN = -1
"""Stands for a price that is unknown: none is negative."""

_FIELDS = {
    "system": "u2",
    "task": "u2",
    "scorer": "u2",
    "revision": "u4",
    "score": "f8",
    "finish": "u1",
    "bought": "u1",
    "attempts": "u4",
    "valid": "u1",
    "repairs": "u2",
    "prompt": "u4",
    "completion": "u4",
    "money": "i8",
    "seconds": "f8",
}
"""A row, packed: names by number, a score of NaN where there is none."""
_ROW = struct.Struct("<HHHIdBBIBHIIqd")
_SIZE = _ROW.size


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
        self._places: list[dict[bytes, int]] = []  # where the row of an answer begins
        self._names = _Names()
        self._reasons: dict[int, str] = {}
        self._rows = bytearray()

    def __len__(self) -> int:
        return len(self._rows) // _SIZE

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answers):
            return NotImplemented
        return self._plain() == other._plain()

    __hash__ = None  # type: ignore[assignment]  # grows

    def has(self, system: str, item: str, repeat: int = 0) -> bool:
        """Whether there is an answer, scored or not."""
        number = self._systems.get(system)
        return number is not None and _key(item, repeat) in self._places[number]

    def awaiting(self, system: str, item: str, repeat: int = 0) -> bool:
        """Whether there is an answer whose judges, or whose embeddings, were not all heard."""
        number = self._systems.get(system)
        if number is None or not self._reasons:
            return False
        at = self._places[number].get(_key(item, repeat))
        return at is not None and self._reasons.get(at) in _AWAITING

    def get(self, system: str, item: str, repeat: int = 0) -> Answer | None:
        """The answer, or None where there is none."""
        number = self._systems.get(system)
        at = None if number is None else self._places[number].get(_key(item, repeat))
        return None if at is None else self._answer(at)

    def add(self, event: Observed) -> None:
        """Remember an answer."""
        number = self._systems.get(event.system)
        if number is None:
            number = self._systems[event.system] = len(self._places)
            self._places.append({})
        names, usage, score = self._names, event.usage, event.score
        packed = _ROW.pack(
            number,
            names[event.task],
            names[event.scorer],
            names[event.revision],
            math.nan if score is None else score,
            _FINISH[event.finish],
            event.bought,
            event.attempts,
            _VALID[event.valid],
            event.repairs,
            usage.prompt_tokens,
            usage.completion_tokens,
            _UNKNOWN if event.micro_dollars is None else event.micro_dollars,
            event.seconds,
        )
        rows, repeat = self._rows, event.repeat
        key = bytes.fromhex(event.item_digest[:_HALF])
        if repeat:
            key += repeat.to_bytes(4)
        end = len(rows)
        at = self._places[number].setdefault(key, end)
        if at == end:
            rows += packed
        else:
            rows[at : at + _SIZE] = packed
        if event.reason is not None or self._reasons:
            self._explain(at, event.reason)

    def rescore(self, event: Rescored) -> None:
        """Replace score, reason and scorer of an answer. KeyError where there is none."""
        at = self._places[self._systems[event.system]][_key(event.item_digest, event.repeat)]
        row = self._table()[at // _SIZE]
        row["scorer"] = self._names[event.scorer]
        row["score"] = math.nan if event.score is None else event.score
        self._explain(at, event.reason)

    def by_another(self, scorers: Mapping[str, str]) -> bool:
        """Whether an answer to one of these tasks (by name) was scored by another scorer."""
        table, names = self._table(), self._names
        wanted = np.full(len(names) + 1, -1, dtype=np.int64)
        for task, scorer in scorers.items():
            if task in names:
                wanted[names[task]] = names.get(scorer, len(names))
        found = wanted[table["task"]]
        return bool(((found >= 0) & (found != table["scorer"])).any())

    def outdated(self, scorers: Mapping[str, str]) -> bool:
        """Whether an answer to one of these items (by digest) was scored by another scorer."""
        wanted = {_key(item, 0): self._names[name] for item, name in scorers.items()}
        half, found = _HALF // 2, self._table()["scorer"]
        return any(
            wanted.get(key[:half], found[at // _SIZE]) != found[at // _SIZE]
            for places in self._places
            for key, at in places.items()
        )

    def measures(self, system: str | None = None) -> Measures:
        """What the answers took: of one system, or of all."""
        table = self._table()
        if system is not None:
            table = table[table["system"] == self._systems.get(system, -1)]
        return Measures(
            prompt_tokens=table["prompt"].copy(),
            completion_tokens=table["completion"].copy(),
            micro_dollars=table["money"].copy(),
            seconds=table["seconds"].copy(),
        )

    def _table(self) -> NDArray[np.void]:
        """The rows as an array over the same memory: they cannot grow while it is held."""
        return np.frombuffer(self._rows, [(name, "<" + kind) for name, kind in _FIELDS.items()])

    def _plain(self) -> tuple[object, ...]:
        return self._systems, self._places, self._names, self._reasons, self._rows

    def _explain(self, at: int, reason: str | None) -> None:
        if reason is not None:
            self._reasons[at] = reason
        else:
            self._reasons.pop(at, None)

    def _answer(self, at: int) -> Answer:
        row = _ROW.unpack_from(self._rows, at)
        _, task, scorer, revision, score, finish, bought, attempts, *used = row
        valid, repairs, prompt, completion, money, seconds = used
        names = self._names
        return Answer(
            task=names.text(task),
            scorer=names.text(scorer),
            score=None if math.isnan(score) else score,
            reason=self._reasons.get(at),
            finish=_FINISHES[finish],
            bought=bool(bought),
            attempts=attempts,
            usage=Usage(prompt_tokens=prompt, completion_tokens=completion),
            micro_dollars=None if money == _UNKNOWN else money,
            seconds=seconds,
            revision=names.text(revision),
            valid=_VALIDS[valid],
            repairs=repairs,
        )


# Below: private.


class _Names(dict[str, int]):
    """Numbers of texts that occur again and again, given when they are first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def __missing__(self, text: str) -> int:
        self._texts.append(text)
        self[text] = len(self)
        return self[text]

    def text(self, number: int) -> str:
        return self._texts[number]


_HALF = 30
"""Digits of a digest that tell items apart: 120 bits. With one byte more, memory takes 16 more."""


def _key(item: str, repeat: int) -> bytes:
    """Half of an item's digest, and the repeat where there are several."""
    half = bytes.fromhex(item[:_HALF])
    return half + repeat.to_bytes(4) if repeat else half
