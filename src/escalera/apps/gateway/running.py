"""Looking at a gateway that runs, and giving it another configuration."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from escalera import wiring
from escalera.apps import issued
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.worker import Standing
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
    """What came of a change: the version that was in use, the one that is, and who refused it."""

    before: int
    now: int
    refused: tuple[str, ...] = ()
    waiting: int = 0

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
        pid = self._stores.standings().leader()
        if pid is None:
            return None
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return pid
        return None

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

        Raises `InputError` kin, and changes nothing, where it cannot be loaded.
        """
        text = project_file.text_of(self._file)
        configurations = self._stores.configurations()
        try:
            wiring.install(self._file, text=text)
        except EscaleraError as error:
            self._record("configuration-refused", reason=str(error))
            raise
        before, current = self.version(), configurations.current()
        if current is None or current.text != text:
            self._record("configuration-loaded", version=str(configurations.next()))
        return self._told(before, configurations.add(text).number)

    def rollback(self, number: int | None = None) -> Taken:
        """Go back to a version, the one before the present where none is named."""
        before, numbers = self.version(), self.versions()
        if number is None:
            older = [one for one in numbers if one < before]
            if not older:
                raise InputError(f"there is no version before {before}: there are {numbers}")
            number = older[-1]
        text = self._stores.configurations().version(number).text
        wiring.install(self._file, text=text)
        self._record("configuration-rolled-back", version=str(number), before=str(before))
        self._stores.configurations().use(number)
        return self._told(before, number)

    # Private

    def _record(self, kind: ActKind, **details: str) -> None:
        issued.audit(self._stores).record(kind, str(self._file), **details)

    def _told(self, before: int, number: int) -> Taken:
        """Signal the workers, and wait until each of them has said what it makes of it."""
        leader = self.leader()
        if leader is None:
            return Taken(before=before, now=number)
        os.kill(leader, signal.SIGHUP)
        end, refused, waiting = time.monotonic() + PATIENCE, [], 1
        while waiting and time.monotonic() < end:
            time.sleep(LOOK)
            said = self.standings()
            sign = f"version {number}: "
            refused = [one.refused for one in said if one.refused.startswith(sign)]
            waiting = sum(one.version != number for one in said) - len(refused)
        return Taken(before=before, now=number, refused=tuple(refused), waiting=waiting)
