"""Trials from outside the gateway: what they say, judging their pairs, promoting, rolling back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escalera import wiring
from escalera.apps import issued
from escalera.apps.gateway import trial_book
from escalera.apps.gateway.tried import terms
from escalera.core.serving import trials
from escalera.core.serving.trials import Guard, Verdict
from escalera.domain.event import Event
from escalera.domain.trial import Switched, TrialEvent, TrialWord
from escalera.errors import EvidenceMissing, InputError
from escalera.settings.trial_table import ShadowTable, Trial
from escalera.wiring import stores
from escalera.wiring.stores import Stores

EXIT_CODES: dict[TrialWord, int] = {"fit": 0, "open": 3, "broken": 4}
_WORDS: dict[TrialWord, str] = {
    "fit": "it may take over: `escalera promote {name}`",
    "broken": "it must not take over: {broken}",
    "open": "not enough is known yet",
}
_UNITS = {"cost": " micro-dollars beyond it", "latency": " (log of the ratio) beyond it"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A trial with what it says; `switched` is whether its candidate has taken over."""

    name: str
    table: Trial
    verdict: Verdict
    switched: bool

    @property
    def exit_code(self) -> int:
        """0 it may take over, 3 not enough is known, 4 it must not."""
        return EXIT_CODES[self.verdict.word]

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "trial": self.name,
            "kind": _kind(self.table),
            "of": self.table.of,
            "to": self.table.to,
            "in_service": self.switched,
            **asdict(self.verdict),
        }

    def __str__(self) -> str:
        found, table = self.verdict, self.table
        words = _WORDS[found.word].format(name=self.name, broken=", ".join(found.broken))
        lines = [
            f"{self.name}: {table.to} beside {table.of}, a {_kind(table)} of {table.share:.0%}: "
            f"{words}{' (in service)' if self.switched else ''}",
            *(f"  {_line(guard)}" for guard in found.guards),
            f"  {found.pairs} pairs, {found.scored} with a quality, {found.unscored} without; "
            f"mirrors cost ${found.micro_dollars / 1e6:.4f}",
        ]
        return "\n".join(lines)


class Tried:
    """The trials of the project in *file*."""

    def __init__(self, file: Path) -> None:
        self._made = wiring.install(file / "escalera.toml" if file.is_dir() else file)
        table = self._made.tables.gateway
        self._tables: dict[str, Trial] = {**table.shadows, **table.canaries}

    @property
    def stores(self) -> Stores:
        """The stores of the gateway."""
        return stores.at(self._made.state)

    def names(self) -> tuple[str, ...]:
        """All trials of the project file."""
        return tuple(self._tables)

    def standing(self, name: str) -> Standing:
        """What a trial says. Raises `InputError` for a name that the project file does not have."""
        table, events = self.table(name), [*self._events()]
        switches = {one.name: one for one in events if isinstance(one, Switched)}
        last = switches.get(table.of)
        found = trials.replay(terms(table, self._made.project.policy.alpha), name, events)
        return Standing(
            name=name,
            table=table,
            verdict=found,
            switched=last is not None and last.to == table.to,
        )

    def table(self, name: str) -> Trial:
        """The table of a trial. Raises `InputError`."""
        if name not in self._tables:
            known = ", ".join(map(repr, self._tables)) or "none"
            raise InputError(
                f"there is no trial {name!r} in [gateway.shadows] or [gateway.canaries]: "
                f"there is {known}"
            )
        return self._tables[name]

    def promote(self, name: str, *, reason: str | None = None) -> Standing:
        """Let the candidate of a trial answer from now on; it is recorded, and in the audit log.

        Raises `EvidenceMissing` where the trial does not say that it may, and no *reason* is given.
        """
        _require_reason(reason)
        found = self.standing(name)
        if found.verdict.word != "fit" and reason is None:
            raise EvidenceMissing(
                f"{name!r} is {found.verdict.word}: {found.table.to!r} is not shown to be fit to "
                f"answer for {found.table.of!r}. Wait for more pairs, or give a reason with "
                "--override; it is recorded"
            )
        kept = None if found.verdict.word == "fit" else reason
        self._switch("promoted", found.table.of, found.table.to, found, kept)
        return self.standing(name)

    def roll_back(self, name: str, *, reason: str) -> str:
        """Let a name answer by itself again; *name* may also be the trial that was promoted.

        Returns the name. Raises `InputError` where nothing answers for it.
        """
        _require_reason(reason)
        of = self._tables[name].of if name in self._tables else name
        switches = {one.name: one for one in self._events() if isinstance(one, Switched)}
        last = switches.get(of)
        if last is None or not last.to:
            raise InputError(f"nothing was promoted to answer for {of!r}: it answers by itself")
        self._switch("rolled-back", of, "", None, reason, trial=last.trial)
        return of

    # Private

    def _events(self) -> Iterator[TrialEvent]:
        if not self.stores.trials_file.exists():
            return
        with closing(self.stores.trials()) as journal:
            for event in journal.events():
                if isinstance(event, TrialEvent):
                    yield event

    def _switch(
        self,
        act: Any,
        of: str,
        to: str,
        found: Standing | None,
        reason: str | None,
        *,
        trial: str = "",
    ) -> None:
        word = "" if found is None else found.verdict.word
        name = trial if found is None else found.name
        details = {"to": to, "trial": name, "word": word, "reason": reason or ""}
        issued.audit(self.stores).record(act, of, **details)
        at = wiring.wall_clock()()
        event = Switched(name=of, to=to, trial=name, word=word, reason=reason, at=at)
        with closing(self.stores.trials()) as journal:
            trial_book.append(journal, [event], read_over)


def read_over(events: Iterator[Event]) -> None:
    """Read to the end what others wrote, of which nothing is needed."""
    for _ in events:
        pass


# Below: private.


def _kind(table: Trial) -> str:
    return "shadow" if isinstance(table, ShadowTable) else "canary"


def _require_reason(reason: str | None) -> None:
    if reason is not None and not reason.strip():
        raise InputError("the reason is empty: say why, the journal keeps it")


_NOTHING_KNOWN = {(-1.0, 1.0), (-math.inf, math.inf)}
"""Intervals of shares and of means that rule nothing out."""


def _line(guard: Guard) -> str:
    if guard.interval is None or guard.limit is None:
        return f"{guard.name}: {guard.state}"
    found = guard.interval
    if (found.lower, found.upper) in _NOTHING_KNOWN:
        return f"{guard.name}: {guard.state}, limit {guard.limit:g}, too few pairs"
    return (
        f"{guard.name}: {guard.state}, limit {guard.limit:g}; {found.estimate:+.3f} "
        f"[{found.lower:+.3f}, {found.upper:+.3f}]{_UNITS.get(guard.name, '')}"
    )
