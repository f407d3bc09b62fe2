"""Plain tables of scores: which column means what, and what one row says.

`COLUMNS` is the whole mapping and stands in the documentation: a column is known by any of its
names, compared without case, with spaces and hyphens as underscores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from escalera.domain.scores import ScoreTable
from escalera.edges.scores.documents import LARGEST_COUNT
from escalera.edges.scores.gathering import ASK_FOR_A_RANGE, Answer, Gathering
from escalera.edges.scores.scale import UNIT, Bounds, Mark, OffScale, Unscored, cut, mark

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "system": ("system", "model", "provider", "variant", "candidate"),
    "item": ("item", "item_id", "id", "sample_id", "example_id", "question_id", "doc_id"),
    "task": ("task", "task_name", "dataset", "benchmark"),
    "cluster": ("cluster", "cluster_id", "group"),
    "repeat": ("repeat", "epoch", "trial", "replicate"),
    "score": ("score", "value", "correct", "passed", "pass", "success", "accuracy"),
    "reason": ("reason", "unscored_reason"),
    "error": ("error", "error_message"),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
    "micro_dollars": ("micro_dollars",),
    "dollars": ("dollars", "cost_usd", "usd", "cost"),
    "seconds": ("seconds", "latency_s", "duration_s"),
    "milliseconds": ("milliseconds", "latency_ms", "duration_ms"),
    "minimum": ("min_score", "score_min", "minimum"),
    "maximum": ("max_score", "score_max", "maximum"),
}
"""Meaning to the names that a column may have; the first is the one that we write."""

FIELDS = (
    "system",
    "item",
    "task",
    "cluster",
    "repeat",
    "score",
    "reason",
    "prompt_tokens",
    "completion_tokens",
    "micro_dollars",
    "seconds",
)
"""The columns that we write, in order: the fields of a `ScoreRow`."""

DEFAULT_TASK = "scores"
RIGHT = ("true", "yes", "pass", "passed", "correct")
WRONG = ("false", "no", "fail", "failed", "incorrect")
WORDS: Mapping[str, float] = dict.fromkeys(RIGHT, 1.0) | dict.fromkeys(WRONG, 0.0)
LARGEST_AMOUNT = 1e300
NO_ERROR = ("", "false", "none", "null", "nan", "0")
"""What stands in a column `error` where there was none."""

Row = Mapping[str, Any]


def meaning(name: str) -> str | None:
    """What a column called *name* means, or None."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return next((known for known, names in COLUMNS.items() if plain in names), None)


def holds_scores(names: Iterable[str]) -> bool:
    """Whether columns of these names make a table of scores: at least an item and a score."""
    return {"item", "score"} <= {meaning(name) for name in names}


def table(path: Path, rows: Iterable[tuple[str, Row]], *, kind: str) -> ScoreTable:
    """The table of a plain file, from the place and the cells of each row.

    A table with our own columns reads back as it was written. Raises `ScoresError` for the first
    row that cannot be used: a plain file is sooner repaired than trusted.
    """
    gathering = Gathering(path)
    for place, row in rows:
        meanings = _meanings(tuple(row))
        for name in meanings[None]:
            gathering.note(f"the column {name!r} is not read")
        cells = _Cells(gathering, place, _by_meaning(gathering, place, row, meanings))
        found = cells.mark()
        if isinstance(found, OffScale):
            raise gathering.error(place, found.problem, ASK_FOR_A_RANGE)
        task = cells.name("task", assume=DEFAULT_TASK)
        gathering.add(cells.answer(path.stem), task=task, mark=found, place=place)
    return gathering.table(f"{kind} {path.name}")


# Below: private.


@lru_cache(maxsize=64)
def _meanings(names: tuple[str, ...]) -> Mapping[str | None, tuple[str, ...]]:
    found: dict[str | None, tuple[str, ...]] = {None: ()}
    for name in names:
        known = meaning(name)
        found[known] = (*found.get(known, ()), name)
    return found


def _by_meaning(
    gathering: Gathering, place: str, row: Row, meanings: Mapping[str | None, tuple[str, ...]]
) -> dict[str, Any]:
    needs_score = not meanings.keys() & {"error", "reason"}
    for needed in ("item", "score") if needs_score else ("item",):
        if needed not in meanings:
            problem = f"there is no column for the {needed}"
            remedy = f"Call its column one of: {', '.join(COLUMNS[needed])}"
            raise gathering.error(place, problem, remedy)
    cells = {}
    for known, names in meanings.items():
        if known is None:
            continue
        if len(names) > 1:
            problem = f"the columns {names[0]!r} and {names[1]!r} both mean {known!r}"
            raise gathering.error(place, problem, "Rename or remove one of them")
        cell = row[names[0]]
        # Data frames write a missing value as NaN, the only value that differs from itself.
        if cell is not None and cell != "" and cell == cell:
            cells[known] = cell
    return cells


class _Cells:
    """The filled cells of one row, by meaning; a cell that is not what it should be is an error."""

    def __init__(self, gathering: Gathering, place: str, cells: Mapping[str, Any]) -> None:
        self._gathering = gathering
        self._place = place
        self._cells = cells

    def answer(self, stem: str) -> Answer:
        """Who answered what."""
        item = self.name("item")
        if not item:
            raise self._gathering.error(self._place, "the item has no name", "Name it")
        return Answer(
            system=self.name("system", assume=stem),
            item=item,
            cluster=self.name("cluster"),
            repeat=self._whole("repeat") or 0,
            prompt_tokens=self._whole("prompt_tokens"),
            completion_tokens=self._whole("completion_tokens"),
            micro_dollars=self._micro_dollars(),
            seconds=self._seconds(),
        )

    def mark(self) -> Mark:
        """The score, unless there was an error: an answer that failed is not a wrong one."""
        error = self.name("error", loose=True)
        if error.strip().lower() not in NO_ERROR:
            return Unscored(error)
        if "score" not in self._cells:
            return Unscored(self.name("reason", loose=True) or "the file gives no score")
        if "reason" in self._cells:
            self._gathering.note("reasons of answers that have a score are not read")
        value = self._cells["score"]
        return mark(_number(value), words=WORDS, bounds=self._bounds())

    def name(self, what: str, *, assume: str = "", loose: bool = False) -> str:
        """A cell that holds a name; *loose* takes whatever is written there."""
        if what not in self._cells:
            if assume:
                self._gathering.note(f"rows without a {what} are taken as {what} {assume!r}")
            return assume
        cell = self._cells[what]
        if isinstance(cell, str) or loose:
            return str(cell)
        if isinstance(cell, bool) or not isinstance(cell, int):
            self._refuse(what, "is no name", "Write text or a whole number")
        return str(cell)

    # Below: private.

    def _whole(self, what: str) -> int | None:
        found = self._amount(what)
        if isinstance(found, float):
            if not found.is_integer():
                self._refuse(what, "is no whole number", "Write a whole number from 0 on")
            found = int(found)
        if found is not None and found > LARGEST_COUNT:
            self._refuse(what, f"is above {LARGEST_COUNT}", "Write a smaller number")
        return found

    def _amount(self, what: str) -> float | None:
        if what not in self._cells:
            return None
        found = _number(self._cells[what])
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            self._refuse(what, "is no number", "Write a number from 0 on")
        if isinstance(found, float) and math.isnan(found):
            return None
        if not 0 <= found <= LARGEST_AMOUNT:
            self._refuse(what, "is not from 0 on, or too large", "Write a number from 0 on")
        return found

    def _seconds(self) -> float | None:
        found = self._amount(self._only("seconds", "milliseconds"))
        if found is None:
            return None
        return found / 1000 if "milliseconds" in self._cells else float(found)

    def _micro_dollars(self) -> int | None:
        if self._only("micro_dollars", "dollars") == "micro_dollars":
            return self._whole("micro_dollars")
        found = self._amount("dollars")
        return None if found is None else round(min(found * 1e6, LARGEST_COUNT))

    def _only(self, first: str, second: str) -> str:
        if {first, second} <= set(self._cells):
            self._refuse(first, f"stands beside {second}", "Keep one of them")
        return first if first in self._cells else second

    def _bounds(self) -> Bounds:
        given = {"minimum", "maximum"} & set(self._cells)
        if not given:
            return UNIT
        low, high = (self._bound(what) for what in ("minimum", "maximum"))
        if not 0 < high - low <= LARGEST_AMOUNT:
            self._refuse(sorted(given)[0], "makes no range", "Give a minimum and a larger maximum")
        return Bounds(low, high)

    def _bound(self, what: str) -> float:
        found = _number(self._cells.get(what))
        return found if isinstance(found, (int, float)) else math.nan

    def _refuse(self, what: str, problem: str, remedy: str) -> NoReturn:
        value = cut(str(self._cells[what]))
        raise self._gathering.error(self._place, f"the {what} {value!r} {problem}", remedy)


def _number(cell: Any) -> Any:
    """Text that is a number as one; other text in lower case, other things as they are."""
    if not isinstance(cell, str):
        return cell
    plain = cell.strip().lower()
    try:
        if plain.isdecimal():
            return int(plain)
        return plain if "_" in plain else float(plain)
    except ValueError:
        return plain
