"""What a worker says of itself, every second, to whoever looks at the gateway from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from escalera.apps.gateway.metrics import Snapshot


class Standing(msgspec.Struct):
    """What a worker says of itself: the version that it goes by, and why not by a newer one.

    `looks` is how often it has looked at a configuration since it started.
    """

    slot: int
    pid: int
    version: int
    names: list[str]
    metrics: Snapshot
    refused: str = ""
    looks: int = 0


class Slots(Protocol):
    """Where workers speak, each in a slot of its own; both raise `OSError`."""

    def write(self, slot: int, text: bytes) -> None: ...
    def read(self, slot: int) -> bytes | None: ...


class Voice:
    """Says how the worker in *slot* stands. Where that cannot be written it goes on all the same,
    and *tell* says so to the operator, once, and once that it can be written again.
    """

    def __init__(self, slots: Slots, slot: int, tell: Callable[[str], None]) -> None:
        self._slots, self._slot, self._tell = slots, slot, tell
        self._lost = False

    def before(self) -> Standing | None:
        """What the worker said that spoke last in this slot; None where that cannot be read."""
        try:
            text = self._slots.read(self._slot)
            return None if text is None else msgspec.json.decode(text, type=Standing)
        except (OSError, msgspec.DecodeError):
            return None

    def say(self, standing: Standing) -> None:
        """Say it instead of what was said before."""
        try:
            self._slots.write(self._slot, msgspec.json.encode(standing))
        except OSError as error:
            if not self._lost:
                self._tell(
                    f"worker {self._slot} cannot write how it stands ({error}): metrics and "
                    "`escalera gateway status` stay as they are. Look whether the disk is full"
                )
            self._lost = True
        else:
            if self._lost:
                self._tell(f"worker {self._slot} can write how it stands again")
            self._lost = False
