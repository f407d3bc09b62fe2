"""What a request costs in the gateway's own code: no sockets, no other process, no kernel.

    python -m bench.gateway.in_process                  # microseconds, the least of several rounds
    python -m bench.gateway.in_process --instructions   # by valgrind, on a busy machine
    python -m bench.gateway.in_process --profile        # where the time goes, by function

All of `escalera serve` runs in one process as a worker sets it up, with a key that has money and
limits, the log, metrics, breakers and prices. Only the two ends are stand-ins: callers that ask
again as soon as they have an answer, and an upstream that answers in the next turn of the loop.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from bench.gateway.load import request
from bench.gateway.systems import GUARDS, Place, project

from escalera.apps.gateway import worker
from escalera.apps.gateway.listening import server
from escalera.apps.gateway.protocol import LeanProtocol
from escalera.apps.gateway.worker import Start, Worker
from escalera.testing.upstream import answers, asked, faults

SIZE = 1140
"""Bytes of a request's body, as in the bench beside nginx."""
TOKENS = 100
"""Words of an answer, each an event where it is streamed."""
EVENTS = TOKENS + 4
UPSTREAM = "http://127.0.0.1:9/v1"
KINDS = ("json", "guards", "stream", "open")
"""JSON, the same with guards, an event of a stream, and JSON where no key is asked for."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Microseconds of processor time for a request: of the loop's thread, and of all threads."""

    loop: float
    all: float


class Loop(uvloop.Loop):
    """A loop whose connections lead to an upstream that is not there."""

    answer: tuple[bytes, ...] = ()

    async def create_connection(self, factory: Callable[[], Any], *_: Any, **__: Any) -> Any:
        """A protocol that is answered at once."""
        protocol = factory()
        transport = Upstream(self, protocol)
        protocol.connection_made(transport)
        return transport, protocol


class End(asyncio.Transport):
    """What both stand-ins have in common."""

    def __init__(self, loop: Loop, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self._call, self._loop, self._protocol = loop.call_soon, loop, protocol

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def pause_reading(self) -> None:
        """Nothing comes that is not asked for."""

    resume_reading = close = abort = pause_reading


class Upstream(End):
    """Answers every request with the same bytes, an event in each turn of the loop."""

    def write(self, data: Any) -> None:
        """A request came."""
        del data
        self._call(self._give, 0)

    def _give(self, number: int) -> None:
        pieces = self._loop.answer
        piece = pieces[number]
        if number + 1 < len(pieces):
            self._call(self._give, number + 1)
        self._protocol.get_buffer(-1)[: len(piece)] = piece
        self._protocol.buffer_updated(len(piece))


class Caller(End):
    """Asks again as soon as an answer is whole; *left* is shared by all callers."""

    def __init__(self, loop: Loop, protocol: Any, crowd: Crowd) -> None:
        super().__init__(loop, protocol)
        self._crowd = crowd

    def ask(self) -> None:
        """Ask, if there is anything left to ask."""
        crowd = self._crowd
        if crowd.left > 0:
            crowd.left -= 1
            self._call(self._protocol.data_received, crowd.sent)

    def write(self, data: Any) -> None:
        """A piece of an answer came."""
        crowd = self._crowd
        if crowd.end is None or data.endswith(crowd.end):
            crowd.answers += 1
            crowd.wrong += crowd.end is None and not data.startswith(b"HTTP/1.1 200 ")
            if crowd.answers == crowd.wanted:
                crowd.done.set_result(None)
            self.ask()


class Crowd:
    """Callers that ask the same; *end* is how the last piece of an answer ends."""

    def __init__(self, sent: bytes, end: bytes | None) -> None:
        self.sent, self.end = sent, end
        self.left = self.answers = self.wrong = self.wanted = 0
        self.callers: list[Caller] = []
        self.done: asyncio.Future[None] = asyncio.Future()

    async def ask(self, requests: int) -> None:
        """Ask so many times, all callers together. Raises `RuntimeError` for a wrong answer."""
        self.answers, self.left, self.wanted = 0, requests, requests
        self.done = asyncio.get_running_loop().create_future()
        for caller in self.callers:
            caller.ask()
        async with asyncio.timeout(600):
            await self.done
        if self.wrong:
            raise RuntimeError(f"{self.wrong} answers are none of status 200")


class Gateway:
    """A worker's gateway between stand-ins; *kind* is one of `KINDS`."""

    def __init__(self, kind: str, folder: Path) -> None:
        keys, guards = kind != "open", GUARDS if kind == "guards" else ""
        place = Place(folder=folder, hasty=False)
        key = project(place, UPSTREAM, UPSTREAM, extra=guards, keys=keys)
        streamed = kind == "stream"
        self._sent = request(urlsplit(UPSTREAM), "a", stream=streamed, size=SIZE, key=key or "k")
        self._start = Start(file=folder / "escalera.toml", models_only=True)
        self._streamed = streamed

    @asynccontextmanager
    async def open(self, connections: int = 32) -> AsyncIterator[Crowd]:
        """Callers that have asked a few times: connections are made, and money is leased."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.answer = _answer(self._sent, streamed=self._streamed)
        gateway = Worker(self._start, pid=os.getpid(), tell=print).gateway()
        served = server(gateway)
        served.config.load()
        lifespan = served.lifespan = served.config.lifespan_class(served.config)
        await lifespan.startup()
        await served.on_tick(0)
        crowd = Crowd(self._sent, faults.LAST if self._streamed else None)
        for _ in range(connections):
            protocol: Any = LeanProtocol(served.config, served.server_state, {}, loop)
            caller = Caller(loop, protocol, crowd)
            protocol.connection_made(caller)
            crowd.callers.append(caller)
        await crowd.ask(10 * connections)
        yield crowd
        await lifespan.shutdown()


async def costs(kind: str, folder: Path, rounds: int, requests: int) -> list[Cost]:
    """What each of some rounds of requests took; of a stream, by the event."""
    found = []
    units = requests * (EVENTS if kind == "stream" else 1)
    async with Gateway(kind, folder).open() as crowd:
        worker.spare_the_loaded()
        for _ in range(rounds):
            own, everyone = time.thread_time(), time.process_time()
            await crowd.ask(requests)
            took = time.thread_time() - own
            await asyncio.sleep(0.4)  # the log's thread comes to its end
            all_took = time.process_time() - everyone
            found.append(Cost(loop=1e6 * took / units, all=1e6 * all_took / units))
    return found


async def profiled(kind: str, folder: Path, requests: int) -> pstats.Stats:
    """Where the time goes, as the profiler sees it, which makes calls dearer than they are."""
    profile = cProfile.Profile()
    async with Gateway(kind, folder).open() as crowd:
        profile.enable()
        await crowd.ask(requests)
        profile.disable()
    return pstats.Stats(profile)


async def watched(kind: str, folder: Path, requests: int) -> None:
    """Have valgrind look at so many requests, and at nothing before or after them."""
    async with Gateway(kind, folder).open() as crowd:
        await crowd.ask(requests // 4)
        _have_watched("on")
        await crowd.ask(requests)
        _have_watched("off")


def instructions(kind: str, requests: int, into: Path | None = None) -> float:
    """Instructions for a request, without the log's thread and without what timers call: those
    go by time, of which valgrind takes much.
    """
    command = [sys.executable, "-m", "bench.gateway.in_process", "--kinds", kind]
    command += ["--requests", str(requests), "--watched"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "callgrind.out" if into is None else into
        options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={file}"]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(
            ["valgrind", *options, *command], env=environment, check=True, capture_output=True
        )
        read = ["callgrind_annotate", "--inclusive=yes", str(file)]
        told = subprocess.run(read, check=True, capture_output=True, text=True).stdout
        found = re.search(r"^ *([\d,]+) .*:uv__run_idle ", told, re.MULTILINE)
    if found is None:
        raise RuntimeError("valgrind counted nothing")
    return int(found[1].replace(",", "")) / (requests * (EVENTS if kind == "stream" else 1))


def main() -> None:
    """Print what was asked for."""
    given = arguments()
    for kind in given.kinds:
        requests = max(40, given.requests // (20 if kind == "stream" else 1))
        if given.instructions:
            print(f"{kind}: {instructions(kind, requests // 10, given.into):,.0f} instructions")
            continue
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=Loop) as runner:
            place = Path(folder)
            if given.watched:
                runner.run(watched(kind, place, given.requests))
            elif given.profile:
                found = runner.run(profiled(kind, place, requests))
                found.sort_stats("tottime").print_stats(40)
            else:
                taken = runner.run(costs(kind, place, given.rounds, requests))
                loop, everyone = min(one.loop for one in taken), min(one.all for one in taken)
                print(f"{kind}: {loop:.2f} us in the loop's thread, {everyone:.2f} in all")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--instructions", action="store_true", help="count them with valgrind")
    parser.add_argument("--into", type=Path, help="the file of valgrind's counts, to look at")
    parser.add_argument("--profile", action="store_true", help="by function")
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# Below: private.


def _answer(sent: bytes, *, streamed: bool) -> tuple[bytes, ...]:
    """What the upstream says, in the pieces in which it comes."""
    head, _, body = sent.partition(b"\r\n\r\n")
    question = asked.read(head, body)
    if not streamed:
        said = answers.whole(question, "A", TOKENS)
        return (faults.head(length=len(said)) + said,)
    events = [faults.framed(event) for event in answers.events(question, "A", TOKENS)]
    return (faults.head(kind=faults.STREAM_TYPE), *events[:-1], events[-1] + faults.LAST)


def _have_watched(what: str) -> None:
    """Tell the valgrind that this process runs under."""
    command = ["callgrind_control", "-i", what, str(os.getpid())]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
