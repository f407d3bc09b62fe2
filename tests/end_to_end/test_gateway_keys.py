"""Keys before `escalera serve` with several workers: money, kills, and a store that is away."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.end_to_end import served

from escalera.apps import issued, kept, logged
from escalera.apps.issued import Wish
from escalera.domain.access import Allowance
from escalera.domain.call_log import CallQuery
from escalera.testing.upstream import Pace
from escalera.wiring import stores

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

PRICED = """
[models.a.price]
prompt = 0.0
completion = 200.0

[models.b.price]
prompt = 0.0
completion = 200.0
"""
TOKENS, COST = 5, 1000  # 5 tokens at 200 micro-dollars
BODY = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": TOKENS}


class Keys:
    """Makes keys before the gateway starts, and keeps their secrets."""

    def __init__(self, **allowances: int | None) -> None:
        self.allowances = allowances
        self.secrets: dict[str, str] = {}

    def __call__(self, folder: Path) -> None:
        for name, money in self.allowances.items():
            allowance = None if money is None else Allowance(micro_dollars=money)
            _, secret = issued.of(folder).create(Wish(name=name, allowance=allowance))
            self.secrets[name] = secret


async def post(url: str, secret: str) -> tuple[int, str]:
    """One chat on a connection of its own: status and code of an error; 0 where it broke off."""
    parts = urlsplit(url)
    body = json.dumps(BODY).encode()
    head = (
        f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {secret}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode() + body)
        said = await reader.read()
    except OSError:
        said = b""
    finally:
        writer.close()
    if not said:
        return 0, ""
    status = int(said.split(b" ", 2)[1])
    found = json.loads(said[said.index(b"{") : said.rindex(b"}") + 1])
    return status, (found.get("error") or {}).get("code") or ""


async def many(url: str, secret: str, count: int) -> Counter[tuple[int, str]]:
    """So many at once."""
    return Counter(await asyncio.gather(*(post(url, secret) for _ in range(count))))


def workers(gateway: served.Gateway) -> list[int]:
    """The processes that serve, once all of them do."""
    for _ in range(400):
        found = stores.of(gateway.folder).standings().read_all()
        if len(found) == 4:
            return [json.loads(one)["pid"] for one in found]
        time.sleep(0.05)
    raise AssertionError("the workers do not say that they stand")


def money(gateway: served.Gateway, name: str = "poor") -> tuple[int, int]:
    """What was taken and spent."""
    _, _, (standing,) = issued.of(gateway.folder).one(name)
    return standing.taken, standing.spent


def test_512_calls_at_once_on_a_key_with_money_for_10(tmp_path: Path) -> None:
    """Exactly ten are served by four workers, and every one is in log and ledger."""
    keys = Keys(poor=10 * COST + COST - 1)
    with served.gateway(
        tmp_path, extra=PRICED, options=("--workers", "4"), prepare=keys, pace=Pace(tokens=TOKENS)
    ) as gateway:
        workers(gateway)
        said = asyncio.run(many(gateway.url, keys.secrets["poor"], 512))
        assert said == {(200, ""): 10, (429, "insufficient_quota"): 502}
        assert gateway.a.counts["chat"] == 10
        gateway.process.terminate()
        gateway.process.wait(30)
        assert money(gateway) == (10 * COST, 10 * COST)
        calls, tally = logged.calls(tmp_path, CallQuery())
        assert (tally.calls, tally.attempts, tally.lost) == (10, 10, 0)
        assert sum(call.cost for call in calls) == 10 * COST
        found = kept.kept(tmp_path, since=0.0, until=time.time() + 60)
        assert found.reconciled
        assert [(one.name, one.good) for one in found.account.ledgers] == [("a", 10)]


def test_a_killed_worker_overspends_nothing(tmp_path: Path) -> None:
    """kill -9 in the middle of calls: what upstreams billed stays below the money, and the others
    serve on until it is gone."""
    allowance = 400 * COST
    keys = Keys(poor=allowance)
    pace = Pace(first=0.02, tokens=TOKENS)
    with served.gateway(
        tmp_path, extra=PRICED, options=("--workers", "4"), prepare=keys, pace=pace
    ) as gateway:
        victim = workers(gateway)[0]

        async def story() -> Counter[tuple[int, str]]:
            load = asyncio.create_task(many(gateway.url, keys.secrets["poor"], 256))
            while gateway.a.counts["chat"] < 30:  # noqa: ASYNC110  the mock is in another thread
                await asyncio.sleep(0.001)
            os.kill(victim, signal.SIGKILL)
            said = await load
            for _ in range(40):
                said += await many(gateway.url, keys.secrets["poor"], 16)
            return said

        said = asyncio.run(story())
        slow = (503, "store_unavailable")  # where the disk is very busy
        assert set(said) <= {(200, ""), (429, "insufficient_quota"), (0, ""), slow}
        billed = gateway.a.counts["chat"] * COST
        taken, spent = money(gateway)
        assert said[200, ""] * COST <= billed <= taken <= allowance
        assert billed > 0.8 * allowance  # what was left was used by the others
        gateway.process.terminate()
        gateway.process.wait(30)
        taken, spent = money(gateway)
        assert said[200, ""] * COST <= spent + allowance // 16 + 256 * COST
        assert billed <= taken <= allowance


def test_while_the_store_is_away_known_keys_work_and_unknown_ones_get_503(tmp_path: Path) -> None:
    """Never 401, never open; money only as far as it is leased; and all is well afterwards."""
    keys = Keys(free=None, poor=16 * 4 * COST)
    with served.gateway(tmp_path, extra=PRICED, prepare=keys, pace=Pace(tokens=TOKENS)) as gateway:
        free, poor = keys.secrets["free"], keys.secrets["poor"]
        assert asyncio.run(post(gateway.url, poor)) == (200, "")  # leases money for four calls
        with away(stores.of(tmp_path).keys_file):
            assert asyncio.run(many(gateway.url, free, 20)) == {(200, ""): 20}
            assert asyncio.run(many(gateway.url, "esk-unknown", 5)) == {
                (503, "store_unavailable"): 5
            }
            said = asyncio.run(many(gateway.url, poor, 10))
            assert said == {(200, ""): 3, (503, "store_unavailable"): 7}
        Keys(late=None)(tmp_path)
        for _ in range(100):
            if asyncio.run(post(gateway.url, "esk-unknown")) == (401, "invalid_api_key"):
                break
        assert asyncio.run(post(gateway.url, "esk-unknown")) == (401, "invalid_api_key")
        assert asyncio.run(post(gateway.url, poor)) == (200, "")


def test_a_running_gateway_takes_up_what_happens_to_keys(tmp_path: Path) -> None:
    """A new key at once, a rotated one without a gap, a revoked one within seconds."""
    keys = Keys(first=None)
    with served.gateway(tmp_path, extra=PRICED, prepare=keys) as gateway:
        issuing = issued.of(tmp_path)
        key, old = issuing.create(Wish(name="second"))
        assert asyncio.run(post(gateway.url, old)) == (200, "")
        _, new = issuing.rotate("second", overlap=60)
        assert asyncio.run(post(gateway.url, new)) == (200, "")
        assert asyncio.run(post(gateway.url, old)) == (200, "")
        issuing.revoke("second")
        refused = (401, "invalid_api_key")
        deadline = time.monotonic() + 20
        while asyncio.run(post(gateway.url, new)) != refused and time.monotonic() < deadline:
            time.sleep(0.1)
        assert asyncio.run(post(gateway.url, new)) == refused
        assert asyncio.run(post(gateway.url, keys.secrets["first"])) == (200, "")
    with closing(stores.of(tmp_path).calls()) as log:
        assert {call.key for call in log.read(CallQuery(id=""))} >= {key.id}


@contextmanager
def away(file: Path) -> Iterator[None]:
    """Keep everybody from a store in SQLite, as a file system that hangs would.

    What readers and writers of a write-ahead log lock first are bytes 120 to 127 of its index.
    """
    with file.with_name(f"{file.name}-shm").open("rb+") as index:
        fcntl.lockf(index, fcntl.LOCK_EX, 8, 120)
        try:
            yield
        finally:
            fcntl.lockf(index, fcntl.LOCK_UN, 8, 120)
