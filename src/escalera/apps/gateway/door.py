"""Who comes in: keys known to this worker, with what they may use leased in slices.

    caller = door.known(token, now)               # from memory; None where it is not known
    if caller is None:
        caller = await door.look_up(token)        # None: no such key (401); StoreUnavailable: 503
    found = caller.admit(model, tokens, micro_dollars, now)
    if found is None:
        found = await door.refill(caller, model, tokens, micro_dollars)

Every key of the store is in memory, so a store that is down costs new keys only. What changes in it
takes effect within `EVERY` seconds; a key that is not known is looked up in the store at once, many
at a time by one query. While the store is down, known keys go on for `GRACE` seconds: money as far
as it is leased, limits per minute in this worker's part of them.

A call waits for the store only when its key's slice is used up; one question to the store is asked
at a time and key, for everyone who waits. Slices that lie idle are given back.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from escalera.apps.gateway.callers import Admission, Caller, Refusal, free_slice
from escalera.core.serving.spending import Slice
from escalera.domain.access import Account, Amounts, Asked, Key, Returned, Roster
from escalera.errors import StoreUnavailable
from escalera.ports.serving import KeyBook, Vault

EVERY = 2.0
"""Seconds between two looks at the store: how long a revoked key may still pass."""
GRACE = 3600.0
"""Seconds without a store after which known keys are refused too."""
IDLE = 30.0
"""Seconds without a call after which a slice is given back."""
PATIENCE = 3.0
"""Seconds that a call waits for the store."""
SLICE = 250_000
"""Micro-dollars that a worker likes to hold of a key's money."""
SPACING = 0.05
"""Seconds between two looks for keys that are not known."""
DOWN_FOR = 0.5
"""Seconds for which a store that did not answer is not asked for a lease."""
MOST_LOOK_UPS = 1024
"""Unknown keys that may wait at a time."""
LONGEST_TOKEN = 512
"""Bytes of a token that is looked at."""

Done = TypeVar("Done")


@dataclass(slots=True)
class Counts:
    """What the door did, for metrics."""

    leases: int = 0
    shortages: int = 0
    looks: int = 0
    store_failures: int = 0
    lent: int = 0
    lost: int = 0


class Door:
    """The keys of one worker. *now* is wall time; *workers* is how many share the limits."""

    def __init__(
        self,
        book: KeyBook,
        vault: Vault,
        *,
        now: Callable[[], float],
        workers: int = 1,
        slice_: int = SLICE,
    ) -> None:
        self.counts = Counts()
        self._book, self._vault = book, vault
        self._now, self._workers, self._slice = now, workers, slice_
        self._entries: dict[bytes, tuple[bytes, Caller, float]] = {}
        self._callers: dict[str, Caller] = {}
        self._accounts: dict[str, Account] = {}
        self._active: dict[str, Caller] = {}
        self._retired: list[tuple[str, Slice]] = []
        self._leasing: dict[str, asyncio.Task[None]] = {}
        self._revision = 0
        self._looked = -math.inf
        self._down_until = -math.inf
        self._stale = False
        self._looking: asyncio.Task[None] | None = None
        self._next_look: asyncio.Task[None] | None = None
        self._waiting = 0
        self._tending: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keys")

    async def open(self) -> None:
        """Read every key and begin to look after them. Raises `StoreUnavailable`."""
        await self._look()
        self._tending = asyncio.create_task(self._tend())

    def known(self, token: bytes, now: float) -> Caller | None:
        """The caller with this key, from memory. Raises `StoreUnavailable` beyond the grace.

        Whether the key is still good is asked by `admit`, or by `refused` where nothing is asked
        of a model.
        """
        digest = hashlib.sha256(token[:LONGEST_TOKEN]).digest()
        found = self._entries.get(digest)
        if found is None:
            return None
        if self._stale:
            raise self._too_long()
        known, caller, until = found
        if now >= until or not hmac.compare_digest(known, digest):
            return None
        return caller

    def named(self, key: str) -> Caller | None:
        """The caller whose key has this id, from memory. Raises `StoreUnavailable` beyond the
        grace."""
        if self._stale:
            raise self._too_long()
        return self._callers.get(key)

    async def look_up(self, token: bytes) -> Caller | None:
        """The caller with a key that is not known yet. Raises `StoreUnavailable`."""
        if len(token) > LONGEST_TOKEN:
            return None
        if self._waiting >= MOST_LOOK_UPS:
            raise _unavailable("too many unknown keys are looked up", "Try again in a moment")
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(self._look_from_now_on())
        except TimeoutError as error:
            raise _unavailable("it does not answer", "Try again in a moment") from error
        finally:
            self._waiting -= 1
        return self.known(token, self._now())

    async def refill(
        self, caller: Caller, model: str, tokens: int, micro_dollars: int | None
    ) -> Admission | Refusal:
        """Admit a call for which the slice did not suffice, after a lease; or say why not."""
        self._active[caller.key.id] = caller
        if caller.limited.free and caller.own.until == 0.0:
            caller.own = free_slice()
        money = micro_dollars or 0
        caller.wait(tokens, money, calls=1)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = caller.admit(model, tokens, micro_dollars, self._now())
                    if found is not None:
                        return found
                    await asyncio.shield(self._lease(caller, tokens, money))
        except StoreUnavailable:
            return self._without_store(caller, model, tokens, micro_dollars)
        except TimeoutError:
            return _no_store(1.0)
        finally:
            caller.wait(tokens, money, calls=-1)

    def ahead(self, caller: Caller, tokens: int, micro_dollars: int) -> None:
        """Begin to lease for a call for which the slice did not suffice; nobody waits for it here.

        A call that comes after others have settled may find enough all the same: without this, many
        would be short for a moment before one is that has to wait.
        """
        if not caller.limited.free:
            self._active[caller.key.id] = caller
            self._lease(caller, tokens, micro_dollars)

    async def extend(
        self, caller: Caller, admission: Admission, tokens: int, micro_dollars: int
    ) -> bool:
        """Reserve more for a call that was admitted, after leases; False where there is not so
        much, or the windows of its slice are over.
        """
        self._active[caller.key.id] = caller
        caller.wait(tokens, micro_dollars, calls=1)
        try:
            async with asyncio.timeout(PATIENCE):
                while not admission.extend(tokens, micro_dollars):
                    if caller.lacks(tokens, micro_dollars, self._now()):
                        return False
                    await asyncio.shield(self._lease(caller, tokens, micro_dollars))
                    if not admission.is_of(caller.own):
                        return False
        except (StoreUnavailable, TimeoutError):
            return False
        finally:
            caller.wait(tokens, micro_dollars, calls=-1)
        return True

    async def close(self) -> None:
        """Give everything back; calls that are not settled by now stay reserved for ever."""
        running = [self._tending, self._looking, self._next_look, *self._leasing.values()]
        ending = [task for task in running if task is not None]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for key, caller in self._active.items():
            self._retired.append((key, caller.renew()))
        with suppress(StoreUnavailable):
            await self._return([slice_.emptied(key) for key, slice_ in self._retired])
        self._thread.shutdown(wait=True)

    # Leases

    def _lease(self, caller: Caller, tokens: int, money: int) -> asyncio.Task[None]:
        """The one question to the store for a key; asked for whoever came first."""
        task = self._leasing.get(caller.key.id)
        if task is None or task.done():  # whoever waits for one that is done would never pause
            task = self._leasing[caller.key.id] = _kept(self._leased(caller, tokens, money))
        return task

    async def _leased(self, caller: Caller, tokens: int, money: int) -> None:
        now = self._now()
        if self._down_until - DOWN_FOR <= now < self._down_until:  # no clock set back holds it up
            raise _unavailable("it did not answer a moment ago", "Try again in a moment")
        if caller.own.until and now >= caller.own.until:
            self._retired.append((caller.key.id, caller.renew()))
        own, waiting = caller.own, caller.waiting
        asked = Asked(
            least=own.lacking(tokens, money),
            wanted=Amounts(
                requests=waiting.requests - own.requests,
                tokens=waiting.tokens - own.tokens,
                micro_dollars=waiting.micro_dollars - own.micro_dollars,
            ),
            slice=max(0, self._slice - own.micro_dollars),  # it may be asked for other reasons
        )
        try:
            found = await self._asked(lambda: self._vault.lease(caller.key.id, asked, now))
        except StoreUnavailable:
            self._down_until = self._now() + DOWN_FOR
            raise
        self.counts.leases += 1
        held = caller.took(found, own, self._now())
        self.counts.shortages += caller.short is not None
        if held is not None:
            self._retired.append((caller.key.id, held))

    def _without_store(
        self, caller: Caller, model: str, tokens: int, micro_dollars: int | None
    ) -> Admission | Refusal:
        """What a known key may do while the store is down."""
        now = self._now()
        if caller.lent(tokens, micro_dollars or 0, now, workers=self._workers):
            self.counts.lent += 1
            found = caller.admit(model, tokens, micro_dollars, now)
            if found is not None:
                return found
        return _no_store(1.0)

    # Looking at the store

    async def _tend(self) -> None:
        try:
            while True:
                await asyncio.sleep(EVERY)
                try:
                    await asyncio.shield(self._look_from_now_on())
                    await self._return(self._idle())
                except StoreUnavailable:
                    self._stale = self._now() - self._looked > GRACE
        finally:
            self._stale = True  # nobody looks any more, so nobody is let in any more

    def _look_from_now_on(self) -> asyncio.Task[None]:
        """A look at the store that begins after this call; shared by all who wait for one."""
        if self._next_look is None:
            self._next_look = _kept(self._look_next())
        return self._next_look

    async def _look_next(self) -> None:
        if self._looking is not None:
            await asyncio.wait([self._looking])
        await asyncio.sleep(max(0.0, min(SPACING, self._looked + SPACING - self._now())))
        self._looking, self._next_look = self._next_look, None
        await self._look()

    async def _look(self) -> None:
        roster = await self._asked(lambda: self._book.roster(self._revision))
        self.counts.looks += 1
        self._looked, self._stale = self._now(), False
        self._apply(roster)

    def _apply(self, roster: Roster) -> None:
        self._revision = roster.revision
        changed = {key.id: key for key in roster.keys}
        for account in roster.accounts:
            self._accounts[account.name] = account
            for caller in self._callers.values():
                if caller.key.account == account.name:
                    changed.setdefault(caller.key.id, caller.key)
        for key in changed.values():
            self._know(key)

    def _know(self, key: Key) -> None:
        account = self._accounts.get(key.account)
        caller = self._callers.get(key.id)
        if caller is None:
            caller = self._callers[key.id] = Caller(key, account)
        else:
            for digest in (caller.key.digest, caller.key.previous):
                self._entries.pop(digest, None)
            self._retired.append((key.id, caller.become(key, account)))
        self._entries[key.digest] = (key.digest, caller, math.inf)
        if key.previous:
            self._entries[key.previous] = (key.previous, caller, key.previous_until)

    def _idle(self) -> list[Returned]:
        """What is given back now: all of slices that lie idle, and word of what was spent."""
        returned = []
        for key, caller in tuple(self._active.items()):
            own = caller.own
            seen, ticks = caller.idle
            caller.idle = (own.requests, ticks + 1 if own.requests == seen else 0)
            if caller.idle[1] * EVERY >= IDLE and own.calls == 0 and not caller.waiting.requests:
                self._retired.append((key, caller.renew()))
                del self._active[key]
                self._leasing.pop(key, None)
            elif own.spent:
                returned.append(own.told(key))
        for key, slice_ in self._retired:
            if slice_.until:
                returned.append(slice_.emptied(key))
        self._retired = [(key, slice_) for key, slice_ in self._retired if slice_.calls]
        return returned

    async def _return(self, returned: list[Returned]) -> None:
        if not returned:
            return
        now = self._now()
        try:
            await self._asked(lambda: self._vault.give_back(returned, now))
        except StoreUnavailable:  # it may have been done all the same: then nothing is paid twice
            self.counts.lost += sum(one.amounts.micro_dollars for one in returned)
            raise

    async def _asked(self, question: Callable[[], Done]) -> Done:
        """Ask the store, in its thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question)
        except StoreUnavailable:
            self.counts.store_failures += 1
            raise

    def _too_long(self) -> StoreUnavailable:
        return _unavailable(
            f"it has been away for more than {GRACE:g} seconds", "Bring the store of keys back"
        )


# Below: private.


def _kept(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task whose failure is told to those who wait for it, and to nobody if none does."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _unavailable(problem: str, remedy: str) -> StoreUnavailable:
    return StoreUnavailable(store="the store of keys", problem=problem, remedy=remedy)


def _no_store(retry_after: float) -> Refusal:
    return Refusal(
        status=503,
        code="store_unavailable",
        message="What this API key may still use cannot be looked up now. Try again in a moment.",
        retry_after=retry_after,
    )
