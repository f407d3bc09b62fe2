"""What each process of a gateway says of itself, in one small file each."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

NAME = "worker-{slot}.json"
LEADER = "leader"
_WRITING = threading.Lock()  # a worker has several threads, and a slot one worker


class Standings:
    """The files in a folder; what is in them is the gateway's affair."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, slot: int, text: bytes) -> None:
        """Say how the worker in *slot* stands, instead of what was said before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / NAME.format(slot=slot)
        new = file.with_suffix(".new")
        with _WRITING:
            new.write_bytes(text)
            new.replace(file)

    def read(self, slot: int) -> bytes | None:
        """What the worker in *slot* said last; None where none did."""
        try:
            return (self._folder / NAME.format(slot=slot)).read_bytes()
        except FileNotFoundError:
            return None

    def read_all(self) -> list[bytes]:
        """What every worker said last, by slot."""
        return [file.read_bytes() for file in sorted(self._folder.glob(NAME.format(slot="*")))]

    @contextmanager
    def leading(self, pid: int, *, workers: int) -> Iterator[None]:
        """Say which process takes the signals of the gateway, and how many workers it has.

        Where there are several gateways the latest leads, and the one before again when it has
        ended: each holds a lock as long as it lives, however it ends.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{LEADER}-{pid}"
        new = self._folder / f"new-{pid}"
        with new.open("w", encoding="ascii") as held:
            held.write(f"{pid} {workers}")
            held.flush()
            fcntl.flock(held, fcntl.LOCK_EX)
            new.replace(file)
            try:
                yield
            finally:
                file.unlink(missing_ok=True)

    def leader(self) -> tuple[int, int] | None:
        """The process that takes the signals, and its workers; None where none runs."""
        found = sorted(self._folder.glob(f"{LEADER}-*"), key=_changed, reverse=True)
        return next((led for led in map(_led, found) if led is not None), None)

    def clear(self, workers: int) -> None:
        """Forget the slots from *workers* on: there are no more of them."""
        for file in self._folder.glob(NAME.format(slot="*")):
            if int(file.stem.removeprefix("worker-")) >= workers:
                file.unlink(missing_ok=True)


# Below: private.


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _led(file: Path) -> tuple[int, int] | None:
    """What the process says that holds *file*; None, and the file is gone, where none does."""
    try:
        with file.open(encoding="ascii") as said:
            try:
                fcntl.flock(said, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, workers = said.read().split()
                return int(pid), int(workers)
            file.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return None
