"""Stores of the gateway in memory, for tests: same contracts as on disk, and they may be down."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from escalera.core.serving import finetuned, leasing
from escalera.core.serving.leasing import Holder, Holding
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
from escalera.domain.job import Published
from escalera.domain.traffic import ServedCall
from escalera.errors import StoreUnavailable


class MemoryKeys:
    """The ports `KeyBook` and `Vault`; while `down`, every call fails as a lost disk would."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, Key | Account]] = {}
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._revision = 0

    def roster(self, after: int = 0) -> Roster:
        """All that changed since a revision."""
        with self._lock:
            self._require_up()
            changed = [
                entry for at, entry in sorted(self._entries.values(), key=_first) if at > after
            ]
            return Roster(
                revision=self._revision,
                keys=tuple(one for one in changed if isinstance(one, Key)),
                accounts=tuple(one for one in changed if isinstance(one, Account)),
            )

    def put(self, entry: Key | Account) -> None:
        """Add or replace."""
        with self._lock:
            self._require_up()
            self._revision += 1
            name = (
                leasing.key_holder(entry.id)
                if isinstance(entry, Key)
                else leasing.account_holder(entry.name)
            )
            self._entries[name] = self._revision, entry

    def standing(self, key: str, now: float) -> tuple[Standing, ...]:
        """Money in the windows of *now*."""
        with self._lock:
            self._require_up()
            found = [self._holding(one, one.period(now), now) for one in self._holders(key)]
        return tuple(
            Standing(holder=one.holder, period=one.period, taken=one.taken, spent=one.spent)
            for one in found
        )

    def lease(self, key: str, asked: Asked, now: float) -> Lease | Shortage:
        """Take, or say why not."""
        with self._lock:
            self._require_up()
            among = self._holders(key)
            holdings = [self._holding(one, one.period(now), now) for one in among]
            found = leasing.lease(among, holdings, asked, now)
            if isinstance(found, Shortage):
                return found
            after, lease = found
            for held in after:
                self._keep(held)
            return lease

    def give_back(self, returned: Sequence[Returned], now: float) -> None:
        """Take back, all or none."""
        with self._lock:
            self._require_up()
            found = [(one, self._holders(one.key)) for one in returned]
            for one, among in found:
                periods = (one.key_period, one.account_period)
                for holder, period in zip(among, periods, strict=False):
                    held = self._holding(holder, period, now)
                    self._keep(leasing.given_back(held, one))

    def close(self) -> None:
        """Nothing is held."""

    def _require_up(self) -> None:
        self.calls += 1
        _require_up(down=self.down)

    def _holders(self, key: str) -> tuple[Holder, ...]:
        found = self._entries.get(leasing.key_holder(key))
        if found is None or not isinstance(found[1], Key):
            raise StoreUnavailable(
                store="memory", problem=f"there is no key {key!r}", remedy="Put it in first"
            )
        _, account = self._entries.get(leasing.account_holder(found[1].account), (0, None))
        return leasing.holders(found[1], account if isinstance(account, Account) else None)

    def _holding(self, holder: Holder, period: str, now: float) -> Holding:
        held = self._holdings.get((holder.name, period))
        if held is None:
            held = Holding(holder=holder.name, period=period)
        buckets = self._holdings.get((holder.name, ""), Holding(holder=holder.name, period=""))
        held = replace(held, requests=buckets.requests, tokens=buckets.tokens)
        return leasing.refreshed(holder, held, now)

    def _keep(self, held: Holding) -> None:
        """Money by window, buckets by holder alone."""
        self._holdings[held.holder, held.period] = held
        self._holdings[held.holder, ""] = held


class MemoryCalls:
    """The port `CallLog`; while `down`, every call fails.

    A call takes 1,000 bytes and its bodies.
    """

    def __init__(self) -> None:
        self.down = False
        self._calls: list[ServedCall] = []
        self._missing = {"lost": 0, "trimmed": 0}

    def write(self, calls: Sequence[ServedCall], *, lost: int = 0, at: float = 0.0) -> None:
        """Add calls."""
        del at
        self._require_up()
        self._calls += calls
        self._missing["lost"] += lost

    def read(self, wanted: CallQuery) -> Iterator[ServedCall]:
        """The calls that are wanted."""
        self._require_up()
        found = [call for call in self._in_order() if _wanted(call, wanted)]
        if wanted.newest is not None:
            found = found[::-1][: wanted.newest]
        yield from found

    def tally(self, wanted: CallQuery) -> Tally:
        """How much there is."""
        self._require_up()
        found = [call for call in self._calls if _wanted(call, wanted)]
        return Tally(
            calls=len(found),
            attempts=sum(len(call.attempts) for call in found),
            lost=self._missing["lost"],
            trimmed=self._missing["trimmed"],
            bytes=sum(map(_size, self._calls)),
        )

    def trim(self, retention: Retention, now: float) -> int:
        """Remove what is too old or too much."""
        self._require_up()
        before, kept = len(self._calls), self._in_order()
        if retention.days is not None:
            kept = [call for call in kept if call.started >= now - retention.days * 86_400]
        while retention.bytes is not None and sum(map(_size, kept)) > retention.bytes:
            kept = kept[1:]
        self._calls = kept
        self._missing["trimmed"] += before - len(kept)
        return before - len(kept)

    def close(self) -> None:
        """Nothing is held."""

    def _in_order(self) -> list[ServedCall]:
        return sorted(self._calls, key=lambda call: call.started)

    def _require_up(self) -> None:
        _require_up(down=self.down)


class MemoryShelf:
    """The port `Shelf`; while `down`, every call fails as a lost disk would."""

    def __init__(self, *models: Published) -> None:
        self.down = False
        self.looks = 0
        self._models: dict[str, Published] = {}
        self._revision = 0
        for model in models:
            self.publish(model)

    def revision(self) -> int:
        """The number of the last change; `looks` counts how often it was asked for."""
        self._require_up()
        self.looks += 1
        return self._revision

    def all(self) -> Sequence[Published]:
        """Every model, the oldest first."""
        self._require_up()
        return tuple(self._models.values())

    def publish(self, model: Published) -> None:
        """Put a model there, or replace what is known of it."""
        self._require_up()
        before = self._models.get(finetuned.checked(model).name)
        self._models[model.name] = finetuned.kept(model, before)
        self._revision += 1

    def withdraw(self, name: str) -> bool:
        """Take a model away."""
        self._require_up()
        gone = self._models.pop(name, None) is not None
        self._revision += gone
        return gone

    def close(self) -> None:
        """Nothing is held."""

    def _require_up(self) -> None:
        _require_up(down=self.down)


# Below: private.


def _require_up(*, down: bool) -> None:
    if down:
        raise StoreUnavailable(store="memory", problem="it is down", remedy="Set `down` to False")


def _wanted(call: ServedCall, wanted: CallQuery) -> bool:
    return (
        (wanted.since is None or call.started >= wanted.since)
        and (wanted.until is None or call.started < wanted.until)
        and wanted.id in ("", call.id)
        and wanted.key in ("", call.key)
        and wanted.model in ("", call.model)
        and wanted.status in (None, call.status, call.status // 100)
        and (not wanted.failed or call.status >= 400 or bool(call.error))
    )


def _size(call: ServedCall) -> int:
    return 1_000 + len(call.request.encode()) + len(call.answer.encode())


def _first(pair: tuple[int, Key | Account]) -> int:
    return pair[0]
