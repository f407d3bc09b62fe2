"""What every store of keys must do, and what the one on disk must survive."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.access import (
    Account,
    Allowance,
    Amounts,
    Asked,
    Key,
    Lease,
    Limits,
    Returned,
    Roster,
    Shortage,
    TimeAllowance,
)
from escalera.edges.gateway_store.keys import SQLiteKeys
from escalera.errors import StoreUnavailable
from escalera.testing.gateway_stores import MemoryKeys

NOW = 1_800_000_000.0
KEY = Key(
    id="key_1",
    name="the 'shop'; --",
    digest=bytes(range(32)),
    created=NOW,
    account="team é",
    models=("small", "escalera/order_changes"),
    limits=Limits(requests=600, tokens=100_000),
    allowance=Allowance(micro_dollars=1_000_000, window="day"),
    training=TimeAllowance(minutes=90, window="month"),
    expires=NOW + 1e6,
    previous=b"p" * 32,
    previous_until=NOW + 60.5,
)
ACCOUNT = Account(name="team é", allowance=Allowance(micro_dollars=1_500_000, window="month"))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryKeys | SQLiteKeys]:
    """Every implementation, empty."""
    made = MemoryKeys() if request.param == "memory" else SQLiteKeys(tmp_path / "s" / "k.sqlite")
    yield made
    made.close()


def asked(money: int, *, slice_: int = 0, requests: int = 0) -> Asked:
    least = Amounts(requests=requests, micro_dollars=money)
    return Asked(least=least, wanted=Amounts(), slice=slice_)


def test_keys_and_accounts_come_back_as_they_were(store):
    """With every field, and without those that may be missing."""
    bare = Key(id="key_2", name="bare", digest=b"2" * 32, created=NOW)
    assert store.roster() == Roster(revision=0)
    store.put(ACCOUNT)
    store.put(KEY)
    store.put(bare)
    assert store.roster() == Roster(revision=3, keys=(KEY, bare), accounts=(ACCOUNT,))


def test_only_what_changed_is_told(store):
    """Since a revision; what was replaced is told once, as it is now."""
    store.put(ACCOUNT)
    store.put(KEY)
    assert store.roster(2) == Roster(revision=2)
    gone = replace(KEY, revoked=NOW, digest=b"n" * 32)
    store.put(gone)
    assert store.roster(2) == Roster(revision=3, keys=(gone,))
    assert store.roster(0) == Roster(revision=3, keys=(gone,), accounts=(ACCOUNT,))


def test_a_lease_is_taken_and_given_back(store):
    """From the key's day and the account's month, and into them."""
    store.put(ACCOUNT)
    store.put(KEY)
    found = store.lease(KEY.id, asked(1000, slice_=50_000, requests=1), NOW)
    assert found == Lease(
        requests=37,
        tokens=6250,
        micro_dollars=50_000,
        key_period="2027-01-15",
        account_period="2027-01",
        until=1_800_057_600.0,
    )
    back = Returned(
        key=KEY.id,
        amounts=Amounts(requests=36, tokens=6000, micro_dollars=49_100),
        spent=900,
        key_period=found.key_period,
        account_period=found.account_period,
    )
    store.give_back([back], NOW)
    standing = store.standing(KEY.id, NOW)
    assert [(one.holder, one.period, one.taken, one.spent) for one in standing] == [
        ("key:key_1", "2027-01-15", 900, 900),
        ("account:team é", "2027-01", 900, 900),
    ]


def test_a_shortage_leaves_everything_as_it_was(store):
    """The account is short; the key has given nothing either."""
    store.put(replace(ACCOUNT, allowance=Allowance(micro_dollars=10)))
    store.put(KEY)
    found = store.lease(KEY.id, asked(11), NOW)
    assert isinstance(found, Shortage)
    assert (found.holder, found.left) == ("account:team é", 10)
    assert [one.taken for one in store.standing(KEY.id, NOW)] == [0, 0]


def test_the_next_day_begins_anew_and_late_returns_belong_to_theirs(store):
    """A slice that comes back after midnight is not spent again on the new day."""
    store.put(replace(KEY, account=""))
    first = store.lease(KEY.id, asked(1_000_000), NOW)
    assert isinstance(store.lease(KEY.id, asked(1), NOW), Shortage)
    later = NOW + 86_400
    assert store.lease(KEY.id, asked(1_000_000), later).micro_dollars == 1_000_000
    back = Returned(
        key=KEY.id,
        amounts=Amounts(micro_dollars=first.micro_dollars),
        spent=0,
        key_period=first.key_period,
        account_period="",
    )
    store.give_back([back], later)
    assert isinstance(store.lease(KEY.id, asked(1), later), Shortage)
    assert store.standing(KEY.id, NOW)[0].taken == 0


def test_requests_come_back_with_time(store):
    """The bucket is the store's, so that it is one for all workers."""
    store.put(replace(KEY, account="", allowance=None))
    assert store.lease(KEY.id, asked(0, requests=600), NOW).requests == 600
    short = store.lease(KEY.id, asked(0, requests=5), NOW + 0.4)
    assert (short.quantity, short.left, short.retry_after) == ("requests", 4, 0.1)
    assert store.lease(KEY.id, asked(0, requests=5), NOW + 0.5).requests == 5


def test_all_returns_are_taken_or_none(store):
    """One that names no key stops the others."""
    store.put(replace(KEY, account=""))
    store.lease(KEY.id, asked(100), NOW)
    back = Returned(
        key=KEY.id,
        amounts=Amounts(micro_dollars=100),
        spent=0,
        key_period="2027-01-15",
        account_period="",
    )
    with pytest.raises(StoreUnavailable, match="there is no key 'nobody'"):
        store.give_back([back, replace(back, key="nobody")], NOW)
    assert store.standing(KEY.id, NOW)[0].taken == 100


# On disk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "keys.sqlite"


def test_only_its_owner_may_read_it(file: Path) -> None:
    """Also what SQLite puts beside it."""
    with closing(SQLiteKeys(file)) as store:
        store.put(KEY)
        modes = [stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()]
    assert set(modes) == {0o600}


def test_no_secret_is_in_it(file: Path) -> None:
    """Only digests are."""
    with closing(SQLiteKeys(file)) as store:
        store.put(KEY)
        with sqlite3.connect(file) as connection:
            dumped = "\n".join(connection.iterdump())
        connection.close()
    assert KEY.digest.hex() in dumped.lower()
    assert "esk-" not in dumped


def test_a_store_of_a_newer_form_is_refused(file: Path) -> None:
    """It is not guessed at, nor changed."""
    SQLiteKeys(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("pragma user_version = 3")
    connection.close()
    with pytest.raises(StoreUnavailable, match=r"the form 3, and this Escalera knows the form 2"):
        SQLiteKeys(file)


@pytest.mark.parametrize("how", ["not a database", "a folder"])
def test_what_is_no_store_is_told(file: Path, how: str) -> None:
    """With what to look at."""
    if how == "a folder":
        file.mkdir()
    else:
        file.write_bytes(b"no database at all, whatever its name says " * 100)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        SQLiteKeys(file)


def test_a_store_that_cannot_be_written_is_told(file: Path) -> None:
    """Nothing is leased then."""
    with closing(SQLiteKeys(file)) as store:
        store.put(replace(KEY, account=""))
        store._store._connection.execute("pragma query_only = on")
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            store.lease(KEY.id, asked(1), NOW)
        assert store.standing(KEY.id, NOW)[0].taken == 0


def test_processes_that_open_a_new_store_together_agree(file: Path) -> None:
    """One makes it, the others wait."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        pool.map(_put, [(file, number) for number in range(12)])
    with closing(SQLiteKeys(file)) as store:
        roster = store.roster()
    assert (roster.revision, len(roster.keys)) == (12, 12)


def test_processes_that_lease_together_take_no_more_than_there_is(file: Path) -> None:
    """Four processes until all is gone: to the last micro-dollar, and not one more."""
    with closing(SQLiteKeys(file)) as store:
        store.put(replace(KEY, account="", allowance=Allowance(micro_dollars=9_999)))
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        taken = pool.map(_drain, [file] * 4)
    assert sum(taken) == 9_999
    with closing(SQLiteKeys(file)) as store:
        assert store.standing(KEY.id, NOW)[0].taken == 9_999


def _put(given: tuple[Path, int]) -> None:
    file, number = given
    with closing(SQLiteKeys(file)) as store:
        store.put(replace(KEY, id=f"key_{number}", digest=bytes([number]) * 32))


def _drain(file: Path) -> int:
    taken = 0
    with closing(SQLiteKeys(file)) as store:
        while isinstance(found := store.lease(KEY.id, asked(7, slice_=100), NOW), Lease):
            taken += found.micro_dollars or 0
        while isinstance(found := store.lease(KEY.id, asked(1), NOW), Lease):
            taken += found.micro_dollars or 0
    return taken


def test_a_store_of_the_first_form_is_taken_over(tmp_path: Path):
    """With all that is in it; its keys have no minutes, and can be given some."""
    file = tmp_path / "keys.sqlite"
    before = (
        "create table keys (id text primary key, name text not null, digest blob not null unique, "
        "previous blob not null, previous_until real not null, account text not null, models text "
        "not null, requests integer, tokens integer, micro_dollars integer, window text, created "
        "real not null, expires real, revoked real, revision integer not null) strict;"
        "create table accounts (name text primary key, requests integer, tokens integer, "
        "micro_dollars integer, window text, revision integer not null) strict;"
        "create table revision (number integer not null) strict;"
        "insert into revision values (1);"
        "create table money (holder text, period text, taken integer, spent integer);"
        "create table buckets (holder text primary key, requests_level integer);"
        "insert into keys values ('k', 'old', x'00', x'', 0, 'a', '[]', 5, null, 7, 'day', 1, null,"
        " null, 1); insert into accounts values ('a', null, null, null, null, 1);"
        "pragma user_version = 1;"
    )
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(before)
    for _ in range(2):
        with closing(SQLiteKeys(file)) as store:
            roster = store.roster()
            (key,), (account,) = roster.keys, roster.accounts
            assert (key.name, key.allowance, key.limits.requests) == (
                "old",
                Allowance(micro_dollars=7, window="day"),
                5,
            )
            assert (key.training, account.training) == (None, None)
    with closing(SQLiteKeys(file)) as store:
        store.put(replace(key, training=TimeAllowance(minutes=3)))
        assert store.roster(1).keys[0].training == TimeAllowance(minutes=3)
