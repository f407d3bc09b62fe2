"""The embeddings of messages in service: within a bounded time, and never an error.

A message that cannot be read is routed all the same: its router abstains, and the incumbent
answers; a route by difficulty asks the strong system.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.routing.features import Floats
from escalera.core.routing.router import Choice, Router
from escalera.core.routing.sense import Sense
from escalera.errors import (
    AccessRefused,
    BadReply,
    EscaleraError,
    ProviderError,
    RequestRejected,
)
from escalera.ports import Clock, Embedder

SECONDS = 1.0
"""Seconds that a message waits for its embedding."""
STREAK = 3
"""Failures in a row after which a model is left alone, for `REST` seconds."""
REST = 5.0
QUIET = 60.0
"""Seconds between two words to the operator that a model does not read."""

Observe = Callable[[float, bool], None]
"""Called with the seconds that reading a message took, and whether it was read."""
Tell = Callable[[str], None]
"""Called with words for the operator."""


class Senses:
    """Reads messages by a model, each within *seconds*; None where that cannot be.

    A text that the model refuses says nothing of the next one; other failures do, and after
    `STREAK` of them in a row nothing is asked for a while, so that no message waits in vain. *tell*
    says so to the operator when it begins, whatever the reason, and when messages are read again.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        clock: Clock,
        seconds: float = SECONDS,
        observe: Observe = lambda _seconds, _read: None,
        tell: Tell = lambda _: None,
    ) -> None:
        self._trouble = _Trouble(clock, tell)
        self._embedder = embedder
        self._clock = clock
        self._seconds = seconds
        self._observe = observe
        self._failed = 0
        self._until = -np.inf

    async def read(self, text: str, sense: Sense) -> Floats | None:
        """The embedding of *text*; None where it is not one that *sense* was learned from."""
        began = self._clock.seconds()
        if began < self._until:
            self._observe(0.0, False)  # noqa: FBT003  the second of a pair
            return None
        found = await self._read(text)
        if found is not None and found.shape != sense.centre.shape:
            self._trouble.failed(
                f"its embeddings have {found.size} numbers, and the router was learned on "
                f"{sense.centre.size}"
            )
            found = None
        if found is not None:
            self._trouble.ended()
        self._observe(self._clock.seconds() - began, found is not None)
        return found

    async def close(self) -> None:
        """Close what is asked."""
        await self._embedder.close()

    # Private

    async def _read(self, text: str) -> Floats | None:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._embedder.embed([text])
        except RequestRejected:
            self._trouble.failed("it refuses what it is sent")
            return None
        except (EscaleraError, TimeoutError) as error:
            self._trouble.failed(self._why(error))
            self._failed += 1
            if self._failed >= STREAK:
                self._failed, self._until = 0, self._clock.seconds() + REST
            return None
        self._failed = 0
        return np.array(found.vectors[0], dtype=np.float32)

    def _why(self, error: EscaleraError | TimeoutError) -> str:
        """What went wrong, in no words of the endpoint's: those may repeat keys and messages."""
        match error:
            case TimeoutError():
                return f"no embedding came within {self._seconds:g} s"
            case AccessRefused():
                return (
                    "it refuses whatever is asked: the key, its rights or the model's name is wrong"
                )
            case BadReply():
                return "it answers something that is no embedding"
            case ProviderError():
                return "it cannot be reached, or fails"
            case _:
                return str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferring:
    """Chooses by a router that reads embeddings; `seen` is told every choice."""

    router: Router
    sense: Sense
    senses: Senses
    seen: Callable[[Choice], None] = lambda _: None

    async def choose(self, text: str) -> Choice:
        """What the router says of *text*; it abstains where that cannot be read."""
        found = self.router.choose(text, await self.senses.read(text, self.sense))
        self.seen(found)
        return found


# Below: private.


class _Trouble:
    """Tells the operator once that a model does not read any more, and once that it does again.

    A model that comes and goes is told of at most every `QUIET` seconds.
    """

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._row = 0
        self._since: float | None = None
        self._next = -np.inf

    def failed(self, why: str) -> None:
        """A message was not read, for this reason."""
        self._row += 1
        now = self._clock.seconds()
        if self._row < STREAK or self._since is not None or now < self._next:
            return
        self._since, self._next = now, now + QUIET
        self._tell(
            f"{self._row} messages in a row could not be read for their router, which abstains "
            f"until they can: {why}"
        )

    def ended(self) -> None:
        """A message was read."""
        if self._since is not None:
            seconds = self._clock.seconds() - self._since
            self._tell(f"messages are read for their router again, after {seconds:.0f} s")
        self._row, self._since = 0, None
