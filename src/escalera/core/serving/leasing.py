"""What the store does when a worker asks: takes from a key and its account, or says why not.

A lease counts as taken from the moment it is given. So whatever workers do with their leases, what
all of them spend is at most what was taken, which is at most the allowance: the sum needs no
agreement between them. A worker that is killed takes its leases with it; they are bounded by the
slice that it may hold.

Every implementation of the port `Vault` decides here, inside one transaction of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from escalera.core.serving import limits, windows
from escalera.core.serving.limits import Bucket
from escalera.domain.access import (
    Account,
    Allowance,
    Amounts,
    Asked,
    Key,
    Lease,
    Limits,
    Quantity,
    Returned,
    Shortage,
)

GUIDE = 16
"""A worker is given at most this part of what is left beyond what it needs now, so that slices
shrink as an allowance ends and nobody is refused while another holds much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What was taken from one holder in a window, and its buckets; None where there is no limit."""

    holder: str
    period: str
    taken: int = 0
    spent: int = 0
    requests: Bucket | None = None
    tokens: Bucket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A key or an account, as far as it limits."""

    name: str
    limits: Limits
    allowance: Allowance | None

    def period(self, now: float) -> str:
        """The window of *now*; those without an allowance count in one for all time."""
        return windows.period(self.allowance.window, now) if self.allowance else "total"

    def ends(self, now: float) -> float:
        """When the window of *now* ends."""
        return windows.ends(self.allowance.window, now) if self.allowance else math.inf


def holders(key: Key, account: Account | None) -> tuple[Holder, ...]:
    """Those that limit a key: itself, and its account where it has one."""
    own = Holder(name=key_holder(key.id), limits=key.limits, allowance=key.allowance)
    if account is None:
        return (own,)
    name = account_holder(account.name)
    return own, Holder(name=name, limits=account.limits, allowance=account.allowance)


def key_holder(id_: str) -> str:
    """How the store names what a key holds."""
    return f"key:{id_}"


def account_holder(name: str) -> str:
    """How the store names what an account holds; empty where there is none."""
    return f"account:{name}" if name else ""


def refreshed(holder: Holder, found: Holding, now: float) -> Holding:
    """The holding with its buckets as they are at *now*, made where they are new."""
    moment = int(now * 1e6)
    return replace(
        found,
        requests=_bucket(found.requests, holder.limits.requests, moment),
        tokens=_bucket(found.tokens, holder.limits.tokens, moment),
    )


def lease(
    among: Sequence[Holder], holdings: Sequence[Holding], asked: Asked, now: float
) -> tuple[tuple[Holding, ...], Lease] | Shortage:
    """What is leased, with the holdings after it; a `Shortage` leaves them as they are.

    *holdings* are those of *among* in the windows of *now*, with fresh buckets.
    """
    pairs = tuple(zip(among, holdings, strict=True))
    least, wanted = asked.least, asked.wanted
    money = _most(_money(pairs, least.micro_dollars, now), least.micro_dollars)
    requests = _most(_requests(pairs, least.requests), least.requests)
    tokens = _most(_tokens(pairs, least.tokens), least.tokens)
    for found in (money, requests, tokens):
        if isinstance(found, Shortage):
            return found
    given = Amounts(
        requests=_given(requests, least.requests, wanted.requests),
        tokens=_given(tokens, least.tokens, wanted.tokens),
        micro_dollars=_given(money, least.micro_dollars, wanted.micro_dollars, most=asked.slice),
    )
    return tuple(_taken(held, given) for held in holdings), Lease(
        requests=None if requests is None else given.requests,
        tokens=None if tokens is None else given.tokens,
        micro_dollars=None if money is None else given.micro_dollars,
        key_period=holdings[0].period,
        account_period=holdings[1].period if len(holdings) > 1 else "",
        until=min(one.ends(now) for one in among),
    )


def given_back(found: Holding, returned: Returned) -> Holding:
    """The holding of the window that a return names, after it."""
    amounts = returned.amounts
    return replace(
        found,
        taken=found.taken - amounts.micro_dollars,
        spent=found.spent + returned.spent,
        requests=None if found.requests is None else limits.less(found.requests, -amounts.requests),
        tokens=None if found.tokens is None else limits.less(found.tokens, -amounts.tokens),
    )


# Below: private.


def _bucket(found: Bucket | None, rate: int | None, now: int) -> Bucket | None:
    if rate is None:
        return None
    return limits.full(rate, now) if found is None else limits.refilled(found, rate, now)


Pairs = Sequence[tuple[Holder, Holding]]


def _money(pairs: Pairs, needed: int, now: float) -> Iterator[Shortage]:
    """What each holder has left, in the words of a refusal, should it be too little."""
    for holder, held in pairs:
        if holder.allowance is not None:
            whole, ends = holder.allowance.micro_dollars, holder.ends(now)
            again = ends - now if math.isfinite(ends) and needed <= whole else None
            yield _left("money", holder, whole - held.taken, whole, again)


def _requests(pairs: Pairs, needed: int) -> Iterator[Shortage]:
    for holder, held in pairs:
        bucket, rate = held.requests, holder.limits.requests
        if bucket is not None and rate is not None:
            again = limits.wait(bucket, rate, needed)
            yield _left("requests", holder, limits.left(bucket), rate, again)


def _tokens(pairs: Pairs, needed: int) -> Iterator[Shortage]:
    for holder, held in pairs:
        bucket, rate = held.tokens, holder.limits.tokens
        if bucket is not None and rate is not None:
            again = limits.wait(bucket, rate, needed)
            yield _left("tokens", holder, limits.left(bucket), rate, again)


def _left(
    quantity: Quantity, holder: Holder, left: int, limit: int, again: float | None
) -> Shortage:
    return Shortage(
        quantity=quantity, holder=holder.name, left=left, limit=limit, retry_after=again
    )


def _most(limited: Iterator[Shortage], least: int) -> Shortage | int | None:
    """The most that may be given; None where nobody limits, and why where it is too little."""
    tightest = min(limited, key=lambda one: one.left, default=None)
    if tightest is None or tightest.left >= least:
        return None if tightest is None else tightest.left
    return tightest


def _given(most_left: object, least: int, wanted: int, *, most: int = limits.HIGHEST_RATE) -> int:
    if not isinstance(most_left, int):
        return 0
    return max(0, min(most_left, max(least, wanted, min(most, most_left // GUIDE))))


def _taken(held: Holding, given: Amounts) -> Holding:
    return replace(
        held,
        taken=held.taken + given.micro_dollars,
        requests=None if held.requests is None else limits.less(held.requests, given.requests),
        tokens=None if held.tokens is None else limits.less(held.tokens, given.tokens),
    )
