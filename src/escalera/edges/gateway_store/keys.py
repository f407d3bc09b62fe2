"""Keys, accounts and what they may spend, in one SQLite file for all workers of a machine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.serving import leasing
from escalera.core.serving.leasing import Holder, Holding
from escalera.core.serving.limits import Bucket
from escalera.domain.access import (
    Account,
    Allowance,
    Asked,
    Key,
    Lease,
    Limits,
    Returned,
    Roster,
    Shortage,
    Standing,
    TimeAllowance,
)
from escalera.edges import sql_files
from escalera.edges.gateway_store.opening import Store
from escalera.errors import StoreUnavailable

VERSION = 2
UPGRADES = ("keys_upgrade_2.sql",)


class SQLiteKeys:
    """The ports `KeyBook` and `Vault`. Leases are taken under the file's lock, one after another;
    they are on disk before anyone spends of them."""

    def __init__(self, file: Path) -> None:
        here = Path(__file__)
        self._store = Store(
            file,
            schema=here.with_name("keys_schema.sql"),
            version=VERSION,
            upgrades=[here.with_name(name) for name in UPGRADES],
        )

    def roster(self, after: int = 0) -> Roster:
        """All that changed since a revision."""
        with self._store.reading() as connection:
            (revision,) = _one(connection, "revision", {})
            if revision == after:
                return Roster(revision=revision)
            changed = {"after": after}
            keys = connection.execute(_QUERIES["keys_after"], changed).fetchall()
            accounts = connection.execute(_QUERIES["accounts_after"], changed).fetchall()
        return Roster(
            revision=revision,
            keys=tuple(map(_key, keys)),
            accounts=tuple(map(_account, accounts)),
        )

    def put(self, entry: Key | Account) -> None:
        """Add or replace."""
        row = _key_row(entry) if isinstance(entry, Key) else _account_row(entry)
        query = "put_key" if isinstance(entry, Key) else "put_account"
        with self._store.writing() as connection:
            (revision,) = connection.execute(_QUERIES["advance"]).fetchone()
            connection.execute(_QUERIES[query], {**row, "revision": revision})

    def standing(self, key: str, now: float) -> tuple[Standing, ...]:
        """Money in the windows of *now*."""
        with self._store.reading() as connection:
            found = [
                _holding(connection, one.name, one.period(now))
                for one in self._holders(connection, key)
            ]
        return tuple(
            Standing(holder=one.holder, period=one.period, taken=one.taken, spent=one.spent)
            for one in found
        )

    def lease(self, key: str, asked: Asked, now: float) -> Lease | Shortage:
        """Take, or say why not."""
        with self._store.writing() as connection:
            among = self._holders(connection, key)
            holdings = [
                leasing.refreshed(one, _holding(connection, one.name, one.period(now)), now)
                for one in among
            ]
            found = leasing.lease(among, holdings, asked, now)
            if isinstance(found, Shortage):
                return found
            after, lease = found
            for held in after:
                _put(connection, held)
            return lease

    def give_back(self, returned: Sequence[Returned], now: float) -> None:
        """Take back, all or none."""
        with self._store.writing() as connection:
            for one in returned:
                among = self._holders(connection, one.key)
                periods = (one.key_period, one.account_period)
                for holder, period in zip(among, periods, strict=False):
                    found = _holding(connection, holder.name, period)
                    fresh = leasing.refreshed(holder, found, now)
                    _put(connection, leasing.given_back(fresh, one))

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _holders(self, connection: sqlite3.Connection, key: str) -> tuple[Holder, ...]:
        row = _one(connection, "key", {"id": key})
        if row is None:
            raise StoreUnavailable(
                store=str(self._store.file),
                problem=f"there is no key {key!r}",
                remedy="`escalera keys list` names those that there are",
            )
        found = _key(row)
        account = _one(connection, "account", {"name": found.account})
        return leasing.holders(found, None if account is None else _account(account))


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("keys.sql"))


def _one(connection: sqlite3.Connection, query: str, values: Mapping[str, object]) -> Any:
    return connection.execute(_QUERIES[query], values).fetchone()


def _holding(connection: sqlite3.Connection, holder: str, period: str) -> Holding:
    taken, spent = _one(connection, "money", {"holder": holder, "period": period}) or (0, 0)
    levels: Sequence[Any] = _one(connection, "bucket", {"holder": holder}) or (None,) * 4
    return Holding(
        holder=holder,
        period=period,
        taken=taken,
        spent=spent,
        requests=None if levels[0] is None else Bucket(levels[0], levels[1]),
        tokens=None if levels[2] is None else Bucket(levels[2], levels[3]),
    )


def _put(connection: sqlite3.Connection, held: Holding) -> None:
    connection.execute(
        _QUERIES["put_money"],
        {"holder": held.holder, "period": held.period, "taken": held.taken, "spent": held.spent},
    )
    if held.requests is None and held.tokens is None:
        return
    levels: dict[str, object] = {"holder": held.holder}
    for name, bucket in (("requests", held.requests), ("tokens", held.tokens)):
        levels[f"{name}_level"] = None if bucket is None else bucket.level
        levels[f"{name}_at"] = None if bucket is None else bucket.at
    connection.execute(_QUERIES["put_bucket"], levels)


def _key(row: Sequence[Any]) -> Key:
    id_, name, digest, previous, previous_until, account, models, *limited = row
    *limited, created, expires, revoked = limited
    return Key(
        id=id_,
        name=name,
        digest=digest,
        previous=previous,
        previous_until=previous_until,
        account=account,
        models=tuple(json.loads(models)),
        limits=_limits(limited),
        allowance=_allowance(limited),
        training=_training(limited),
        created=created,
        expires=expires,
        revoked=revoked,
    )


def _account(row: Sequence[Any]) -> Account:
    name, *limited = row
    return Account(
        name=name,
        limits=_limits(limited),
        allowance=_allowance(limited),
        training=_training(limited),
    )


def _limits(limited: Sequence[Any]) -> Limits:
    return Limits(requests=limited[0], tokens=limited[1])


def _allowance(limited: Sequence[Any]) -> Allowance | None:
    if limited[2] is None:
        return None
    return Allowance(micro_dollars=limited[2], window=limited[3])


def _training(limited: Sequence[Any]) -> TimeAllowance | None:
    if limited[4] is None:
        return None
    return TimeAllowance(minutes=limited[4], window=limited[5])


def _key_row(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "digest": key.digest,
        "previous": key.previous,
        "previous_until": key.previous_until,
        "account": key.account,
        "models": json.dumps(key.models),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        **_limited_row(key),
    }


def _account_row(account: Account) -> dict[str, object]:
    return {"name": account.name, **_limited_row(account)}


def _limited_row(entry: Key | Account) -> dict[str, object]:
    return {
        "requests": entry.limits.requests,
        "tokens": entry.limits.tokens,
        "micro_dollars": None if entry.allowance is None else entry.allowance.micro_dollars,
        "window": None if entry.allowance is None else entry.allowance.window,
        "minutes": None if entry.training is None else entry.training.minutes,
        "minutes_window": None if entry.training is None else entry.training.window,
    }
