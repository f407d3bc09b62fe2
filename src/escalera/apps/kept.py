"""What providers kept of their promises, from the request log: an account per model or provider."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from escalera.apps import logged
from escalera.apps.issued import moment
from escalera.core.serving import sla
from escalera.domain.call_log import CallQuery, Tally
from escalera.domain.sla import Ledger, Promise, Reconciled
from escalera.wiring import stores

By = Literal["model", "provider"]
DAY = 86_400.0
TRIES = 3
"""How often the log is read where calls come in meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The ledgers with the log that they were read from: `tally` counts what the log holds."""

    account: Reconciled
    tally: Tally

    @property
    def reconciled(self) -> bool:
        """Whether every call and attempt of the log was read, and is in a ledger once."""
        account = self.account
        entered = sum(one.attempts for one in account.ledgers) + account.outside
        read = (account.calls, account.attempts)
        return read == (self.tally.calls, self.tally.attempts) and entered == account.attempts


def kept(file: Path, *, since: float | None, until: float, by: By = "model") -> Kept:
    """The account of a project's gateway up to *until*.

    Without *since* each promise is measured over its own days. By provider, models of one host are
    one account, and nothing is promised for it: promises are made for models.
    """
    found = stores.promising(file)
    promises = dict(found.promises) if by == "model" else {}
    days = max((one.days for one in promises.values()), default=Promise().days)
    wanted = CallQuery(since=until - days * DAY if since is None else since, until=until)
    hosts = found.providers
    group = str if by == "model" else lambda name: hosts.get(name, name)
    with closing(logged.opened(file)) as log:
        for _ in range(TRIES):
            calls = log.read(wanted)
            account = sla.fold(calls, promises, until=until, since=since, group=group)
            read = Kept(account=account, tally=log.tally(wanted))
            if read.reconciled:
                break
        return read


def document(found: Kept) -> dict[str, Any]:
    """The account for scripts."""
    account, tally = found.account, found.tally
    return {
        "reconciled": found.reconciled,
        "calls": account.calls,
        "unasked": account.unasked,
        "attempts": account.attempts,
        "outside": account.outside,
        "log": asdict(tally),
        "ledgers": [_of_ledger(one) for one in account.ledgers],
    }


def table(found: Kept) -> str:
    """The ledgers as CSV, a row each."""
    text = io.StringIO()
    rows = [_row(one) for one in found.account.ledgers]
    writer = csv.DictWriter(text, list(_row(_EMPTY)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def words(one: Ledger) -> Iterator[str]:
    """A ledger in lines for people: what was promised, what was kept, what is left."""
    promise = one.promise
    counted = one.good + one.bad
    yield f"{one.name}: {_verdict(one)}, {moment(one.since)} to {moment(one.until)}"
    left_out = f"{one.caller} callers' mistakes, {one.key} our key, {one.cancelled} not awaited"
    yield f"  attempts    {one.attempts}: {counted} count, {left_out}"
    yield f"  answered    {_share(one.availability)}{_promised(promise.availability, _share)}"
    if one.faults:
        faults = sorted(one.faults.items(), key=lambda pair: (-pair[1], pair[0]))
        yield "  failures    " + ", ".join(f"{count} {fault}" for fault, count in faults)
    if one.budget_used is not None:
        burns = ", ".join(
            f"{burn.rate:.2g} over {_hours(burn.seconds)}"
            for burn in one.burns
            if burn.rate is not None
        )
        used = "all" if math.isinf(one.budget_used) else f"{one.budget_used:.1%}"
        yield f"  budget      {used} of it is used; burn rate {burns or 'unknown'}"
    at_least = f"of {promise.quantile:.0%} of {one.streams} streams"
    first, speed = promise.first_token_seconds, promise.tokens_per_second
    late, slow = _seconds(one.first_token_seconds), _speed(one.tokens_per_second)
    yield f"  first token {late} {at_least}{_promised(first, _seconds)}"
    yield f"  speed       {slow} {at_least}{_promised(speed, _speed)}"
    yield f"  took        {one.tokens} tokens, ${one.micro_dollars / 1e6:.6f}"
    yield f"  outages     {len(one.outages)}, {one.out_seconds:.1f} s in all"
    for out in one.outages:
        end = "now" if out.until is None else moment(out.until)
        yield f"    {moment(out.since)} to {end}: {out.attempts} attempts failed"


def account_words(found: Kept) -> str:
    """The last line: whether every call of the log is in the account."""
    account, tally = found.account, found.tally
    state = "Reconciled" if found.reconciled else "NOT reconciled: the log changed meanwhile"
    entered = sum(one.attempts for one in account.ledgers)
    return (
        f"{state}: the log holds {tally.calls} calls with {tally.attempts} attempts; read were "
        f"{account.calls} calls ({account.unasked} asked nobody) with {account.attempts} attempts, "
        f"{entered} of them above and {account.outside} before their window. {tally.lost} calls "
        f"were never logged, {tally.trimmed} went by retention."
    )


# Below: private.

_EMPTY = Ledger(name="", promise=Promise(), since=0.0, until=0.0)


def _of_ledger(one: Ledger) -> dict[str, Any]:
    outages = [
        {"since": moment(out.since), "until": _moment(out.until), "attempts": out.attempts}
        for out in one.outages
    ]
    return {
        **_row(one),
        "promise": asdict(one.promise),
        "faults": dict(one.faults),
        "burns": [asdict(burn) for burn in one.burns],
        "outages": outages,
        "broken": list(one.broken),
    }


def _row(one: Ledger) -> dict[str, Any]:
    used = one.budget_used
    return {
        "name": one.name,
        "since": moment(one.since),
        "until": moment(one.until),
        "attempts": one.attempts,
        "good": one.good,
        "bad": one.bad,
        "caller": one.caller,
        "key": one.key,
        "cancelled": one.cancelled,
        "availability": one.availability,
        "promised_availability": one.promise.availability,
        "budget_used": "infinite" if used is not None and math.isinf(used) else used,
        "streams": one.streams,
        "first_token_seconds": one.first_token_seconds,
        "promised_first_token_seconds": one.promise.first_token_seconds,
        "tokens_per_second": one.tokens_per_second,
        "promised_tokens_per_second": one.promise.tokens_per_second,
        "quantile": one.promise.quantile,
        "tokens": one.tokens,
        "micro_dollars": one.micro_dollars,
        "outages": len(one.outages),
        "outage_seconds": one.out_seconds,
        "broken": " ".join(one.broken),
    }


def _verdict(one: Ledger) -> str:
    promise = one.promise
    named = (promise.availability, promise.first_token_seconds, promise.tokens_per_second)
    if all(value is None for value in named):
        return "nothing is promised"
    if one.good + one.bad == 0:
        return "nothing was asked of it"
    return f"BROKEN: {', '.join(one.broken)}" if one.broken else "kept"


def _moment(at: float | None) -> str | None:
    return None if at is None else moment(at)


def _promised(value: float | None, said: Any) -> str:
    return "" if value is None else f", promised {said(value)}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4%}"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} s"


def _speed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} tokens/s"


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g} h" if hours <= 72 else f"{hours / 24:g} days"
