"""Several worker processes on one key: nothing is overspent, also when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from escalera.core.serving import keys
from escalera.domain.access import Account, Allowance, Key
from escalera.edges.gateway_store.keys import SQLiteKeys

TOKEN = "esk-race"

WORKER = """
import asyncio, os, random, sys, time
from pathlib import Path
from escalera.apps.gateway.callers import Admission
from escalera.apps.gateway.door import Door
from escalera.edges.gateway_store.keys import SQLiteKeys

file, bills, calls, most, token, rounds = sys.argv[1:]
calls, most = int(calls), int(most)
# A disk that is very busy may keep a lease waiting for too long in many rounds.
said = ["insufficient_quota", *(["store_unavailable"] if int(rounds) > 1 else [])]
chance = random.Random(os.getpid())
paper = os.open(bills, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def call(door):
    caller = door.known(token.encode(), time.time())
    found = caller.admit("m", 10, most, time.time())
    if found is None:
        found = await door.refill(caller, "m", 10, most)
    if not isinstance(found, Admission):
        assert found.code in said, found
        return
    cost = most if rounds == "1" else chance.randint(0, most)
    os.write(paper, b"%d %d\\n" % (os.getpid(), cost))  # the upstream's bill
    await asyncio.sleep(chance.random() * 0.01)
    found.settle(10, cost)

async def work():
    store = SQLiteKeys(Path(file))
    door = Door(store, store, now=time.time, workers=4)
    await door.open()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(rounds)):
        await asyncio.gather(*(call(door) for _ in range(calls)))
    await door.close()
    store.close()
    print("done", flush=True)

asyncio.run(work())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the keys are."""
    return tmp_path / "keys.sqlite"


def put(file: Path, micro_dollars: int) -> None:
    with closing(SQLiteKeys(file)) as store:
        store.put(Account(name="team", allowance=Allowance(micro_dollars=micro_dollars)))
        store.put(
            Key(
                id="k",
                name="k",
                digest=keys.digest(TOKEN),
                created=0.0,
                account="team",
                allowance=Allowance(micro_dollars=2 * micro_dollars, window="month"),
            )
        )


def started(
    file: Path, bills: Path, *, calls: int, most: int, rounds: int
) -> list[subprocess.Popen]:
    """Four workers that wait at the line."""
    words = [str(word) for word in (file, bills, calls, most, TOKEN, rounds)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    return workers


def ended(workers: list[subprocess.Popen]) -> list[str]:
    """What each said at its end."""
    return [worker.communicate()[0] for worker in workers]


def go(workers: list[subprocess.Popen]) -> None:
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()


def test_512_calls_at_once_on_money_for_10(file: Path, tmp_path: Path) -> None:
    """Over four processes exactly 10 pass, whoever comes first."""
    put(file, 10 * 700 + 699)
    bills = tmp_path / "bills"
    workers = started(file, bills, calls=128, most=700, rounds=1)
    go(workers)
    assert ended(workers) == ["done\n"] * 4
    assert len(bills.read_text().splitlines()) == 10
    with closing(SQLiteKeys(file)) as store:
        standing = store.standing("k", time.time())
    assert [(one.taken, one.spent) for one in standing] == [(7000, 7000)] * 2


def test_a_worker_that_is_killed_takes_no_more_than_it_held(file: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of calls: the bills of all stay below the money, and what was lost is
    at most what the dead one held."""
    money = 3_000_000
    put(file, money)
    bills = tmp_path / "bills"
    workers = started(file, bills, calls=32, most=2_000, rounds=200)
    go(workers)
    victim = workers[0]
    while bills.stat().st_size < 4_000 if bills.exists() else True:
        time.sleep(0.005)
    os.kill(victim.pid, signal.SIGKILL)
    assert ended(workers)[1:] == ["done\n"] * 3
    assert victim.returncode == -signal.SIGKILL
    paid = [tuple(map(int, line.split())) for line in bills.read_text().splitlines()]
    total = sum(cost for _, cost in paid)
    with closing(SQLiteKeys(file)) as store:
        standing = store.standing("k", time.time())
    for one in standing:
        assert total <= one.taken <= money
        assert one.taken - total <= money // 16 + 33 * 2_000  # a slice, and its open calls
    assert sum(cost for who, cost in paid if who != victim.pid) <= standing[0].spent
    assert total > 0.8 * money  # and what was left was used by the others
