"""Many texts at little more than their bytes; each is made anew when it is asked for."""

from __future__ import annotations

from array import array


class Texts:
    """Texts one behind the other, by their places."""

    __slots__ = ("_bytes", "_ends")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> str:
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode()

    def append(self, text: str) -> None:
        """Add one behind the others."""
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))
