"""What every log of served calls must do, and what the one on disk does besides."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.call_log import CallQuery, Retention
from escalera.domain.traffic import Attempt, ServedCall
from escalera.edges.gateway_store.calls import SQLiteCalls
from escalera.errors import StoreUnavailable
from escalera.testing.gateway_stores import MemoryCalls

NOW = 1_800_000_000.0
ATTEMPT = Attempt(
    deployment="d",
    purpose="first",
    started=NOW,
    seconds=1.5,
    first_byte=0.5,
    status=200,
    prompt_tokens=7,
    completion_tokens=3,
    cost=13,
)
FAILED = replace(ATTEMPT, first_byte=None, status=0, fault="connect", blame="server")


def call(number: int, **given: object) -> ServedCall:
    return ServedCall(
        **{
            "id": f"req_{number}",
            "started": NOW + number,
            "operation": "chat",
            "model": "m",
            "key": "k",
            "status": 200,
            "seconds": 2.0,
            "attempts": (FAILED, ATTEMPT),
            **given,
        }
    )


CALLS = (
    call(0, request='{"é": "\\n\x00"}', answer="x" * 1000, findings=("email",), stream=True),
    call(2, status=429, error="rate_limit_exceeded", attempts=()),
    call(1, model="large", key="other", error="upstream_unfinished"),
    call(3, status=503, error="upstream_unavailable", attempts=(FAILED,)),
)
IN_ORDER = (CALLS[0], CALLS[2], CALLS[1], CALLS[3])


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryCalls | SQLiteCalls]:
    """Every implementation, empty."""
    made = MemoryCalls() if request.param == "memory" else SQLiteCalls(tmp_path / "calls.sqlite")
    yield made
    made.close()


def test_calls_come_back_as_they_were_in_the_order_they_began(log):
    """With their attempts and bodies; several writes."""
    log.write(CALLS[:1])
    log.write(CALLS[1:])
    assert tuple(log.read(CallQuery())) == IN_ORDER


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (CallQuery(since=NOW + 1, until=NOW + 3), [1, 2]),
        (CallQuery(id="req_2"), [2]),
        (CallQuery(id="req"), []),
        (CallQuery(key="other"), [1]),
        (CallQuery(model="large"), [1]),
        (CallQuery(status=429), [2]),
        (CallQuery(status=2), [0, 1]),
        (CallQuery(failed=True), [1, 2, 3]),
        (CallQuery(newest=2), [3, 2]),
        (CallQuery(newest=9, failed=True), [3, 2, 1]),
        (CallQuery(key="'; drop table calls; --"), []),
    ],
)
def test_calls_are_found(log, wanted, places):
    """By each thing that can be asked, and counted by the same."""
    log.write(CALLS)
    found = list(log.read(wanted))
    assert found == [IN_ORDER[place] for place in places]
    if wanted.newest is None:
        tally = log.tally(wanted)
        assert tally.calls == len(found)
        assert tally.attempts == sum(len(one.attempts) for one in found)


def test_what_was_lost_is_counted(log):
    """Over all writes, also one of nothing else."""
    log.write(CALLS, lost=3, at=NOW)
    log.write((), lost=4, at=NOW)
    assert (log.tally(CallQuery()).calls, log.tally(CallQuery()).lost) == (4, 7)


def test_old_calls_go(log):
    """Those that began before the days that are kept; how many is remembered."""
    log.write(CALLS)
    day = 86_400
    assert log.trim(Retention(days=1, bytes=None), NOW + day) == 0
    assert log.trim(Retention(days=1, bytes=None), NOW + day + 1.5) == 2
    assert tuple(log.read(CallQuery())) == IN_ORDER[2:]
    assert (log.tally(CallQuery()).calls, log.tally(CallQuery()).trimmed) == (2, 2)
    assert log.trim(Retention(days=None, bytes=None), NOW + 1e9) == 0


def test_a_log_that_is_too_large_loses_its_oldest(log):
    """Until it is small enough, and no more than a part beyond that."""
    many = [call(number, request="r" * 5_000, answer="a" * 5_000) for number in range(200)]
    log.write(many)
    whole = log.tally(CallQuery()).bytes
    assert whole > 2_000_000
    gone = log.trim(Retention(days=None, bytes=whole // 2), NOW)
    tally = log.tally(CallQuery())
    assert tally.bytes <= whole // 2
    assert (tally.calls, tally.trimmed) == (200 - gone, gone)
    assert 90 <= gone <= 120
    assert list(log.read(CallQuery())) == many[gone:]


# On disk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "calls.sqlite"


def test_what_was_removed_is_gone_from_the_disk(file: Path) -> None:
    """The file shrinks."""
    with closing(SQLiteCalls(file)) as log:
        log.write([call(n, request="r" * 5_000) for n in range(400)])
        with sqlite3.connect(file) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        before = file.stat().st_size
        log.trim(Retention(days=None, bytes=before // 4), NOW)
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.close()
    assert file.stat().st_size < before / 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_record_of_a_later_version_is_told(file: Path) -> None:
    """Not passed over."""
    with closing(SQLiteCalls(file)) as log:
        log.write(CALLS)
        with sqlite3.connect(file) as connection:
            connection.execute("update calls set record = cast('{}' as blob) where id = 'req_1'")
        connection.close()
        with pytest.raises(StoreUnavailable, match="a record in it cannot be read"):
            list(log.read(CallQuery()))


def test_half_a_character_does_not_stop_the_log(file: Path) -> None:
    """A body may hold one; the rest of it is kept."""
    with closing(SQLiteCalls(file)) as log:
        log.write([call(0, request="é\ud800!"), call(1)])
        assert [one.request for one in log.read(CallQuery())] == ["é?!", ""]


def test_workers_write_together(file: Path) -> None:
    """Every call of four processes is there."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_write, [(file, worker) for worker in range(4)])
    with closing(SQLiteCalls(file)) as log:
        found = [one.id for one in log.read(CallQuery())]
    assert sorted(found) == sorted(f"req_{w * 1000 + n}" for w in range(4) for n in range(100))


def _write(given: tuple[Path, int]) -> None:
    file, worker = given
    with closing(SQLiteCalls(file)) as log:
        for first in range(0, 100, 10):
            log.write([call(worker * 1000 + n) for n in range(first, first + 10)])
