"""Who may call the gateway, and how much: keys, accounts, and what is leased of their limits.

Money is integer micro-dollars, times are seconds since the epoch. The secret of a key is nowhere:
a key is known by its SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Window = Literal["total", "day", "month"]
"""What an allowance is for: the whole life of a key, or every day or month of the UTC calendar."""
Quantity = Literal["money", "requests", "tokens"]
"""What is limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may pass in a minute; None is no limit."""

    requests: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Money that may be spent in every window."""

    micro_dollars: int
    window: Window = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAllowance:
    """Minutes that finetuning may take in every window, of the accelerator or what is there."""

    minutes: int
    window: Window = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What keys have in common: limits and money that they share."""

    name: str
    limits: Limits = Limits()
    allowance: Allowance | None = None
    training: TimeAllowance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a caller shows, and what it is good for.

    `digest` is the SHA-256 of the secret, and `previous` that of the secret before a rotation,
    which is good until `previous_until`. `models` are the names that may be asked for, empty for
    all; `account` is empty where it shares nothing. `expires` and `revoked` are times, None never.
    """

    id: str
    name: str
    digest: bytes
    created: float
    account: str = ""
    models: tuple[str, ...] = ()
    limits: Limits = Limits()
    allowance: Allowance | None = None
    training: TimeAllowance | None = None
    expires: float | None = None
    revoked: float | None = None
    previous: bytes = b""
    previous_until: float = 0.0

    @property
    def owner(self) -> str:
        """Who owns what is made with this key: its account, or the key itself where it has none."""
        return self.account or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The keys and accounts that changed since an earlier revision, and the revision now."""

    revision: int
    keys: tuple[Key, ...] = ()
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Requests, tokens and micro-dollars together."""

    requests: int = 0
    tokens: int = 0
    micro_dollars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a worker asks of the store: no less than `least`, if there is, also `wanted`.

    `slice` is how much money it would like to hold.
    """

    least: Amounts
    wanted: Amounts
    slice: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a worker may pass on its own from now on; None is without limit.

    It is taken from the key and its account at once, from the windows that are named; money of it
    must not be spent after `until`.
    """

    requests: int | None
    tokens: int | None
    micro_dollars: int | None
    key_period: str
    account_period: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why nothing was leased: `left` of what is limited to `limit`, by the key or its account.

    `retry_after` is how many seconds from now there may be enough, None for never.
    """

    quantity: Quantity
    holder: str
    left: int
    limit: int
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a worker gives back of its leases for one key, and what it spent since it last said.

    Amounts below zero are what was used beyond a lease.
    """

    key: str
    amounts: Amounts
    spent: int
    key_period: str
    account_period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Money of one holder in the window of now: `taken` is spent or held by workers.

    What a worker held when it was killed stays taken.
    """

    holder: str
    period: str
    taken: int
    spent: int
