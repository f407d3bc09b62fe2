"""What a provider promises of a model, and what it kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from escalera.domain.traffic import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A service level; None where nothing is promised.

    `availability` is a share of attempts. The share `quantile` of streams has its first token
    within `first_token_seconds`, and at least `tokens_per_second` after it. All are measured over
    `days`.
    """

    availability: float | None = None
    first_token_seconds: float | None = None
    tokens_per_second: float | None = None
    quantile: float = 0.95
    days: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A stretch of failed attempts without a success between; `until` is None while it lasts."""

    since: float
    until: float | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How fast the error budget went in the last `seconds`: 1 spends it just by the window's end.

    None where there was no attempt, or where nothing may fail.
    """

    seconds: float
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What became of the attempts at one deployment or provider, and what of it was promised.

    `attempts` are all of them; each is either `good`, or `bad`, or left out of the account: the
    caller's mistake (`caller`), our own key or account (`key`), or not waited for (`cancelled`).
    `faults` counts the bad ones by what went wrong. `first_token_seconds` and `tokens_per_second`
    are the values that the promised share of `streams` kept to.
    """

    name: str
    promise: Promise
    since: float
    until: float
    attempts: int = 0
    good: int = 0
    bad: int = 0
    caller: int = 0
    key: int = 0
    cancelled: int = 0
    faults: Mapping[Fault, int] = field(default_factory=dict)
    streams: int = 0
    first_token_seconds: float | None = None
    tokens_per_second: float | None = None
    tokens: int = 0
    micro_dollars: int = 0
    outages: tuple[Outage, ...] = ()
    burns: tuple[Burn, ...] = ()

    @property
    def availability(self) -> float | None:
        """The share of counted attempts that were answered; None where there was none."""
        counted = self.good + self.bad
        return self.good / counted if counted else None

    @property
    def budget_used(self) -> float | None:
        """The share of the failures that the promise allows for; above 1 it is broken.

        None where nothing is promised or counted; infinite where nothing may fail and something
        did.
        """
        if self.promise.availability is None or self.availability is None:
            return None
        allowed = (1 - self.promise.availability) * (self.good + self.bad)
        if self.bad == 0:
            return 0.0
        return self.bad / allowed if allowed > 0 else float("inf")

    @property
    def out_seconds(self) -> float:
        """Seconds of all outages; one that lasts counts up to the end of the account."""
        return sum((one.until or self.until) - one.since for one in self.outages)

    @property
    def broken(self) -> tuple[str, ...]:
        """The promises that were not kept, by their names in the project file."""
        promise = self.promise
        promised, kept = promise.availability, self.availability
        first, speed = self.first_token_seconds, self.tokens_per_second
        late, slow = promise.first_token_seconds, promise.tokens_per_second
        found = {
            "availability": promised is not None and kept is not None and kept < promised,
            "first_token_seconds": late is not None and first is not None and first > late,
            "tokens_per_second": slow is not None and speed is not None and speed < slow,
        }
        return tuple(name for name, is_broken in found.items() if is_broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The account of the accounts: every call and attempt of the log is in it once.

    `calls` were read, `unasked` of them without an attempt; of the `attempts`, `outside` began
    before the window of their ledger, and the others are in `ledgers`.
    """

    calls: int
    unasked: int
    attempts: int
    outside: int
    ledgers: tuple[Ledger, ...]
