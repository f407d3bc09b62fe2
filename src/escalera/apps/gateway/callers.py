"""Callers of the gateway as one worker knows them: what the path of a call asks, without waiting.

    found = caller.admit(model, tokens, micro_dollars, now)   # Admission, Refusal or None
    if found is None:                                        # the worker's slice does not suffice
        found = await door.refill(caller, model, tokens, micro_dollars)

An `Admission` is settled once: `settle(tokens, micro_dollars)` with what was used, `forfeit()`
where a call was made and its usage never came (all that was reserved counts), `release()` where
none was made. After the first of them the others do nothing, so the outermost layer may always
`release()`.

`tokens` is an estimate (`spending.likely_tokens`), `micro_dollars` an upper bound
(`spending.most_cost`) of all calls that will be made, or None where the price is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from escalera.core.serving import limits, spending
from escalera.core.serving.limits import Bucket
from escalera.core.serving.spending import Slice
from escalera.domain.access import Account, Amounts, Key, Lease, Shortage

SHORT_FOR = 1.0
"""Seconds for which the store's word that there is too little is believed without asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call is not made, in OpenAI's terms; `message` says what to do.

    Without `retry_after` (seconds) the same call will not pass later: then clients are told not to
    try again.
    """

    status: int
    code: str
    message: str
    retry_after: float | None = None


class Admission(msgspec.Struct, eq=False):
    """A call that may be made, with what is reserved for it of a slice; settled once."""

    _slice: Slice | None
    _tokens: int
    _micro_dollars: int

    def extend(self, tokens: int, micro_dollars: int) -> bool:
        """Reserve more, for a further upstream call; False where the slice does not suffice."""
        if self._slice is None or not self._slice.extend(tokens, micro_dollars):
            return False
        self._tokens += tokens
        self._micro_dollars += micro_dollars
        return True

    def is_of(self, slice_: Slice) -> bool:
        """Whether it holds a part of *slice_* and is not settled yet."""
        return self._slice is slice_

    def settle(self, tokens: int, micro_dollars: int) -> None:
        """Count what was used, and put the rest back."""
        slice_ = self._slice
        if slice_ is not None:
            self._slice = None
            slice_.settle((self._tokens, self._micro_dollars), tokens, micro_dollars)

    def forfeit(self) -> None:
        """Count all that was reserved: the call was made, and what it cost is not known."""
        self.settle(self._tokens, self._micro_dollars)

    def release(self) -> None:
        """Put everything back: no call was made."""
        slice_ = self._slice
        if slice_ is not None:
            self._slice = None
            slice_.undo((self._tokens, self._micro_dollars))


class Caller:
    """A key, with the slice of its limits that this worker holds."""

    __slots__ = (
        "_until", "account", "idle", "key", "limited", "models", "own", "short", "short_until",
        "spare", "waiting",
    )  # fmt: skip

    def __init__(self, key: Key, account: Account | None) -> None:
        self.own = Slice()
        self.waiting = Amounts()
        self.idle = (0, 0)
        self.spare: tuple[Bucket | None, Bucket | None] = (None, None)
        self.short: Shortage | None = None
        self.short_until = 0.0
        self.become(key, account)

    def become(self, key: Key, account: Account | None) -> Slice:
        """Take on a changed key; the slice that was held until now."""
        self.key, self.account = key, account
        self.models = frozenset(key.models)
        ends = (key.expires, key.revoked)
        self._until = min((end for end in ends if end is not None), default=math.inf)
        holders: list[Key | Account] = [key] if account is None else [key, account]
        self.limited = Limited(
            money=any(one.allowance is not None for one in holders),
            requests=_tightest(one.limits.requests for one in holders),
            tokens=_tightest(one.limits.tokens for one in holders),
        )
        self.short = None
        self.spare = (None, None)
        return self.renew()

    def renew(self) -> Slice:
        """Hold an empty slice from now on; the one that was held."""
        held, self.own = self.own, Slice()
        return held

    def admit(
        self, model: str, tokens: int, micro_dollars: int | None, now: float
    ) -> Admission | Refusal | None:
        """Reserve a call; None where more must be leased first."""
        if now >= self._until or (self.models and model not in self.models):
            return self._refused(model, now)
        if micro_dollars is None:
            if self.limited.money:
                return _unpriced(model)
            micro_dollars = 0
        own = self.own
        if now < own.until and own.reserve(tokens, micro_dollars):
            return Admission(own, tokens, micro_dollars)
        return self._short(tokens, micro_dollars, now)

    def refused(self, now: float) -> Refusal | None:
        """Why the key is good for nothing any more, if it is not."""
        if now < self._until:
            return None
        revoked = self.key.revoked is not None and now >= self.key.revoked
        said = "was revoked" if revoked else "has expired"
        return Refusal(
            status=401,
            code="invalid_api_key",
            message=f"The API key {self.key.name!r} {said}. Ask whoever gave it for another one.",
        )

    def lacks(self, tokens: int, micro_dollars: int, now: float) -> bool:
        """Whether the store said a moment ago that so much is not left."""
        return self._short(tokens, micro_dollars, now) is not None

    def wait(self, tokens: int, micro_dollars: int, *, calls: int) -> None:
        """Count calls that wait for a lease, or no longer do (-1)."""
        before = self.waiting
        self.waiting = Amounts(
            requests=before.requests + calls,
            tokens=before.tokens + calls * tokens,
            micro_dollars=before.micro_dollars + calls * micro_dollars,
        )

    def took(self, found: Lease | Shortage, own: Slice, now: float) -> Slice | None:
        """Note what the store said to a question about *own*; a slice that is to be given back.

        That is the one held until now, where the lease is of later windows; or the lease itself,
        where the caller became another meanwhile.
        """
        if isinstance(found, Shortage):
            self.short = found
            again = SHORT_FOR if found.retry_after is None else found.retry_after
            self.short_until = now + min(SHORT_FOR, again)
            return None
        self.short = None
        if own is not self.own:
            own = Slice()
            own.add(found)
            return own
        held = None if own.belongs(found) else self.renew()
        self.own.add(found)
        return held

    def lent(self, tokens: int, micro_dollars: int, now: float, *, workers: int) -> bool:
        """Without the store: take requests and tokens from this worker's part of the limits.

        Money is never lent. False where the limits, or the money that is held, do not suffice.
        """
        own = self.own
        lacking = own.lacking(tokens, micro_dollars)
        if self.limited.money and (lacking.micro_dollars or now >= own.until):
            return False
        pairs = (
            (self.spare[0], self.limited.requests, lacking.requests),
            (self.spare[1], self.limited.tokens, lacking.tokens),
        )
        after = [_lent(*pair, workers=workers, now=int(now * 1e6)) for pair in pairs]
        if any(short for _, short in after):
            return False
        self.spare = after[0][0], after[1][0]
        own.add(
            Lease(
                requests=None if self.limited.requests is None else lacking.requests,
                tokens=None if self.limited.tokens is None else lacking.tokens,
                micro_dollars=0 if self.limited.money else None,
                key_period=own.key_period or "total",
                account_period=own.account_period or "total",
                until=own.until or math.inf,
            )
        )
        return True

    def _refused(self, model: str, now: float) -> Refusal:
        refused = self.refused(now)
        if refused is not None:
            return refused
        may = ", ".join(repr(name) for name in sorted(self.models))
        return Refusal(
            status=403,
            code="model_not_allowed",
            message=f"The API key {self.key.name!r} may not ask {model!r}; it may ask {may}.",
        )

    def _short(self, tokens: int, micro_dollars: int, now: float) -> Refusal | None:
        """What the store said a moment ago, where it is the answer to this call too."""
        short = self.short
        if short is None or not self.short_until - SHORT_FOR <= now < self.short_until:
            return None  # long ago, or before a clock was set back
        lacking = self.own.lacking(tokens, micro_dollars)
        missing = {
            "money": lacking.micro_dollars,
            "requests": lacking.requests,
            "tokens": lacking.tokens,
        }[short.quantity]
        if missing <= short.left:
            return None
        return _too_little(short, tokens=tokens, micro_dollars=micro_dollars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """What limits a caller, by its key or its account, whichever is tighter."""

    money: bool
    requests: int | None
    tokens: int | None

    @property
    def free(self) -> bool:
        """Whether nothing does."""
        return not self.money and self.requests is None and self.tokens is None


def free_slice() -> Slice:
    """The slice of a caller that nothing limits."""
    return spending.free()


# Below: private.


def _tightest(rates: Iterable[int | None]) -> int | None:
    return min((rate for rate in rates if rate is not None), default=None)


def _lent(
    bucket: Bucket | None, rate: int | None, amount: int, *, workers: int, now: int
) -> tuple[Bucket | None, bool]:
    """The bucket after *amount* was taken, and whether it is too little for that."""
    if rate is None:
        return None, False
    part = max(1, rate // workers)
    found = limits.full(part, now) if bucket is None else limits.refilled(bucket, part, now)
    return limits.less(found, amount), limits.left(found) < amount


def _unpriced(model: str) -> Refusal:
    return Refusal(
        status=403,
        code="price_unknown",
        message=f"The price of {model!r} is unknown, so the key's allowance of money cannot be "
        "kept. Whoever runs this gateway can add a price to the model, or give a key without "
        "an allowance.",
    )


def _too_little(short: Shortage, *, tokens: int, micro_dollars: int) -> Refusal:
    kind, _, name = short.holder.partition(":")
    whose = "The API key" if kind == "key" else f"The account {name!r}"
    if short.quantity == "money":
        message = (
            f"{whose} has {_dollars(max(0, short.left))} left of {_dollars(short.limit)}, and this "
            f"call may cost up to {_dollars(micro_dollars)}. Ask for fewer tokens, or for more "
            "money."
        )
        again = None if short.retry_after is None else math.ceil(short.retry_after)
        return Refusal(status=429, code="insufficient_quota", message=message, retry_after=again)
    what = "1 call" if short.quantity == "requests" else f"about {tokens} tokens"
    unit = "calls" if short.quantity == "requests" else "tokens"
    never = "" if short.retry_after is not None else " It can never pass: ask for fewer tokens."
    return Refusal(
        status=429,
        code="rate_limit_exceeded",
        message=f"{whose} may use {short.limit} {unit} a minute, {max(0, short.left)} are left now "
        f"and this takes {what}.{never}",
        retry_after=short.retry_after,
    )


def _dollars(micro_dollars: int) -> str:
    return f"${micro_dollars / 1e6:.6f}".rstrip("0").rstrip(".")
