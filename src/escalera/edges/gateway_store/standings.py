"""What each process of a gateway says of itself, in one small file each."""

from __future__ import annotations

import threading
from pathlib import Path

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

    def lead(self, pid: int, *, workers: int) -> None:
        """Say which process takes the signals of the gateway, and how many workers it has."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / LEADER
        new = file.with_suffix(".new")
        new.write_text(f"{pid} {workers}", encoding="ascii")
        new.replace(file)

    def leader(self) -> tuple[int, int] | None:
        """The process that takes the signals, and its workers; None where none was started."""
        try:
            pid, *workers = (self._folder / LEADER).read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        return int(pid), int(workers[0]) if workers else len(self.read_all())

    def clear(self, workers: int) -> None:
        """Forget the slots from *workers* on: there are no more of them."""
        for file in self._folder.glob(NAME.format(slot="*")):
            if int(file.stem.removeprefix("worker-")) >= workers:
                file.unlink(missing_ok=True)
