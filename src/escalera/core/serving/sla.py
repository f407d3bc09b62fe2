"""The SLA ledger: attempts of the request log folded into what each provider kept of its promise.

Whose fault a failed attempt was decides whether it counts. A caller's mistake and our own key are
not the provider's failures, and not its successes either; an attempt that nobody waited for says
nothing. Everything else that came to no whole answer is the provider's failure: errors, timeouts,
answers that broke off.

An outage begins with the first of at least three failures in a row, in the order in which they
ended, and lasts until the next success has ended.

Error budget and burn rate: Beyer et al. (eds.), "The Site Reliability Workbook", chapter 5: the
budget is what the promised availability lets fail; a burn rate of 1 spends it in one window.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from escalera.core.serving import blame
from escalera.domain.sla import Burn, Ledger, Outage, Promise, Reconciled
from escalera.domain.traffic import Attempt, Fault, ServedCall

IN_A_ROW = 3
"""Failures that make an outage."""
HOUR = 3600.0
BURNS = (HOUR, 6 * HOUR, 72 * HOUR)
"""The stretches over which burn rates are told, in seconds, besides the whole window."""
DAY = 24 * HOUR

Fate = Literal["good", "bad", "caller", "key", "cancelled"]
Floats = npt.NDArray[np.float64]


def fate(attempt: Attempt) -> Fate:
    """How an attempt counts."""
    if not attempt.fault:
        return "good"
    if attempt.fault in blame.OURS:
        return "cancelled"
    return attempt.blame if attempt.blame in ("caller", "key") else "bad"


def fold(
    calls: Iterable[ServedCall],
    promises: Mapping[str, Promise],
    *,
    until: float,
    since: float | None = None,
    group: Callable[[str], str] = str,
) -> Reconciled:
    """The ledgers of *calls*, one per group of deployments, in the order of their names.

    *promises* are by group; a group without one gets a ledger that promises nothing. An account
    begins at *since*, or where that is None as many days before *until* as its promise says.
    """
    books: dict[str, _Book] = {
        name: _Book(promise, _since(promise, until, since)) for name, promise in promises.items()
    }
    read = unasked = attempts = outside = 0
    for call in calls:
        read += 1
        unasked += not call.attempts
        for attempt in call.attempts:
            attempts += 1
            name = group(attempt.deployment)
            book = books.get(name)
            if book is None:
                nothing = Promise()
                book = books[name] = _Book(nothing, _since(nothing, until, since))
            if attempt.started < book.since:
                outside += 1
            else:
                book.enter(attempt, stream=call.stream)
    return Reconciled(
        calls=read,
        unasked=unasked,
        attempts=attempts,
        outside=outside,
        ledgers=tuple(books[name].closed(name, until) for name in sorted(books)),
    )


def outages(since: Floats, until: Floats, *, good: npt.NDArray[np.bool_]) -> tuple[Outage, ...]:
    """The outages of attempts with a beginning, an end and a fate each, in any order."""
    order = np.argsort(until, kind="stable")
    found: list[Outage] = []
    failing: list[float] = []
    for at in order.tolist():
        if not good[at]:
            failing.append(float(since[at]))
            continue
        if len(failing) >= IN_A_ROW:
            end = float(until[at])
            found.append(Outage(since=min(failing), until=end, attempts=len(failing)))
        failing = []
    if len(failing) >= IN_A_ROW:
        found.append(Outage(since=min(failing), until=None, attempts=len(failing)))
    return tuple(found)


# Below: private.


@dataclass(slots=True)
class _Book:
    """The attempts of one group while they are read: 33 bytes for each that counts."""

    promise: Promise
    since: float
    fates: Counter[Fate] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    tokens: int = 0
    micro_dollars: int = 0
    began: array[float] = field(default_factory=lambda: array("d"))
    ended: array[float] = field(default_factory=lambda: array("d"))
    good: bytearray = field(default_factory=bytearray)
    first: array[float] = field(default_factory=lambda: array("d"))
    speed: array[float] = field(default_factory=lambda: array("d"))

    def enter(self, attempt: Attempt, *, stream: bool) -> None:
        """Add one attempt."""
        found = fate(attempt)
        self.fates[found] += 1
        self.tokens += attempt.prompt_tokens + attempt.completion_tokens
        self.micro_dollars += attempt.cost
        if found not in ("good", "bad"):
            return
        self.began.append(attempt.started)
        self.ended.append(attempt.started + attempt.seconds)
        self.good.append(found == "good")
        if found == "bad":
            self.faults[attempt.fault] += 1
        elif stream and attempt.first_byte is not None:
            self.first.append(attempt.first_byte)
            after = attempt.seconds - attempt.first_byte
            if attempt.completion_tokens > 1 and after > 0:
                self.speed.append((attempt.completion_tokens - 1) / after)

    def closed(self, name: str, until: float) -> Ledger:
        """The ledger of what was entered."""
        began, ended = np.array(self.began), np.array(self.ended)
        good = np.array(self.good, dtype=bool)
        quantile = self.promise.quantile
        return Ledger(
            name=name,
            promise=self.promise,
            since=self.since,
            until=until,
            attempts=self.fates.total(),
            good=self.fates["good"],
            bad=self.fates["bad"],
            caller=self.fates["caller"],
            key=self.fates["key"],
            cancelled=self.fates["cancelled"],
            faults=dict(self.faults),
            streams=len(self.first),
            first_token_seconds=_kept_below(self.first, quantile),
            tokens_per_second=_kept_above(self.speed, quantile),
            tokens=self.tokens,
            micro_dollars=self.micro_dollars,
            outages=outages(began, ended, good=good),
            burns=self._burns(began, good, until),
        )

    def _burns(self, began: Floats, good: npt.NDArray[np.bool_], until: float) -> tuple[Burn, ...]:
        promised = self.promise.availability
        if promised is None:
            return ()
        window = until - self.since
        stretches = [*(seconds for seconds in BURNS if seconds < window), window]
        found = []
        for seconds in stretches:
            inside = good[began >= until - seconds]
            allowed = 1 - promised
            rate = float(np.mean(~inside)) / allowed if inside.size and allowed > 0 else None
            found.append(Burn(seconds=seconds, rate=rate))
        return tuple(found)


def _since(promise: Promise, until: float, since: float | None) -> float:
    return until - promise.days * DAY if since is None else since


def _kept_below(values: array[float], share: float) -> float | None:
    """The least value that the share of *values* does not exceed: a value that was measured."""
    if not values:
        return None
    return float(np.quantile(np.array(values), share, method="inverted_cdf"))


def _kept_above(values: array[float], share: float) -> float | None:
    """The greatest value that the share of *values* does not fall below."""
    found = _kept_below(array("d", (-value for value in values)), share)
    return None if found is None else -found
