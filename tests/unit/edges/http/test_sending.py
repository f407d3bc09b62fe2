"""Requests that are sent at once: told when there is something, and waited for like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest
from tests.unit.edges.http.raw_server import CHUNKED, OK, Part, arrive, talking, whole

from escalera.edges.http.upstream import HTTPUpstream, Sending
from escalera.errors import UpstreamFault

pytestmark = pytest.mark.network


def begun(client: HTTPUpstream, *, limit: int = 1000) -> tuple[Sending, asyncio.Event]:
    """What is sent, and whether the listener was called."""
    heard = asyncio.Event()
    sending = client.begin("/chat", b"{}", seconds=10.0, limit=limit, listener=heard.set)
    assert sending is not None
    return sending, heard


async def told(heard: asyncio.Event) -> None:
    """Until the listener is called."""
    await asyncio.wait_for(heard.wait(), 5)


def nothing() -> None:
    """A listener that is never called."""


async def end_of(sending: Sending) -> Any:
    """The body of the response, or the fault."""
    try:
        with closing(await sending.opened()) as exchange:
            return await exchange.whole(10)
    except UpstreamFault as error:
        return error.fault


async def after_one(script: Sequence[Sequence[Part]], work: Callable[..., Any]) -> None:
    """*work* with a client that has an idle connection, and its server."""
    async with talking([[OK], *script]) as (client, server):
        await whole(client)
        await work(client, server)


def test_nothing_is_sent_where_no_connection_is_idle() -> None:
    """Nor in another loop than that of the connections."""

    async def work() -> None:
        async with talking([[OK]]) as (client, server):
            assert client.begin("/chat", b"{}", seconds=1.0, limit=10, listener=nothing) is None
            await whole(client)
            used.append(client)
            assert len(server.requests) == 1

    used: list[HTTPUpstream] = []
    asyncio.run(work())
    assert used[0].begin("/chat", b"{}", seconds=1.0, limit=10, listener=nothing) is None


@pytest.mark.parametrize("line", [[OK], [CHUNKED], [OK[:9], 0.01, OK[9:]], [OK[:-1], 0.01, b"i"]])
def test_a_whole_answer_is_told(line: Sequence[Part]) -> None:
    """Once it is there, in whatever pieces; its connection is used again."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        sending, heard = begun(client)
        with closing(sending):
            assert sending.answer() is None
            await told(heard)
            assert (sending.answer(), sending.status) == (b"hi", 200)
            assert sending.headers
        assert await whole(client) == (200, b"hi")
        assert server.connections == 1

    asyncio.run(after_one([line, [OK]], work))


def test_an_answer_that_was_looked_at_can_be_read_as_any_other() -> None:
    """Nothing is taken away."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        sending, heard = begun(client)
        await told(heard)
        assert sending.answer() == b"hi"
        with closing(await sending.opened()) as exchange:
            assert (exchange.status, await exchange.whole(10)) == (200, b"hi")

    asyncio.run(after_one([[OK]], work))


@pytest.mark.parametrize(
    ("line", "wait", "fault"),
    [
        ([OK.replace(b"200 OK", b"500 No")], True, ""),
        ([0.05, OK], False, ""),
        ([OK[:9], 0.05, OK[9:]], False, ""),
        ([OK[:-1], 0.05, OK[-1:]], False, ""),
        ([None], True, ""),
        ([OK[:-1], None], True, "cut"),
        ([b"HTTP/1.1 2", None], True, "reset"),
        ([b"garbage"], True, "malformed"),
        ([OK[:9], 5.0], True, "first-byte-timeout"),
        ([OK[:-1], 5.0], True, "idle-timeout"),
    ],
)
def test_what_is_no_whole_answer_is_waited_for(
    line: Sequence[Part], *, wait: bool, fault: str
) -> None:
    """From wherever it is: the same response, or the same fault, as if it had been sent so."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        sending, heard = begun(client)
        if wait:
            await told(heard)
            assert sending.answer() is None
        assert await end_of(sending) == (fault or b"hi")
        assert len(server.requests) == (3 if line == [None] else 2)
        assert not client._active

    asyncio.run(after_one([line, [OK]], work))


def test_an_answer_that_is_too_long() -> None:
    """It is told as soon as that is known."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        sending, heard = begun(client, limit=1)
        await told(heard)
        assert sending.answer() is None
        with closing(await sending.opened()) as exchange, pytest.raises(UpstreamFault) as caught:
            await exchange.whole(1)
        assert caught.value.fault == "too-large"

    asyncio.run(after_one([[OK]], work))


def test_closing_takes_the_connection_along() -> None:
    """What nobody waits for must not reach the next call."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        begun(client)[0].close()
        assert not client._active
        assert await whole(client) == (200, b"hi")
        assert server.connections == 2

    asyncio.run(after_one([[0.02, OK], [OK]], work))


EVENTS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    *(part for n in range(5) for part in (b"2\r\n%d;\r\n" % n, 0.02)),
    b"0\r\n\r\n",
)


@pytest.mark.parametrize("least", [1, 2, 3, 9])
def test_a_body_pours_until_its_taker_says_no(least: int) -> None:
    """Every piece comes once and in order, poured or read."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        taken: list[bytes] = []

        def take(piece: bytes) -> bool:
            taken.append(piece)
            return len(taken) % least != 0

        with closing(await client.send("/chat", b"{}")) as exchange:
            while True:
                await exchange.pour(take)
                piece = await exchange.read()
                taken.append(piece)
                if not piece:
                    break
        assert b"".join(taken) == b"0;1;2;3;4;"
        assert await whole(client) == (200, b"hi")

    asyncio.run(after_one([EVENTS, [OK]], work))


def test_a_body_that_breaks_off_ends_its_pouring() -> None:
    """What came is taken; reading on tells what went wrong."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        taken: list[bytes] = []
        exchange = await client.send("/chat", b"{}")
        await exchange.pour(lambda piece: not taken.append(piece))
        assert taken == [b"0;", b"1;"]
        with pytest.raises(UpstreamFault) as caught:
            await exchange.read()
        assert caught.value.fault == "cut"
        exchange.close()

    asyncio.run(after_one([[*EVENTS[:5], None]], work))


def test_nothing_is_taken_for_whoever_has_left() -> None:
    """A pouring that is cancelled takes no further piece."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        taken: list[bytes] = []
        first = asyncio.Event()

        def take(piece: bytes) -> bool:
            taken.append(piece)
            first.set()
            return True

        exchange = await client.send("/chat", b"{}")
        pouring = asyncio.create_task(exchange.pour(take))
        await first.wait()
        pouring.cancel()
        await asyncio.wait([pouring])
        before = len(taken)
        await asyncio.sleep(0.05)
        assert len(taken) == before
        exchange.close()

    asyncio.run(after_one([EVENTS], work))


def test_what_comes_before_whoever_waits_goes_on_is_kept() -> None:
    """A transport may bring more than one piece at a time: a taker that said no gets no other."""

    async def work(client: HTTPUpstream, server: Any) -> None:
        del server
        taken: list[bytes] = []

        def take(piece: bytes) -> bool:
            taken.append(piece)
            return False

        with closing(await client.send("/chat", b"{}")) as exchange:
            pouring = asyncio.create_task(exchange.pour(take))
            await asyncio.sleep(0)
            for piece in (b"2\r\n0;\r\n", b"2\r\n1;\r\n", b"2\r\n2;\r\n"):
                arrive(exchange._connection, piece)
            await pouring
            assert taken == [b"0;"]
            assert await exchange.read() == b"1;2;"

    asyncio.run(after_one([[EVENTS[0], 5.0]], work))
