"""`data clean`: a copy without what is superfluous or must not be taught, and why each row went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.apps.data import laid, loading
from escalera.apps.data.laid import Laid
from escalera.core.data import wording
from escalera.core.data.likeness import Found, Likeness
from escalera.ports import Progress
from escalera.settings.data_file import Source
from escalera.wiring import data_sets, outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What goes: rows nearer than a threshold (None: no near ones), contradicting ones if asked."""

    near: float | None = wording.NEAR
    conflicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """How many rows were read and written, and why the others were left out."""

    read: int
    written: int
    reasons: Mapping[str, int]

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {"read": self.read, "written": self.written, "left_out": dict(self.reasons)}

    def __str__(self) -> str:
        said = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        return f"{self.written} of {self.read} rows written; left out: {said or 'none'}"


def clean(
    source: Source,
    into: Path,
    *,
    removed: Path,
    others: Sequence[Source] = (),
    rules: Rules,
    progress: Progress,
) -> Cleaned:
    """Write the rows of *source* that stay to *into*, and those left out with the reason to
    *removed*.

    A row with several answers stays while one of them says something new, and goes as a whole where
    one of them leaks. The input is read only. Raises `InputError` where an output would be written
    over an input.
    """
    loading.require_apart([into, removed], [source.file, *(other.file for other in others)])
    for one in (into, removed):
        outputs.require(one, outputs.ROWS)
    found, sizes = Laid(), []
    laid.against(found, others)
    first = len(found.pile)
    for placed in loading.read(source):
        found.add(placed)
        sizes.append(len(placed.rows))
    alike = laid.find(found, near=rules.near, progress=progress)
    gone = _gone(found, alike, first, sizes, conflicts=rules.conflicts)
    reasons: Counter[str] = Counter(reason["reason"] for reason in gone.values())
    rows = (placed.raw for n, placed in enumerate(loading.read(source)) if n not in gone)
    written = data_sets.write_lines(into, rows)
    data_sets.write_lines(removed, (gone[n] for n in sorted(gone)))
    return Cleaned(read=len(sizes), written=written, reasons=dict(reasons.most_common()))


# Below: private.


def _gone(
    found: Laid, alike: Found, first: int, sizes: Sequence[int], *, conflicts: bool
) -> dict[int, dict[str, Any]]:
    """The rows that go, by their number in the file, with the reason."""
    row_of = [number for number, size in enumerate(sizes) for _ in range(size)]
    said: dict[int, list[Likeness]] = defaultdict(list)
    for one in alike.alike:
        said[row_of[one.place - first]].append(one)
    gone = {}
    for number, ones in said.items():
        leaks = [one for one in ones if _crosses(found, one)]
        if leaks or len(ones) == sizes[number]:
            gone[number] = _reason(found, (leaks or ones)[0])
    if conflicts:
        for place, other in _contradicting(alike, first):
            told = {**found.place(place), "like": found.place(other)}
            gone.setdefault(row_of[place - first], {"reason": "conflict", **told})
    return gone


def _contradicting(alike: Found, first: int) -> Iterator[tuple[int, int]]:
    """Every item of the file whose question has another answer elsewhere, with that other."""
    for one in alike.conflicts:
        yield one.place, one.other
        if one.other >= first:
            yield one.other, one.place


def _crosses(found: Laid, one: Likeness) -> bool:
    return found.pile.kept(one.other) or found.split(one.place) != found.split(one.other)


def _reason(found: Laid, one: Likeness) -> dict[str, Any]:
    what = "duplicate"
    if found.pile.kept(one.other):
        what = "contamination"
    elif _crosses(found, one):
        what = "leak"
    return {"reason": f"{what} ({one.kind})", **found.told(one)}
