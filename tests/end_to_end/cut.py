"""A command that is cut off in the middle, as by a crash of its process."""

from __future__ import annotations

from escalera.engine.observer import Quiet


class Cut(Exception):
    """The process ends here."""


class Interrupted(Quiet):
    """Cuts a command off when so many events were appended."""

    def __init__(self, after: int) -> None:
        self.left = after

    def appended(self, event: object) -> None:
        """Count, and cut off at the last."""
        self.left -= 1
        if not self.left:
            raise Cut
