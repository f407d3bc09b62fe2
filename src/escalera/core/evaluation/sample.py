"""The scores that a question rests on, and what the missing ones could do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.stats.clustering import Interval
from escalera.domain.verdict import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item: the score of the candidate, of the incumbent, and its cluster; None is missing."""

    candidate: float | None
    incumbent: float | None
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of the items that count; `incumbent` is empty where nothing is compared."""

    candidate: tuple[float, ...]
    incumbent: tuple[float, ...]
    clusters: tuple[str, ...]

    def figure(self, interval: Interval) -> Figure:
        """An interval that was computed from these scores, with what it rests on."""
        return Figure(
            value=interval.estimate,
            lower=interval.lower,
            upper=interval.upper,
            n=len(self.candidate),
            clusters=len(set(self.clusters)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Every item of a question. `paired`: an incumbent is compared on the same items."""

    rows: tuple[Row, ...]
    paired: bool

    @property
    def scored(self) -> Scores:
        """The items that every system involved has scored."""
        return _scores([row for row in self.rows if not self._gap(row)], paired=self.paired)

    @property
    def unscored(self) -> int:
        """Items left out for want of a score."""
        return sum(map(self._gap, self.rows))

    def worst(self) -> Scores:
        """All items, where the candidate's missing scores are 0 and the incumbent's are 1."""
        return self._filled(candidate=0.0, incumbent=1.0)

    def best(self) -> Scores:
        """All items, where the candidate's missing scores are 1 and the incumbent's are 0."""
        return self._filled(candidate=1.0, incumbent=0.0)

    def _filled(self, *, candidate: float, incumbent: float) -> Scores:
        rows = [
            Row(
                candidate=candidate if row.candidate is None else row.candidate,
                incumbent=incumbent if row.incumbent is None else row.incumbent,
                cluster=row.cluster,
            )
            for row in self.rows
        ]
        return _scores(rows, paired=self.paired)

    def _gap(self, row: Row) -> bool:
        return row.candidate is None or (self.paired and row.incumbent is None)


# Below: private.


def _scores(rows: Sequence[Row], *, paired: bool) -> Scores:
    return Scores(
        candidate=tuple(row.candidate for row in rows if row.candidate is not None),
        incumbent=tuple(row.incumbent for row in rows if row.incumbent is not None)
        if paired
        else (),
        clusters=tuple(row.cluster for row in rows),
    )
