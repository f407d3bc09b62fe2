"""Two gateways that are asked the same, one with the fast lane, on which they are gathered, and
one without: all they say, keep and count is compared, but for names of requests and times."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from tests.unit.apps.gateway.sockets import Quick, served

from escalera.apps.gateway import app as apps
from escalera.apps.gateway.admitting import ManyKeys
from escalera.apps.gateway.app import Gateway, Setup, application
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.gathering import at_once
from escalera.apps.gateway.lane import Lane
from escalera.core.serving import keys
from escalera.domain.access import Allowance, Key
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import ServedCall
from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.engine.serve import Desk, Served
from escalera.settings.gateway_table import GatewayTable
from escalera.testing.gateway_stores import MemoryKeys
from escalera.wiring.upstreams import gathering

RICH, POOR = b"esk-rich", b"esk-poor"
PRICE = ModelPrice(prompt=1_000_000, completion=2_000_000)
LIMITS = Limits(connect=1.0, first_byte=0.7, idle=0.5, total=1.5)
NOW = 1_800_000_000.0
TIMED = re.compile(rb"x-escalera-(request|overhead-ms): [^\r]*\r\n|date: [^\r]*\r\n")


class Unused:
    """The provider of a model that is asked in its own words."""

    unit = concurrency = 1

    async def close(self) -> None:
        """Nothing is held."""


class Twin:
    """A gateway before *upstreams*: `a`, which falls back to `b`, and both apart."""

    def __init__(self, upstreams: Mapping[str, Any], *, lane: bool, **table: Any) -> None:
        self.upstreams, self._lane, self._table = upstreams, lane, table
        self.records: list[ServedCall] = []
        self.store = MemoryKeys()
        for name, token, money in (("rich", RICH, 10**9), ("poor", POOR, 1_600)):
            self.store.put(
                Key(
                    id=name,
                    name=name,
                    digest=keys.digest(token.decode()),
                    created=0.0,
                    allowance=Allowance(micro_dollars=money),
                )
            )
        self.taken: Counter[str] = Counter()

    @contextmanager
    def served(self) -> Iterator[Twin]:
        """Serve it; `port` is where."""
        door = Door(self.store, self.store, now=lambda: NOW)
        setup = Setup(
            table=self.table(),
            entrance=ManyKeys(door, now=lambda: NOW, cap=100),
            sink=lambda call: not self.records.append(call),
            lane=self._lane,
            gathering=gathering if self._lane else at_once,
            beside=self._beside,
        )
        self.metrics = setup.metrics
        self.gateway = application(self.desk(), api_key=None, now=lambda: NOW, setup=setup)
        if self.gateway.lane is not None:
            self._count(self.gateway.lane)
        with served(self.gateway, protocol=Quick, told=self._begun) as self.port:
            yield self

    @asynccontextmanager
    async def _beside(self, gateway: Gateway) -> AsyncIterator[None]:
        del gateway
        self._loop = asyncio.get_running_loop()
        yield

    def _begun(self, server: uvicorn.Server) -> None:
        self.server = server

    def table(self) -> GatewayTable:
        fallbacks = {"a": ["b"]} if "b" in self.upstreams else {}
        return GatewayTable(**{"fallbacks": fallbacks, "retries": 0, **self._table})

    def desk(self) -> Desk:
        return Desk(label="x", route=None, infer=None, models=self._models())

    def reload(self) -> None:
        """Take up the same configuration anew."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: done.set() if self._adopt() else None)
        assert done.wait(5)

    def _adopt(self) -> bool:
        desk = self.desk()
        regime = apps.regime_of(desk, self.table(), now=lambda: NOW, file="escalera.toml")
        self.gateway.adopt(desk, regime)
        return True

    def told(self, responses: bytes) -> dict[str, Any]:
        """What it said, kept and counted."""
        left = self.store.standing("rich", NOW) + self.store.standing("poor", NOW)
        counts = self.metrics.snapshot()
        return {
            "responses": TIMED.sub(b"", responses),
            "records": sorted(map(plain, self.records), key=repr),
            "counts": {name: sorted(found) for name, found in counts.counts.items()},
            "observed": {
                name: sorted((labels, sum(found.counts)) for labels, found in histograms)
                for name, histograms in counts.histograms.items()
            },
            "left": left,
            "in flight": self.gateway.regime.requests,
        }

    def _models(self) -> dict[str, Served]:
        found = {}
        for name, upstream in self.upstreams.items():
            target = Target(urlsplit(upstream.url), fields={"Content-Type": "application/json"})
            found[name] = Served(
                revision="r",
                provider=Unused(),
                upstream=HTTPUpstream(target, provider=name, limits=LIMITS),
                called="mock",
                price=PRICE,
                secret="sk-of-the-gateway",
            )
        return found

    def _count(self, lane: Lane) -> None:
        """Count what the lane answers and what it hands over."""
        answer, hand_over = lane.answer, lane.hand_over

        def answered(*given: Any) -> bool:
            whole = answer(*given)
            self.taken["answered"] += whole
            return whole

        def handed(*given: Any) -> None:
            self.taken["handed over"] += 1
            hand_over(*given)

        lane.answer, lane.hand_over = answered, handed


def plain(call: ServedCall) -> ServedCall:
    """A record without what no two runs have alike."""
    attempts = tuple(
        replace(one, started=0.0, seconds=0.0, first_byte=one.first_byte and 1.0)
        for one in call.attempts
    )
    return replace(call, id="", started=0.0, seconds=0.0, overhead=0.0, attempts=attempts)


Story = Callable[[Twin], bytes]


def compare(
    story: Story, upstreams: Callable[[ExitStack], Mapping[str, Any]], **table: Any
) -> tuple[dict[str, Any], Counter[str]]:
    """What both twins tell after *story*, which is the same; and what the lane did."""
    found, taken = [], Counter[str]()
    for lane in (True, False):
        with ExitStack() as stack:
            twin = Twin(upstreams(stack), lane=lane, **table)
            with twin.served():
                said = story(twin)
                settled(twin)
            # The door gives back what is leased when it closes.
            found.append(twin.told(said))
            taken += twin.taken
    assert found[0] == found[1]
    assert found[0]["in flight"] == 0
    return found[0], taken


def settled(twin: Twin) -> None:
    """Wait until nothing is being answered; then nothing is held for what was."""
    end = time.monotonic() + 5
    while twin.gateway.regime.requests and time.monotonic() < end:
        time.sleep(0.01)
    plans = twin.gateway.regime.board.plans.values()
    lines = [line for plan in plans for tier in plan.tiers for line in tier.lines]
    assert {line.load.in_flight for line in lines} == {0}
    assert not any(one.upstream._active for one in twin.gateway.desk.models().values())


def talk(port: int, *requests: bytes | float, wait: float = 5.0) -> bytes:
    """All that is said to requests on one connection, each sent when the one before is answered."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), wait) as caller:
        for request in requests:
            if isinstance(request, float):
                time.sleep(request)
                continue
            caller.sendall(request)
            heard += response(caller)
    return heard


def response(caller: socket.socket) -> bytes:
    """One response with a length, as far as it comes."""
    heard = b""
    while b"\r\n\r\n" not in heard and (more := caller.recv(65536)):
        heard += more
    head, _, body = heard.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    while found and len(body) < int(found[1]) and (more := caller.recv(65536)):
        body += more
        heard += more
    return heard
