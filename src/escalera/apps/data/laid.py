"""Rows of several files laid out beside each other, to find which say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from escalera.apps.data import loading
from escalera.apps.data.loading import Placed
from escalera.core.data import likeness
from escalera.core.data.likeness import Found, Likeness, Pile
from escalera.core.data.texts import Texts
from escalera.domain.dataset import Split
from escalera.errors import InputError, MissingExtra
from escalera.ports import Progress
from escalera.settings.data_file import Source
from escalera.wiring import data_sets

NEAREST = 0.6
"""The least threshold: below it sketches would miss too many pairs."""


@dataclass(slots=True)
class Laid:
    """Rows with their places; those of other files are kept in any case."""

    pile: Pile = field(default_factory=Pile)
    _where: Texts = field(default_factory=Texts)

    def add(self, placed: Placed, *, kept: bool = False) -> None:
        """Add every item of a row."""
        for row in placed.rows:
            self.pile.append(row, kept=kept)
            self._where.append("\0".join((placed.file, placed.place, row.name)))

    def place(self, number: int) -> dict[str, Any]:
        """Where a row stands: its file, place and id."""
        file, place, name = self._where[number].split("\0")
        return {"file": file, "place": place, "id": name or None}

    def told(self, one: Likeness) -> dict[str, Any]:
        """A likeness, for JSON: which row is like which, and how."""
        return {
            **self.place(one.place),
            "split": self.split(one.place),
            "like": {**self.place(one.other), "split": self.split(one.other)},
            "kind": one.kind,
            "likeness": round(one.value, 4),
        }

    def split(self, number: int) -> Split | None:
        """What a row is for."""
        return self.pile.split(number)


def against(laid: Laid, others: Sequence[Source]) -> None:
    """Lay the rows of other files beside, to be compared with."""
    for source in others:
        for placed in loading.read(source, asked_only=True):
            laid.add(placed, kept=True)


def find(laid: Laid, *, near: float | None, progress: Progress) -> Found:
    """Which rows say what others say; with *near*, also which nearly do.

    Raises `MissingExtra` where near ones are asked for and the extra `data` is missing, and
    `InputError` for a threshold out of range.
    """
    told = _told(progress, len(laid.pile))
    if near is None:
        return likeness.find(laid.pile, sketches=(), progress=told)
    if not NEAREST <= near < 1:
        raise InputError(f"near is {near:g}: it must be a share from {NEAREST} to below 1")
    sketches = data_sets.sketches(near)
    if sketches is None:
        raise MissingExtra(feature="Finding near duplicates", package="rensa", extra="data")
    return likeness.find(laid.pile, sketches=sketches, near=near, progress=told)


# Below: private.


def _told(progress: Progress, total: int) -> Callable[[int], None]:
    return lambda done: progress("rows compared", done, total)
