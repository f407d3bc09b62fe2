"""How many calls may be in flight at an endpoint: found out by asking, not configured.

Additive increase, multiplicative decrease (Chiu and Jain 1989): a refusal for overload, or calls
that take several times as long as usual, lowers the limit; every round of good answers raises it by
one. Below the first sign of overload it grows by one per answer, so a willing endpoint is used to
the full within a few rounds.
"""

from __future__ import annotations

import asyncio
from collections import deque

from escalera.ports import Clock

FIRST = 16
DECREASE = 0.7
SLOW, VERY_SLOW = 2.0, 4.0
"""Times the usual duration at which the limit stops growing, and at which it is lowered."""
FAST_MEMORY, LONG_MEMORY = 0.2, 0.01
"""Weight of a new duration in what calls take now, and in what they usually take."""


class Unthrottled:
    """Lets every call in at once, where whoever asks sees to how many there are."""

    async def enter(self) -> int:
        """There is a place."""
        return 0

    def leave(
        self, entered: int, *, overloaded: bool, seconds: float | None, pause: float | None = None
    ) -> None:
        """Nothing follows from how it went."""


class Throttle:
    """A semaphore whose size follows what the endpoint can do, between 1 and `most`."""

    def __init__(self, *, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._limit = float(min(most, FIRST))
        self._searching = True
        self._flying = 0
        self._round = 0
        self._resume = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._usual: float | None = None
        self._lately = 0.0

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._limit)

    async def enter(self) -> int:
        """Wait for a place; what `leave` wants to know of it."""
        if self._waiting or self._flying >= self.limit:
            await self._queue()
        else:
            self._flying += 1
        try:
            await self._pause()
        except BaseException:
            self._flying -= 1
            self._wake()
            raise
        return self._round

    def leave(
        self, entered: int, *, overloaded: bool, seconds: float | None, pause: float | None = None
    ) -> None:
        """Give the place back and say how it went.

        `seconds` is how long a good answer took, None for any other; `pause` what the endpoint
        asks everybody to wait.
        """
        self._flying -= 1
        if pause is not None:
            self._resume = max(self._resume, self._clock.seconds() + pause)
        if overloaded:
            self._lower(entered)
        elif seconds is not None:
            self._answered(entered, seconds)
        self._wake()

    def _answered(self, entered: int, seconds: float) -> None:
        if self._usual is None:
            self._usual = self._lately = seconds
        self._lately += FAST_MEMORY * (seconds - self._lately)
        self._usual += LONG_MEMORY * (seconds - self._usual)
        if self._lately > VERY_SLOW * self._usual:
            self._lower(entered)
        elif self._lately <= SLOW * self._usual:
            step = 1.0 if self._searching else 1.0 / self._limit
            self._limit = min(self._limit + step, float(self._most))

    def _lower(self, entered: int) -> None:
        """Once a round: calls that began before the last decrease say nothing about it."""
        self._searching = False
        if entered == self._round:
            self._round += 1
            self._limit = max(1.0, self._limit * DECREASE)

    async def _pause(self) -> None:
        while (left := self._resume - self._clock.seconds()) > 0:
            await self._clock.sleep(left)

    async def _queue(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._flying -= 1  # the place was handed over just before
                self._wake()
            raise

    def _wake(self) -> None:
        """Hand free places over, in the order of asking."""
        while self._waiting and self._flying < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._flying += 1
                place.set_result(None)
