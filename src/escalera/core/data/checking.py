"""Everything that is wrong with a file of items: what one row says, and what rows say together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from escalera.core.data import rows
from escalera.core.data.flaws import Flaw, shown
from escalera.core.data.rows import Defaults, Entry, Form, Row
from escalera.core.data.wording import key
from escalera.domain.dataset import Split
from escalera.domain.identity import canonical

MOST = 100
"""Complaints that are kept; all are counted."""
LONGEST = 100_000
"""Characters of a question or an answer: more is a document, not a message."""
STRICT: tuple[Form, ...] = ("chat", "pairs")
"""Forms of which finetuning services refuse files with other keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong, where, and what to do about it."""

    file: str
    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.problem}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class _At:
    file: str
    place: str

    def seen_from(self, other: _At) -> str:
        return self.place if self.file == other.file else f"{self.place} of {self.file}"


class Checker:
    """Looks at the rows of files that belong together, and goes on after what is wrong.

    `complaints` are the first `most`, `total` counts all. `unread` counts keys that nothing was
    made of, which is allowed in a file of one's own.
    """

    def __init__(self, *, most: int = MOST, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._names: dict[str, _At] = {}
        self._splits: dict[bytes, tuple[Split, _At]] = {}
        self._undecided: _At | None = None
        self._decided = False
        self.complaints: list[Complaint] = []
        self.total = 0
        self.items = 0
        self.unread: Counter[str] = Counter()
        self.forms: Counter[Form] = Counter()

    def look(self, file: str, entry: Entry, defaults: Defaults) -> None:
        """Look at what stands in one place of a file."""
        place, found = entry
        at = _At(file, place)
        if isinstance(found, Flaw):
            self.complain(file, place, found)
            return
        reading = rows.read(found, defaults)
        for flaw in reading.flaws:
            self.complain(file, place, flaw)
        if reading.form is not None:
            self.forms[reading.form] += 1
            self._keys(at, reading.form, reading.unread)
        for row in reading.rows:
            self._row(at, row)

    def complain(self, file: str, place: str, flaw: Flaw) -> None:
        """Count what is wrong, and keep it unless there is too much of it."""
        self.total += 1
        if len(self.complaints) < self._most:
            self.complaints.append(
                Complaint(file=file, place=place, problem=flaw.problem, remedy=flaw.remedy)
            )

    def finish(self, files: str = "") -> None:
        """What only the whole can say; *files* is what is named where there are no items."""
        if self._decided and self._undecided is not None:
            remedy = "Give every row a split, or none"
            at = self._undecided
            self.complain(
                at.file, at.place, Flaw("`split` is missing, and others have one", remedy)
            )
        if not self.items and not self.total:
            self.complain(files, "", Flaw("there are no items", "Name files that hold some"))

    # Below: private.

    def _keys(self, at: _At, form: Form, unread: tuple[str, ...]) -> None:
        for name in unread:
            if form in STRICT:
                rule = f"the unknown key {name!r} beside {' and '.join(rows.FORMS[form])}"
                self.complain(at.file, at.place, Flaw(rule, "Remove it"))
            else:
                self.unread[name] += 1

    def _row(self, at: _At, row: Row) -> None:
        self.items += 1
        if row.name:
            before = self._names.setdefault(row.name, at)
            if before != at:
                rule = f"the id {row.name!r} is also on {before.seen_from(at)}"
                self.complain(at.file, at.place, Flaw(rule, "Rename"))
        for name, text in (("question", row.input), ("answer", row.target)):
            if len(text) > self._longest:
                said = f"the {name} {shown(text[:40])} has {len(text)} characters"
                remedy = "Cut it, leave it out, or allow more with --longest"
                self.complain(at.file, at.place, Flaw(f"{said}, more than {self._longest}", remedy))
        self._split(at, row)

    def _split(self, at: _At, row: Row) -> None:
        if row.split is None:
            self._undecided = self._undecided or at
            return
        self._decided = True
        asked = key(canonical(row.query).decode())
        split, before = self._splits.setdefault(asked, (row.split, at))
        if split != row.split:
            rule = f"the same input is in split {split!r} on {before.seen_from(at)}"
            flaw = Flaw(f"{rule} and in {row.split!r}", "Keep it in one of them")
            self.complain(at.file, at.place, flaw)
