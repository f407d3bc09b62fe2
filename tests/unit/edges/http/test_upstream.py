"""The keep-alive client against sockets that send exactly what a test says."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edges.http.crowded import crowded
from tests.unit.edges.http.raw_server import CHUNKED, LIMITS, OK, Part, at_once, talking, whole

from escalera.edges.http.connection import HIGH_WATER
from escalera.edges.http.target import Limits, Target, trusting
from escalera.edges.http.upstream import RECEIVED, HTTPUpstream
from escalera.errors import InputError, UpstreamFault

pytestmark = pytest.mark.network

RUNNERS: list[asyncio.Runner] = []


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def _loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """A climb runs on asyncio's own loop, `serve` on uvloop where there is one."""
    with asyncio.Runner(loop_factory=pytest.importorskip(request.param).new_event_loop) as runner:
        RUNNERS.append(runner)
        yield
        RUNNERS.pop()


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return RUNNERS[-1].run(work())


async def fault_of(client: HTTPUpstream, reader=whole) -> str:
    with pytest.raises(UpstreamFault) as caught:
        await reader(client)
    assert not client._active
    assert str(caught.value).startswith("tiny: ")
    return caught.value.fault


def test_a_request_as_it_travels() -> None:
    """Path, host, the given headers, the length, the body, and nothing else."""

    async def work() -> None:
        async with talking([[OK]]) as (client, server):
            assert await whole(client, b'{"a":1}') == (200, b"hi")
        (request,) = server.requests
        head, body = request.split(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        assert first == b"POST /v1/chat HTTP/1.1"
        assert {field.split(b":")[0] for field in fields} == {
            b"Host", b"X-Key", b"Accept-Encoding", b"Content-Length",
        }  # fmt: skip
        assert body == b'{"a":1}'

    run(work)


@pytest.mark.parametrize("reader", [whole, at_once])
@pytest.mark.parametrize(
    "line",
    [
        [OK],
        [OK[n : n + 1] for n in range(len(OK))],
        [OK[:-1], 0.02, OK[-1:]],
        [CHUNKED],
        [CHUNKED[:90], CHUNKED[90:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK],
        [b"HTTP/1.1 200 OK\r\n\r\nhi", None],
        [b"HTTP/1.0 200 OK\r\n\r\nh", 0.05, b"i", None],
    ],
)
def test_every_framing_gives_the_same_body(line: Sequence[Part], reader: Any) -> None:
    """By length, in chunks, until the connection ends, after an interim response."""

    async def work() -> None:
        async with talking([line]) as (client, _):
            assert await reader(client) == (200, b"hi")

    run(work)


def test_a_body_is_passed_on_as_it_came() -> None:
    """An encoding that was not asked for is neither undone nor hidden."""
    zipped = b"\x1f\x8b\x08\x00\x00"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"

    async def work() -> None:
        async with talking([[head + zipped]]) as (client, _):
            with closing(await client.send("/chat", b"{}")) as exchange:
                assert (b"content-encoding", b"gzip") in exchange.headers
                assert await exchange.whole(100) == zipped

    run(work)


def test_connections_are_used_again() -> None:
    """Calls one after the other need one connection; calls at a time need as many."""

    async def work() -> None:
        async with talking([[OK]] * 3 + [[0.02, OK]] * 3) as (client, server):
            for _ in range(3):
                await whole(client)
            assert server.connections == 1
            await asyncio.gather(whole(client), whole(client), whole(client))
            assert server.connections == 3
            assert len(client._idle) == LIMITS.kept

    run(work)


def test_idle_connections_are_dropped_after_a_while() -> None:
    """Then the next call opens one of its own, and no timer is left behind."""

    async def work() -> None:
        limits = replace(LIMITS, kept_seconds=0.05)
        async with talking([[OK]] * 2, limits=limits) as (client, server):
            await whole(client)
            await asyncio.sleep(0.2)
            assert (len(client._idle), client._timer) == (0, None)
            await whole(client)
            assert server.connections == 2

    run(work)


@pytest.mark.parametrize(
    "first",
    [
        [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [OK, None],
        [OK + OK],
        [OK + b"garbage"],
    ],
)
def test_a_connection_that_cannot_be_trusted_is_not_used_again(first: Sequence[Part]) -> None:
    """Closed by either side, or with bytes that nobody asked for."""

    async def work() -> None:
        async with talking([first, [OK]]) as (client, server):
            assert await whole(client) == (200, b"hi")
            await asyncio.sleep(0.05)
            assert await whole(client) == (200, b"hi")
            assert server.connections == 2

    run(work)


def test_a_stale_connection_is_replaced_once() -> None:
    """Closed or reset upon the second request, before a byte: asked once more on a new one."""

    async def work() -> None:
        for ending in (None, "reset"):
            async with talking([[OK], [ending], [OK]]) as (client, server):
                await whole(client)
                assert await whole(client, b"again") == (200, b"hi")
                assert server.connections == 2
                assert [request[-5:] == b"again" for request in server.requests[1:]] == [True] * 2
            async with talking([[OK], [ending], [ending], [OK]]) as (client, server):
                await whole(client)
                assert await fault_of(client) == "reset"
                assert server.connections == 2

    run(work)


@pytest.mark.parametrize(
    "script",
    [[[None], [OK]], [[OK], [b"H", None], [OK]], [[OK], [OK[:-1], None], [OK]]],
)
def test_a_request_that_may_have_been_answered_is_not_sent_twice(
    script: Sequence[Sequence[Part]],
) -> None:
    """Neither on a new connection, nor after a single byte of a response."""

    async def work() -> None:
        async with talking(script) as (client, server):
            for _ in script[:-2]:
                await whole(client)
            assert await fault_of(client) in {"reset", "cut"}
            assert len(server.script) == 1

    run(work)


def test_a_response_that_was_not_read_to_its_end_closes_its_connection() -> None:
    """What is left of it must not reach the next call; nor can it be read any more."""

    async def work() -> None:
        script = [[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nh"], [OK]]
        async with talking(script) as (client, server):
            with closing(await client.send("/", b"")) as response:
                assert response.status == 200
            with pytest.raises(ValueError, match="closed"):
                await response.read()
            assert await whole(client) == (200, b"hi")
            assert server.connections == 2

    run(work)


def test_a_whole_response_that_nobody_read_leaves_a_good_connection() -> None:
    """Even one so long that reading was paused."""
    long = b"HTTP/1.1 500 No\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000

    async def work() -> None:
        async with talking([[long], [OK]]) as (client, server):
            response = await client.send("/", b"")
            connection = response._connection
            while not connection.whole:
                await asyncio.sleep(0.01)
                if connection._paused:
                    connection._resume()
            response.close()
            assert await whole(client) == (200, b"hi")
            assert server.connections == 1

    run(work)


@pytest.mark.parametrize("reader", [whole, at_once])
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ([None], "reset"),
        (["reset"], "reset"),
        ([OK[:20], None], "reset"),
        ([OK[:-1], None], "cut"),
        ([OK[:-1], "reset"], "cut"),
        ([CHUNKED[:-8], None], "cut"),
        ([b"HTTP/1.1 200 OK\r\n\r\nh", 0.05, "reset"], "cut"),
        ([2.0], "first-byte-timeout"),
        ([OK[:20], 2.0], "first-byte-timeout"),
        ([OK[:-2], 2.0], "first-byte-timeout"),
        ([OK[:-1], 2.0], "idle-timeout"),
        ([b"SSH-2.0-x\r\n"], "malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"], "malformed"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"], "malformed"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
         "malformed"),
    ],
)  # fmt: skip
def test_a_response_that_breaks_off_or_is_none(
    line: Sequence[Part], fault: str, reader: Any
) -> None:
    """Never a shorter body, never a hang; the connection is gone."""

    async def work() -> None:
        async with talking([line]) as (client, _):
            assert await fault_of(client, reader) == fault
            assert not client._idle

    run(work)


def test_a_slow_drip_ends_with_the_total() -> None:
    """Pieces that never pause long enough for the other limits are bounded all the same."""
    limits = Limits(connect=2.0, first_byte=5.0, idle=5.0, total=0.2)
    drip = [b"HTTP/1.1 200 OK\r\n\r\n", *([b"x", 0.02] * 100)]

    async def work() -> None:
        async with talking([drip, drip], limits=limits) as (client, _):
            assert await fault_of(client) == "total-timeout"
            assert await fault_of(client, at_once) == "total-timeout"

    run(work)


def test_what_is_left_of_the_callers_time() -> None:
    """Less than the limit bounds the exchange; more does not lengthen it."""
    limits = Limits(connect=2.0, first_byte=0.5, idle=0.5, total=0.1)
    drip = [b"HTTP/1.1 200 OK\r\n\r\n", *([b"x", 0.02] * 100)]

    async def work() -> None:
        for seconds in (0.05, 9.0):
            async with talking([drip], limits=limits) as (client, _):
                exchange = await client.send("/", b"", seconds=seconds)
                with pytest.raises(UpstreamFault, match="in the time that it had"):
                    await exchange.whole(1 << 20)
                exchange.close()

    run(work)


def test_what_came_before_a_fault_is_read_first() -> None:
    """The pieces, then the fault, as often as it is asked for."""

    async def work() -> None:
        async with talking([[OK[:-1], None]]) as (client, _):
            exchange = await client.send("/", b"")
            assert await exchange.read() == b"h"
            for _ in range(2):
                with pytest.raises(UpstreamFault, match="within the answer"):
                    await exchange.read()
            exchange.close()

    run(work)


def test_a_body_that_is_too_long() -> None:
    """Given up at the limit, whatever its length says; one that just fits is whole."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000

    async def work() -> None:
        async with talking([[long], [OK]]) as (client, _):
            with pytest.raises(UpstreamFault, match="longer than 1000 bytes") as caught:
                await at_once(client, limit=1000)
            assert caught.value.fault == "too-large"
            assert await at_once(client, limit=2) == (200, b"hi")

    run(work)


def test_a_caller_that_goes_away_takes_its_connection_along() -> None:
    """Cancelled while it waits for the head or for the body: nothing is left open."""

    async def work() -> None:
        async with talking([[5.0], [OK[:-1], 5.0]]) as (client, server):
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(whole(client), 0.05)
                assert (len(client._active), len(client._idle)) == (0, 0)
            assert server.connections == 2

    run(work)


def test_closing_ends_what_is_in_flight() -> None:
    """Whoever waits is told."""

    async def work() -> None:
        async with talking([[5.0]]) as (client, _):
            waiting = asyncio.ensure_future(whole(client))
            await asyncio.sleep(0.05)
            await client.close()
            with pytest.raises(UpstreamFault, match="client was closed"):
                await waiting
            await client.close()

    run(work)


def test_headers_of_a_request() -> None:
    """They travel beside the prebuilt ones; one that could be two is refused before anything."""

    async def work() -> None:
        async with talking([[OK]]) as (client, server):
            with pytest.raises(InputError, match="cannot be sent"):
                await client.send("/", b"", headers=[(b"x", b"1\r\nhost: evil")])
            with closing(await client.send("/", b"", headers=[(b"x-request-id", b"7")])):
                pass
            assert b"\r\nx-request-id: 7\r\n" in server.requests[0]
            assert len(server.requests) == 1

    run(work)


def test_twenty_stalled_readers_cost_no_memory() -> None:
    """64 MB for each do not pile up while nobody reads; later it is all there."""
    size, block = 64 * 1024 * 1024, b"x" * (1024 * 1024)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

    async def work() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        limits = replace(LIMITS, first_byte=30.0, idle=30.0)
        async with talking([[head, *[block] * 64]] * 20, limits=limits) as (client, server):
            stalled = [await client.send("/", b"") for _ in range(20)]
            await asyncio.sleep(0.3)
            unread = [exchange._connection._unread for exchange in stalled]
            assert max(unread) <= HIGH_WATER + RECEIVED
            assert server.sent < 20 * size // 4
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 64 * 1024
            read = 0
            while piece := await stalled[0].read():
                read += len(piece)
            assert read == size
            for exchange in stalled:
                exchange.close()

    run(work)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cut_at_any_byte_over_a_socket(data: st.DataObject) -> None:
    """The whole body or a fault; where only the end of the connection ends it, what was sent."""
    text, body = data.draw(
        st.sampled_from(
            [
                (OK, b"hi"),
                (CHUNKED, b"hi"),
                (b"HTTP/1.1 200 OK\r\n\r\nhi", b"hi"),
                (b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED, b"hi"),
            ]
        )
    )
    end = data.draw(st.integers(0, len(text)))
    ending = data.draw(st.sampled_from([None, "reset"]))
    reader = data.draw(st.sampled_from([whole, at_once]))
    lengthless = text[15:19] == b"\r\n\r\n"

    async def work() -> None:
        async with talking([[text[:end], ending]]) as (client, _):
            (found,) = await asyncio.gather(reader(client), return_exceptions=True)
        if isinstance(found, UpstreamFault):
            assert found.fault in {"reset", "cut"}
            assert end < len(text) or ending == "reset"
        else:
            assert found == (200, text[19:end] if lengthless else body)

    run(work)


def test_nobody_there() -> None:
    """A refused connection, an unknown host and a host that is silent are told apart."""

    async def work() -> None:
        for address in ("http://127.0.0.1:9", "http://no-such-host.invalid"):
            client = HTTPUpstream(Target(urlsplit(address), fields={}), provider="tiny")
            assert await fault_of(client) == "connect"
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
            for _ in range(3):  # nobody accepts them, and no more are let in
                one = waiting.enter_context(socket.socket())
                one.settimeout(0)
                one.connect_ex(full.getsockname())
            address = urlsplit(f"http://127.0.0.1:{full.getsockname()[1]}")
            client = HTTPUpstream(
                Target(address, fields={}), provider="tiny", limits=replace(LIMITS, connect=0.1)
            )
            assert await fault_of(client) == "connect-timeout"

    run(work)


def test_a_machine_without_descriptors_is_no_host_that_is_away() -> None:
    """Neither where the last are spent, nor where hardly any are left; then it is there again."""

    async def work() -> None:
        async with talking([[OK]]) as (client, server):
            for left in (0, 10):
                with crowded(left):
                    assert await fault_of(client) == "descriptors"
            assert server.connections == 0
            assert (await whole(client))[0] == 200

    run(work)


def test_one_client_in_two_loops() -> None:
    """What belonged to the first is forgotten; limits of time hold in the second."""

    async def first(client: HTTPUpstream) -> None:
        assert await fault_of(client) == "first-byte-timeout"

    async def work() -> None:
        async with talking([[2.0], [2.0]]) as (client, _):
            await first(client)
            await asyncio.to_thread(asyncio.run, first(client))

    run(work)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("by", ["environment", "file", "nothing"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls(certificate: Path, by: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate must be known and name the host; otherwise nothing is sent."""
    if by == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    tls = trusting(certificate / "cert.pem" if by == "file" else None)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def work() -> None:
        async with talking([[OK], [CHUNKED]], tls=served) as (plain, server):
            address = urlsplit(f"https://{host}:{plain._target.port}")
            target = Target(address, fields={}, tls=tls)
            client = HTTPUpstream(target, provider="tiny", limits=LIMITS)
            if by != "nothing" and host == "localhost":
                assert await whole(client) == (200, b"hi")
                assert await at_once(client) == (200, b"hi")
                assert server.connections == 1
            else:
                assert await fault_of(client) == "connect"
                assert server.requests == []
            await client.close()

    run(work)
