"""What letting a caller in costs: `python -m bench.gateway.door` (a minute, one core).

Processor time per call from process times, the least of several rounds; what goes to the disk in
wall time, which depends on how long the disk takes to force a write out.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
import tracemalloc
from contextlib import closing
from pathlib import Path

from escalera.apps.gateway.callers import Admission
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.recording import Recorder
from escalera.domain.access import Account, Allowance, Amounts, Asked, Key, Limits, Roster
from escalera.domain.call_log import CallQuery, Retention
from escalera.domain.traffic import Attempt, ServedCall
from escalera.edges.gateway_store.calls import SQLiteCalls
from escalera.edges.gateway_store.keys import SQLiteKeys
from escalera.testing.gateway_stores import MemoryKeys

NOW = 1_800_000_000.0
TOKEN = b"esk-" + b"x" * 43
KEY = Key(
    id="k",
    name="k",
    digest=hashlib.sha256(TOKEN).digest(),
    created=0.0,
    account="a",
    models=("m",),
    limits=Limits(requests=10**9, tokens=10**10),
    allowance=Allowance(micro_dollars=10**14, window="day"),
)
ACCOUNT = Account(name="a", allowance=Allowance(micro_dollars=10**15, window="month"))


def main() -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "known + admit + settle": f"{admitting(rounds=7, calls=100_000):.2f} us of CPU",
            "a lease from the store on disk": f"{leasing(Path(folder), leases=300):.0f} us",
            "a record taken and written": f"{recording(Path(folder), calls=50_000):.1f} us of CPU",
            "a key in memory": f"{holding(keys=20_000):.0f} bytes",
        }
    for what, figure in rows.items():
        print(f"| {what} | {figure} |")


def admitting(*, rounds: int, calls: int) -> float:
    """Microseconds of processor time of one call on a key with every limit."""

    async def measured() -> float:
        store = MemoryKeys()
        store.put(ACCOUNT)
        store.put(KEY)
        door = Door(store, store, now=lambda: NOW, slice_=10**12)
        await door.open()
        first = door.known(TOKEN, NOW)
        assert first is not None
        (await door.refill(first, "m", 10, 10)).settle(1, 1)
        least = float("inf")
        for _ in range(rounds):
            began = time.process_time()
            for _ in range(calls):
                caller = door.known(TOKEN, NOW)
                admitted = caller.admit("m", 300, 100, NOW)
                admitted.settle(200, 50)
            least = min(least, (time.process_time() - began) / calls)
        assert isinstance(admitted, Admission)
        await door.close()
        return least * 1e6

    return asyncio.run(measured())


def leasing(folder: Path, *, leases: int) -> float:
    """Microseconds that a lease takes, on disk when it returns."""
    with closing(SQLiteKeys(folder / "keys.sqlite")) as store:
        store.put(ACCOUNT)
        store.put(KEY)
        least = Amounts(requests=1, tokens=10, micro_dollars=100)
        asked = Asked(least=least, wanted=least, slice=250_000)
        began = time.perf_counter()
        for _ in range(leases):
            store.lease("k", asked, NOW)
        return (time.perf_counter() - began) / leases * 1e6


def recording(folder: Path, *, calls: int) -> float:
    """Microseconds of processor time to take a record, and to write it in a batch."""
    attempt = Attempt(deployment="d", purpose="first", started=NOW, seconds=0.1, status=200)
    with closing(SQLiteCalls(folder / "calls.sqlite")) as log:
        kept = Retention(days=None, bytes=None)
        recorder = Recorder(log, wall=time.time, tell=print, retention=kept, room=10**10)
        recorder.open()
        began = time.process_time()
        for number in range(calls):
            call = ServedCall(
                id=f"req_{number:020}", started=NOW, operation="chat", model="m",
                status=200, attempts=(attempt,),
            )  # fmt: skip
            recorder.take(call)
        recorder.close()
        took = time.process_time() - began
        assert log.tally(CallQuery()).calls == calls
    return took / calls * 1e6


class _Book:
    """A book of keys that are made when they are read, as from a disk."""

    def __init__(self, keys: int) -> None:
        self._keys = keys

    def roster(self, after: int = 0) -> Roster:
        """All keys, once."""
        made = () if after else tuple(_key(number) for number in range(self._keys))
        return Roster(revision=1, keys=made)


def _key(number: int) -> Key:
    name = f"key_{number}"
    digest = hashlib.sha256(name.encode()).digest()
    return Key(id=name, name=name, digest=digest, created=0.0, limits=Limits(requests=60))


def holding(*, keys: int) -> float:
    """Bytes of memory that a door takes for a key."""

    async def measured() -> float:
        store = MemoryKeys()
        tracemalloc.start()
        door = Door(_Book(keys), store, now=lambda: NOW)
        await door.open()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await door.close()
        return taken / keys

    return asyncio.run(measured())


if __name__ == "__main__":
    main()
