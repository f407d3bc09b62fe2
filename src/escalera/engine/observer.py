"""Who watches a climb: a terminal, a notebook, nobody."""

from __future__ import annotations

from typing import Protocol

from escalera.core.ladder.caps import Left
from escalera.core.ladder.steps import Step
from escalera.domain.event import Event


class Observer(Protocol):
    """Is told what happens; decides nothing."""

    def began(self, step: Step) -> None:
        """A step is about to be performed."""

    def progressed(self, what: str, done: int, total: int) -> None:
        """Part of a long step is done."""

    def appended(self, event: Event) -> None:
        """An event is in the journal."""

    def afforded(self, left: Left) -> None:
        """What the caps leave from now on."""


class Quiet:
    """Nobody watches."""

    def began(self, step: Step) -> None:
        """Say nothing."""

    def progressed(self, what: str, done: int, total: int) -> None:
        """Say nothing."""

    def appended(self, event: Event) -> None:
        """Say nothing."""

    def afforded(self, left: Left) -> None:
        """Say nothing."""
