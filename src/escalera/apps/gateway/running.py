"""Looking at a gateway that runs, and giving it another configuration."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from escalera import wiring
from escalera.apps import issued
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.standing import Standing
from escalera.domain.act import ActKind
from escalera.errors import EscaleraError, InputError
from escalera.settings import project_file
from escalera.wiring import stores

PATIENCE = 60.0
"""Seconds that workers have to take up a configuration."""
LOOK = 0.1
"""Seconds between two looks at how they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a change: the version that was in use, the one that is, and who refused it.

    Where no gateway `runs`, it is the one with which the next starts.
    """

    before: int
    now: int
    refused: tuple[str, ...] = ()
    waiting: int = 0
    runs: bool = True

    @property
    def whole(self) -> bool:
        """Whether every worker goes by the new version."""
        return not self.refused and not self.waiting


class Running:
    """The gateway of the project in *file*, whether it runs or not."""

    def __init__(self, file: Path) -> None:
        self._file = file / "escalera.toml" if file.is_dir() else file
        self._stores = stores.of(self._file)

    def leader(self) -> int | None:
        """The process that takes signals; None where the gateway does not run."""
        found = self._stores.standings().leader()
        return None if found is None else found[0]

    def standings(self) -> list[Standing]:
        """What each worker said last, by slot."""
        found = self._stores.standings().read_all()
        return [msgspec.json.decode(text, type=Standing) for text in found]

    def metrics(self) -> str:
        """The counts of all workers together, in Prometheus' format."""
        together = Metrics()
        for standing in self.standings():
            together.add(standing.metrics)
        return together.text()

    def versions(self) -> list[int]:
        """The numbers of all configurations, the oldest first."""
        return self._stores.configurations().numbers()

    def version(self) -> int:
        """The configuration in use; 0 where there is none yet."""
        found = self._stores.configurations().current()
        return 0 if found is None else found.number

    def reload(self) -> Taken:
        """Take up the project file as it is now.

        Raises `InputError` kin, and changes nothing, where it cannot be loaded. Where a worker
        refuses it, all of them go on by the version before.
        """
        text = project_file.text_of(self._file)
        configurations = self._stores.configurations()
        try:
            wiring.install(self._file, text=text)
        except EscaleraError as error:
            self._record("configuration-refused", reason=str(error))
            raise
        current = configurations.current()
        if current is not None and current.text == text:
            return self._told(current.number, current.number)
        self._record("configuration-loaded", version=str(configurations.next()))
        taken = self._told(self.version(), configurations.add(text).number)
        return self._kept(taken, lambda: configurations.refuse(taken.now, instead=taken.before))

    def rollback(self, number: int | None = None) -> Taken:
        """Go back to a version, the one before the present where none is named.

        Where a worker refuses it, all of them go on by the present one.
        """
        before, numbers = self.version(), self.versions()
        if number is None:
            older = [one for one in numbers if one < before]
            if not older:
                raise InputError(f"there is no version before {before}: there are {numbers}")
            number = older[-1]
        configurations = self._stores.configurations()
        text = configurations.version(number).text
        wiring.install(self._file, text=text)
        self._record("configuration-rolled-back", version=str(number), before=str(before))
        configurations.use(number)
        return self._kept(self._told(before, number), lambda: configurations.use(before))

    # Private

    def _record(self, kind: ActKind, **details: str) -> None:
        issued.audit(self._stores).record(kind, str(self._file), **details)

    def _told(self, before: int, number: int) -> Taken:
        """Signal the workers, and wait until each of them has said what it makes of it."""
        found = self._stores.standings().leader()
        if found is None:
            return Taken(before=before, now=number, runs=False)
        leader, workers = found
        looked = {(one.pid, one.looks) for one in self.standings()}
        os.kill(leader, signal.SIGHUP)
        end, refused, waiting = time.monotonic() + PATIENCE, [], 1
        signs = f"version {number}: ", "version 0: "  # which of them it is could not be read
        while waiting and time.monotonic() < end:
            time.sleep(LOOK)
            since = [one for one in self.standings() if (one.pid, one.looks) not in looked]
            refused = [one.refused for one in since if one.refused.startswith(signs)]
            taken_up = [one for one in since if one.version == number and not one.refused]
            waiting = workers - len(refused) - len(taken_up)
        return Taken(before=before, now=number, refused=tuple(refused), waiting=waiting)

    def _kept(self, taken: Taken, back: Callable[[], object]) -> Taken:
        """What came of a change in the end: where a worker refused it, all go *back*."""
        if not taken.refused or not taken.before:
            return taken
        self._record("configuration-refused", version=str(taken.now), reason=taken.refused[0])
        back()
        waiting = taken.waiting
        if any(one.version == taken.now for one in self.standings()):
            waiting = self._told(taken.before, taken.before).waiting
        return Taken(before=taken.before, now=taken.before, refused=taken.refused, waiting=waiting)
