"""What each process of a gateway says of itself, in one small file each."""

from __future__ import annotations

from pathlib import Path

NAME = "worker-{slot}.json"
LEADER = "leader"


class Standings:
    """The files in a folder; what is in them is the gateway's affair."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, slot: int, text: bytes) -> None:
        """Say how the worker in *slot* stands, instead of what was said before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / NAME.format(slot=slot)
        new = file.with_suffix(".new")
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

    def lead(self, pid: int) -> None:
        """Say which process takes the signals of the gateway."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / LEADER).write_text(str(pid), encoding="ascii")

    def leader(self) -> int | None:
        """The process that takes the signals; None where no gateway was started."""
        try:
            return int((self._folder / LEADER).read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def clear(self, workers: int) -> None:
        """Forget the slots from *workers* on: there are no more of them."""
        for file in self._folder.glob(NAME.format(slot="*")):
            if int(file.stem.removeprefix("worker-")) >= workers:
                file.unlink(missing_ok=True)
