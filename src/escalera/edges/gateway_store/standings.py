"""What each process of a gateway says of itself, in one small file each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from escalera.errors import InputError

if sys.platform != "win32":
    import fcntl

NAME = "worker-{slot}.json"
LEADER = "leader"


class Standings:
    """The files in a folder; what is in them is the gateway's affair."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, slot: int, text: bytes) -> None:
        """Say how the worker in *slot* stands, instead of what was said before.

        Raises `OSError`; then that stays, and nothing else.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / NAME.format(slot=slot)
        # A worker has several threads, and one that ends may still speak beside its successor.
        new = file.with_suffix(f".{os.getpid()}-{get_ident()}")
        try:
            new.write_bytes(text)
            new.replace(file)
        except OSError:
            new.unlink(missing_ok=True)
            raise

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
    def leading(self, pid: int, *, workers: int) -> Iterator[Callable[[], None]]:
        """Say which process takes the signals of the gateway, and how many workers it has.

        It holds a lock until it calls what it is given, or ends, however that happens. Raises
        `InputError` where another process leads: workers of both would speak in the same slots,
        and signals reach one of them.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{LEADER}-{pid}"
        new = self._folder / f"new-{pid}"
        with new.open("w", encoding="ascii") as held:
            held.write(f"{pid} {workers}")
            held.flush()
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                self._claim(new, file)
                yield lambda: file.unlink(missing_ok=True)
            finally:
                new.unlink(missing_ok=True)
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

    def _claim(self, new: Path, file: Path) -> None:
        """Put *new* in the place of *file*, unless another process leads; one at a time."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if (led := self.leader()) is not None:
                raise InputError(
                    f"the gateway of this project runs already, as process {led[0]}. "
                    "`escalera gateway reload` gives it another configuration, and `--workers` "
                    f"more processes; to start it anew, end that one first (`kill {led[0]}`). A "
                    "second one beside it needs a project file with a `state` of its own"
                )
            new.replace(file)
        finally:
            os.close(folder)


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
