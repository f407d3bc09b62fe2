"""Rows gathered from one source: each once, on a known scale, and what was left out is noted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.edges.scores.scale import Mark, OffScale, Unscored, cut
from escalera.errors import ScoresError

MOST_ROWS = 5_000_000
"""A file with more is a mistake, or an attack."""

ASK_FOR_A_RANGE = (
    "Give scores from 0 to 1 or booleans, or a file with columns that declare the range "
    "(min_score, max_score)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one system answered to one item, once; scorers give it marks."""

    system: str
    item: str
    cluster: str = ""
    repeat: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    micro_dollars: int | None = None
    seconds: float | None = None


class Gathering:
    """Collects marks of answers, in the order of the source, and makes the table of them."""

    def __init__(self, path: Path, *, most: int = MOST_ROWS) -> None:
        self._path = path
        self._most = most
        self._rows: list[ScoreRow] = []
        self._places: dict[tuple[str, str, str, int], str] = {}
        self._refused: dict[str, tuple[str, OffScale]] = {}
        self._notes: dict[str, None] = {}

    def add(self, answer: Answer, *, task: str, mark: Mark, place: str) -> None:
        """One mark of an answer. A task with a mark that is off the scale is left out whole."""
        if isinstance(mark, OffScale):
            self._refused.setdefault(task, (place, mark))
            return
        self._check(answer, task, place)
        self._rows.append(
            ScoreRow(
                system=answer.system,
                item=answer.item,
                task=task,
                cluster=answer.cluster or f"{task}/{answer.item}",
                repeat=answer.repeat,
                score=None if isinstance(mark, Unscored) else mark,
                reason=_reason(mark) if isinstance(mark, Unscored) else None,
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                micro_dollars=answer.micro_dollars,
                seconds=answer.seconds,
            )
        )

    def note(self, words: str) -> None:
        """Remember something that the reader of the table must know; said twice, kept once."""
        self._notes.setdefault(words)

    def table(self, source: str) -> ScoreTable:
        """The table. Raises `ScoresError` when nothing with a known scale is left."""
        rows = tuple(row for row in self._rows if row.task not in self._refused)
        for task, (place, mark) in self._refused.items():
            if not rows:
                raise self.error(place, f"task {task!r}: {mark.problem}", ASK_FOR_A_RANGE)
            self.note(f"left out {task!r}, which is on no known scale: {mark.problem} ({place})")
        if not rows:
            raise self.error("", "holds no scores", "Name the file that holds results per item")
        return ScoreTable(rows=rows, source=source, notes=tuple(self._notes))

    def error(self, place: str, problem: str, remedy: str) -> ScoresError:
        """An error at a place of this source."""
        return ScoresError(file=str(self._path), place=place, problem=problem, remedy=remedy)

    # Below: private.

    def _check(self, answer: Answer, task: str, place: str) -> None:
        names = {"system": answer.system, "item": answer.item, "task": task}
        for what, name in (names | {"cluster": answer.cluster or "-"}).items():
            if not name:
                raise self.error(place, f"the {what} has no name", "Name it")
            if not _is_text(name):
                raise self.error(place, f"the {what} {name!r} is not text", "Write it in UTF-8")
        key = (answer.system, task, answer.item, answer.repeat)
        if key in self._places:
            said = f"the item {cut(answer.item)!r} of {task!r} has a score of {answer.system!r}"
            problem = f"{said}, repeat {answer.repeat}, also on {self._places[key]}"
            raise self.error(place, problem, "Number its repeats from 0 on, or keep one of them")
        if len(self._rows) >= self._most:
            raise self.error(place, f"holds more than {self._most} rows", "Split the file")
        self._places[key] = place


def _is_text(name: str) -> bool:
    # JSON can say half of a character, which no file can hold.
    return name.isascii() or name == name.encode(errors="ignore").decode()


def _reason(mark: Unscored) -> str:
    return mark.reason.encode(errors="replace").decode() or "no reason given"
