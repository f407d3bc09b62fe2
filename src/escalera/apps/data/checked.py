"""`data check`: everything that is wrong with files of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from escalera.core.data import checking
from escalera.core.data.checking import Checker, Complaint
from escalera.core.data.flaws import Flaw
from escalera.errors import DataError
from escalera.settings.data_file import Source
from escalera.wiring import data_sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found: the first complaints, how many there are, and keys that are not read."""

    complaints: tuple[Complaint, ...]
    total: int
    items: int
    forms: Mapping[str, int]
    unread: Mapping[str, int]

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "items": self.items,
            "complaints": self.total,
            "shown": [asdict(one) for one in self.complaints],
            "forms": dict(self.forms),
            "keys_not_read": dict(self.unread),
        }

    def __str__(self) -> str:
        lines = [str(one) for one in self.complaints]
        if self.total > len(self.complaints):
            lines.append(f"and {self.total - len(self.complaints)} more")
        lines += [f"not read: the key {key!r} of {n} rows" for key, n in self.unread.items()]
        kinds = ", ".join(f"{count} {form}" for form, count in self.forms.items())
        verdict = f"{self.total} complaints" if self.total else "nothing is wrong"
        return "\n".join([*lines, f"{self.items} items ({kinds or 'no rows'}): {verdict}"])


def check(
    groups: Mapping[str, Sequence[Source]],
    *,
    most: int = checking.MOST,
    longest: int = checking.LONGEST,
) -> Checked:
    """Look at every row of every file; files of one group (a task) belong together."""
    found: list[Checker] = []
    left = most
    for sources in groups.values():
        checker = Checker(most=left, longest=longest)
        for source in sources:
            _look(checker, source)
        checker.finish(", ".join(str(source.file) for source in sources))
        left -= len(checker.complaints)
        found.append(checker)
    return Checked(
        complaints=tuple(one for checker in found for one in checker.complaints),
        total=sum(checker.total for checker in found),
        items=sum(checker.items for checker in found),
        forms=_sum([checker.forms for checker in found]),
        unread=_sum([checker.unread for checker in found]),
    )


# Below: private.


def _look(checker: Checker, source: Source) -> None:
    try:
        for entry in data_sets.entries(source):
            checker.look(str(source.file), entry, source.defaults)
    except DataError as error:
        # What comes after it in this file cannot be read.
        checker.complain(error.file, error.place, Flaw(error.problem, error.remedy))


def _sum(counters: Sequence[Mapping[Any, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counter in counters:
        for key, count in counter.items():
            total[str(key)] = total.get(str(key), 0) + count
    return total
