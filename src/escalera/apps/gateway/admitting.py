"""Letting requests in: one key for all, or the keys of the store with their limits and money.

Before a request goes anywhere, the most that one attempt can cost is reserved; every further
attempt after one that may have been billed reserves as much again, or is not made. At the end what
was used is settled. So what a key spends stays within what was leased for it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import msgspec

from escalera.apps.gateway import bounds, callers
from escalera.apps.gateway.asked import Asked, Opened
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.callers import Admission, Caller
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import blame, spending
from escalera.domain.access import Key
from escalera.errors import StoreUnavailable


class Admitted(msgspec.Struct, eq=False):
    """A request that was let in, and what is reserved for it; `key` is empty where none is."""

    key: str = ""
    _admission: Admission | None = None
    _one: tuple[int, int] = (0, 0)
    _more: tuple[Door, Caller] | None = None

    async def extend(self) -> bool:
        """Reserve one more attempt, after a lease where it takes one; False where too little is
        left of the key's own.
        """
        admission = self._admission
        if admission is None or admission.extend(*self._one):
            return True
        if self._more is None:
            return False
        door, caller = self._more
        return await door.extend(caller, admission, *self._one)

    def settle(self, asked: Asked, found: Opened | None, micro_dollars: int) -> None:
        """Count what was used: *micro_dollars* of the answer, and attempts that may be billed."""
        admission = self._admission
        if admission is None:
            return
        if found is not None and found.usage is not None and not (asked.attempts or asked.beside):
            read, written, _ = found.taken()
            admission.settle(read + written, micro_dollars)
            return
        unknown = sum(
            blame.may_be_billed(attempt.fault) for attempt in asked.attempts if attempt.fault
        )
        calls = (*asked.attempts, *asked.beside)
        tokens = sum(one.prompt_tokens + one.completion_tokens for one in calls)
        micro_dollars += sum(attempt.cost for attempt in asked.attempts)
        if found is not None:
            usage = found.usage
            if usage is None:
                unknown += 1
            else:
                tokens += usage.prompt + usage.completion
        elif not asked.attempts and not asked.beside:
            admission.release()
            return
        admission.settle(tokens + unknown * self._one[0], micro_dollars + unknown * self._one[1])


class OneKey:
    """One key for every caller, or none at all; nothing is counted."""

    def __init__(self, key: str | None) -> None:
        self.is_open = key is None
        self._key = None if key is None else key.encode()

    def known(self, token: bytes) -> Caller:
        """Compare in constant time. Raises `Refusal`."""
        if self._key is not None and not hmac.compare_digest(token, self._key):
            raise wrong_key()
        return _ANYONE

    async def enter(self, token: bytes) -> Caller:
        """The same: there is nobody else to ask."""
        return self.known(token)

    def named(self, key: str) -> Caller:
        """Everybody is the same."""
        del key
        return _ANYONE

    def admitted(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted:
        """Everything may be asked."""
        del caller, asked, plan
        return _FREE

    def short(self, caller: Caller, asked: Asked, plan: Plan) -> None:
        """Nobody is."""

    async def admit(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted:
        """Everything may be asked."""
        return self.admitted(caller, asked, plan)

    async def open(self) -> None:
        """Nothing is held."""

    async def close(self) -> None:
        """Nothing is held."""


class ManyKeys:
    """The keys of the store. *cap* is the limit of an answer where money has to be bounded."""

    is_open = False

    def __init__(self, door: Door, *, now: Callable[[], float], cap: int) -> None:
        self._door = door
        self._now = now
        self._cap = cap

    def known(self, token: bytes) -> Caller | None:
        """Who has this key, from memory. Raises `Refusal`."""
        now = self._now()
        try:
            caller = self._door.known(token, now)
        except StoreUnavailable as error:
            raise _no_store(error) from error
        return None if caller is None else _good(caller, now)

    async def enter(self, token: bytes) -> Caller:
        """Who has this key, from the store. Raises `Refusal`."""
        try:
            caller = await self._door.look_up(token) if token else None
        except StoreUnavailable as error:
            raise _no_store(error) from error
        if caller is None:
            raise wrong_key()
        return _good(caller, self._now())

    def named(self, key: str) -> Caller:
        """Who has the key with this id. Raises `Refusal` where it is good for nothing any more."""
        now = self._now()
        try:
            caller = self._door.named(key)
        except StoreUnavailable as error:
            raise _no_store(error) from error
        if caller is None:
            raise wrong_key()
        return _good(caller, now)

    def admitted(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted | None:
        """Reserve one attempt from what is leased; None where it does not suffice."""
        tokens, most = self._bounds(caller, asked, plan)
        found = caller.admit(plan.name, tokens, most, self._now())
        return None if found is None else self._let_in(caller, found, (tokens, most or 0))

    def short(self, caller: Caller, asked: Asked, plan: Plan) -> None:
        """Begin to lease what one attempt takes. Raises `Refusal`."""
        tokens, most = self._bounds(caller, asked, plan)
        self._door.ahead(caller, tokens, most or 0)

    async def admit(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted:
        """Reserve one attempt after a lease. Raises `Refusal`."""
        tokens, most = self._bounds(caller, asked, plan)
        found = await self._door.refill(caller, plan.name, tokens, most)
        return self._let_in(caller, found, (tokens, most or 0))

    async def open(self) -> None:
        """Read the keys. Raises `StoreUnavailable`."""
        await self._door.open()

    async def close(self) -> None:
        """Give back what is held."""
        await self._door.close()

    def _let_in(
        self, caller: Caller, found: Admission | callers.Refusal, one: tuple[int, int]
    ) -> Admitted:
        if isinstance(found, callers.Refusal):
            raise _told(found)
        return Admitted(caller.key.id, found, one, (self._door, caller))

    def _bounds(self, caller: Caller, asked: Asked, plan: Plan) -> tuple[int, int | None]:
        """Likely tokens, and the most that one attempt can cost; None where a price is unknown."""
        limit = asked.limit
        if limit is None and caller.limited.money:
            asked.capped = limit = self._cap
        answers = bounds.answer_tokens(asked, limit or 0)
        tokens = spending.likely_tokens(len(asked.body) + plan.prompt_bytes, answers)
        if not caller.limited.money:
            return tokens, 0
        if not bounds.is_bounded(asked):
            raise _told(_UNBOUNDED)
        if plan.price is None:
            return tokens, None
        prompt = bounds.prompt_tokens(asked, frame=plan.prompt_bytes)
        most = spending.most_cost(
            plan.price,
            prompt_tokens=prompt + (plan.calls - 1) * answers,
            max_tokens=answers,
            calls=plan.calls,
        )
        return tokens, most


def wrong_key() -> Refusal:
    """The refusal of a key that is missing, unknown, or not the one that is asked for."""
    return Refusal(
        "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.",
        status=401,
        code="invalid_api_key",
    )


# Below: private.

_FREE = Admitted()
_ANYONE = Caller(Key(id="", name="", digest=b"", created=0.0), None)


_UNBOUNDED = callers.Refusal(
    status=403,
    code="cost_unbounded",
    message="What a conversation or a prompt costs that the provider keeps cannot be bounded, so "
    "this key's allowance of money cannot be kept. Send all of it in `input` instead.",
)


def _good(caller: Caller, now: float) -> Caller:
    """The caller, unless the key was revoked or has expired."""
    refused = caller.refused(now)
    if refused is not None:
        raise _told(refused)
    return caller


def _told(refused: callers.Refusal) -> Refusal:
    """A refusal as it goes to the caller; without a time to wait for, trying again is no use."""
    return Refusal(
        refused.message,
        status=refused.status,
        code=refused.code,
        retry_after=refused.retry_after,
        again=refused.retry_after is not None,
    )


def _no_store(error: StoreUnavailable) -> Refusal:
    return Refusal(str(error), status=503, code="store_unavailable", retry_after=1.0)
