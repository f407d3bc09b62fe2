"""What the gateway needs from outside: upstreams in bytes, stores of its own, engines that search.

Ports take and return domain values. Each has one contract suite under `tests/contract`, which
every implementation passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

from escalera.domain.access import (
    Account,
    Asked,
    Key,
    Lease,
    Returned,
    Roster,
    Shortage,
    Standing,
)
from escalera.domain.call_log import CallQuery, Retention, Tally
from escalera.domain.traffic import ServedCall

T = TypeVar("T")
Glance = Callable[[bytes, int], bool]
"""Sees a chunk of a body as it travels, and where its data begin; True where all is done with it.
"""
Stage = Literal["request", "answer", "note"]
"""What is done together in a turn of a loop: requests are begun, answers passed on, and noted."""


class Gather(Protocol):
    """What `Cohorts.gather` is."""

    def __call__(self, stage: Stage, work: Callable[[T], None], one: T) -> None: ...


class Cohorts(Protocol):
    """What many requests of one turn of the running loop do alike, done together."""

    def hold(self, transport: asyncio.Transport) -> asyncio.Transport:
        """*transport* with writes that may wait for the end of the turn."""

    def gather(self, stage: Stage, work: Callable[[T], None], one: T) -> None:
        """Call *work* with *one*, with the others of this stage; at once where there are few.

        Requests come before answers, these before what is sent, and notes come last.
        """


class Exchange(Protocol):
    """A response of an upstream whose head has come; `close` it in any case.

    Header names are in lower case; nothing is decoded, so that what the upstream said can be passed
    on as it is.
    """

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    async def read(self) -> bytes:
        """The next bytes of the body as they came, empty at its end. Raises `UpstreamFault`."""

    async def pour(self, take: Callable[[bytes], bool], glance: Glance | None = None) -> None:
        """Give *take* each piece of the body as it comes, until it says False, the body ends or
        something goes wrong: `read` has the rest, or tells. Where each piece has to be waited for,
        nothing is given.

        *glance* may be asked before: what it says True to is given to nobody else.
        """

    async def whole(self, limit: int) -> bytes:
        """The rest of the body. Raises `UpstreamFault` where it is longer than *limit* bytes."""

    def close(self) -> None:
        """Keep the connection if the body was read to its end, and drop it otherwise."""


class Sending(Exchange, Protocol):
    """A request that was sent, and whose response is not waited for yet; `close` it in any case."""

    def answer(self) -> bytes | None:
        """The whole body of a response of status 200; None where it is none, or not whole.

        Then status and headers are those of the response. Nothing is taken away by this.
        """

    async def opened(self) -> Exchange:
        """The response once its head is there, as from `Upstream.send`; it is closed in place of
        this. Raises `UpstreamFault`.
        """


class Upstream(Protocol):
    """One deployment behind HTTP, asked in bytes: what the gateway's hot path speaks to."""

    async def send(
        self,
        path: str,
        body: bytes,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        seconds: float | None = None,
    ) -> Exchange:
        """Post *body* to *path* below the base URL; the response once its head is there.

        *seconds* is what is left for the whole exchange, body included, where that is less than the
        deployment's own limit. Raises `UpstreamFault` where no response comes in time.
        """

    async def close(self) -> None:
        """Drop every connection; called once."""


@runtime_checkable
class Prompt(Upstream, Protocol):
    """An upstream that can be asked without waiting, where a connection is idle."""

    def begin(
        self, path: str, body: bytes, *, seconds: float, limit: int, listener: Callable[[], None]
    ) -> Sending | None:
        """Post *body* to *path* at once, as `send` does; None where that cannot be.

        *listener* is called once: when `Sending.answer` has something to give, or never will. An
        answer of more than *limit* bytes is a fault.
        """


class Matcher(Protocol):
    """Regular expressions, made ready to be searched for; offsets are those of characters."""

    def hits(self, text: str) -> Sequence[tuple[int, int]]:
        """Where each expression may occur: its place among them, and where a first look at it ends;
        -1 for anywhere. A look that ends less than 16 characters behind a told one may be left out.
        """

    def search(self, place: int, text: str, start: int, end: int) -> tuple[int, int] | None:
        """The first match of an expression within *text* from *start* to *end*, leftmost and, of
        what an alternative or a repetition leaves open, the first, as Python's `re` has it.
        """


class TextFilter(Protocol):
    """Finds what a guard looks for, outside of the core: a user's function, another tool."""

    async def spans(self, text: str, *, side: str, role: str) -> Sequence[tuple[int, int]]:
        """Where it finds something: starts and ends, apart and ascending. Raises `GuardFailed`."""

    async def close(self) -> None:
        """Release what is held; called once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A regular expression, and what is cheaper to look for first.

    `look` is found within every match or shortly before it; of `signs`, in lower case, one is in
    every text with a match. One that is `foreign` comes from a user: nobody knows what it does to
    an engine that tracks back.
    """

    expression: str
    look: str
    signs: Sequence[str] = ()
    foreign: bool = False


Matching = Callable[[Sequence[Sought]], Matcher]
"""Makes a `Matcher`. Raises `InputError` for an expression that cannot be searched for."""


class KeyBook(Protocol):
    """The keys and accounts of the gateway. Every method raises `StoreUnavailable`."""

    def roster(self, after: int = 0) -> Roster:
        """All that changed since the revision *after*; everything since 0."""

    def put(self, entry: Key | Account) -> None:
        """Add a key or an account, or replace the one of its id or name."""

    def standing(self, key: str, now: float) -> tuple[Standing, ...]:
        """Money of a key, and of its account where it has one, in the windows of *now*."""

    def close(self) -> None:
        """Release what is held; called once."""


class Vault(Protocol):
    """What keys may still use, shared by all workers. Every method raises `StoreUnavailable`.

    What was taken and not given back counts as used, whatever became of the worker.
    """

    def lease(self, key: str, asked: Asked, now: float) -> Lease | Shortage:
        """Take from what is left of a key and its account, at least what is asked, or nothing."""

    def give_back(self, returned: Sequence[Returned], now: float) -> None:
        """Take leases back into the windows that they are of, and note what was spent; all or
        none."""

    def close(self) -> None:
        """Release what is held; called once."""


class CallLog(Protocol):
    """What was served. Every method raises `StoreUnavailable`."""

    def write(self, calls: Sequence[ServedCall], *, lost: int = 0, at: float = 0.0) -> None:
        """Add calls, and how many never came at *at*; all or none, on disk when it returns."""

    def read(self, wanted: CallQuery) -> Iterator[ServedCall]:
        """The calls that are wanted, one after the other."""

    def tally(self, wanted: CallQuery) -> Tally:
        """How much of it there is; what was lost and trimmed is told for the whole log."""

    def trim(self, retention: Retention, now: float) -> int:
        """Remove what is older or more than is kept; how many calls went."""

    def close(self) -> None:
        """Release what is held; called once."""
