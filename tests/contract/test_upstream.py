"""What every `Upstream` keeps to, before a server that answers and fails as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.errors import UpstreamFault
from escalera.ports.serving import Exchange, Upstream
from escalera.testing.upstream import Mock, Pace, serving

pytestmark = pytest.mark.network

Made = Callable[[str], Upstream]


def http(base_url: str) -> Upstream:
    limits = Limits(connect=1.0, first_byte=0.3, idle=0.3, total=5.0)
    return HTTPUpstream(Target(urlsplit(base_url), fields={}), provider="p", limits=limits)


IMPLEMENTATIONS = [http]


@pytest.fixture(params=IMPLEMENTATIONS)
def made(request: pytest.FixtureRequest) -> Made:
    return request.param


def run(made: Made, work: Callable[[Upstream], Awaitable[None]], fault: str = "") -> Mock:
    async def running(url: str) -> None:
        upstream = made(url)
        try:
            await work(upstream)
        finally:
            await upstream.close()

    with serving(Mock(name="a", fault=fault, pace=Pace(tokens=50))) as mock:
        asyncio.run(running(mock.url))
    return mock


async def asked(
    upstream: Upstream, body: bytes, *, limit: int = 1 << 20, seconds: float | None = None
) -> bytes:
    with closing(await upstream.send("/chat/completions", body, seconds=seconds)) as exchange:
        return await exchange.whole(limit)


async def pieces(exchange: Exchange) -> bytes:
    found = b""
    while piece := await exchange.read():
        found += piece
    return found


def test_pieces_and_the_whole_are_the_same_bytes(made: Made) -> None:
    """For a body with a length and for a stream; names of headers are in lower case."""

    async def work(upstream: Upstream) -> None:
        for stream in (b"false", b"true"):
            body = b'{"model":"m","stream":%b}' % stream
            with closing(await upstream.send("/chat/completions", body)) as one:
                read = await pieces(one)
            with closing(await upstream.send("/chat/completions", body)) as other:
                assert await other.whole(1 << 20) == read
            assert one.status == 200
            kinds = dict(one.headers)
            expected = b"text/event-stream" if stream == b"true" else b"application/json"
            assert kinds[b"content-type"] == expected

    run(made, work)


def test_what_is_sent_arrives(made: Made) -> None:
    """The body byte for byte, the path below the base URL, headers of the request."""

    async def work(upstream: Upstream) -> None:
        sent = b'{ "model" : "m" }'
        for headers in ([], [(b"x-request-id", b"7")]):
            with closing(await upstream.send("/responses", sent, headers=headers)) as exchange:
                await exchange.whole(1 << 20)

    asked = run(made, work).requests
    assert [body for _, body in asked] == [b'{ "model" : "m" }'] * 2
    assert asked[0][0].startswith(b"POST /v1/responses HTTP/1.1\r\n")
    assert [b"\r\nx-request-id: 7" in head for head, _ in asked] == [False, True]


def test_a_status_is_no_fault(made: Made) -> None:
    """Whatever the server says is an answer."""

    async def work(upstream: Upstream) -> None:
        with closing(await upstream.send("/chat/completions", b"{}")) as exchange:
            assert exchange.status == 503
            assert b"overloaded" in await exchange.whole(1 << 20)

    run(made, work, "status-503")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("reset-before-head", "reset"),
        ("hang-before-head", "first-byte-timeout"),
        ("body-cut", "cut"),
        ("body-stalls", "idle-timeout"),
        ("both-framings", "malformed"),
    ],
)
def test_faults_have_names(made: Made, fault: str, named: str) -> None:
    """Those of `domain.traffic`, raised where the head or the body is waited for."""

    async def work(upstream: Upstream) -> None:
        with pytest.raises(UpstreamFault) as caught:
            await asked(upstream, b"{}")
        assert caught.value.fault == named

    run(made, work, fault)


def test_bounds(made: Made) -> None:
    """Of bytes, and of the time that a caller has left."""

    async def work(upstream: Upstream) -> None:
        with pytest.raises(UpstreamFault) as caught:
            await asked(upstream, b"{}", limit=10)
        assert caught.value.fault == "too-large"
        with pytest.raises(UpstreamFault) as caught:
            await asked(upstream, b'{"model":"fault:slow-drip"}', seconds=0.3)
        assert caught.value.fault == "total-timeout"

    run(made, work)
