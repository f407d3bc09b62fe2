"""One connection fed with bytes: every framing, cut and split anywhere, and what is none."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edges.http.raw_server import arrive

from escalera.edges.http.connection import HIGH_WATER, MAX_HEAD, Connection
from escalera.edges.http.target import Limits
from escalera.edges.http.upstream import RECEIVED
from escalera.errors import UpstreamFault


class Wire:
    """A transport that writes what happens to it down."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reading = True
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


LOOP: list[asyncio.AbstractEventLoop] = []


@pytest.fixture(autouse=True, scope="module")
def _loop() -> Iterator[None]:
    LOOP.append(asyncio.new_event_loop())
    yield
    LOOP.pop().close()


def asked(body: bytes = b"{}", *, total_at: float = 1e9) -> tuple[Connection, Wire]:
    buffer, wire = memoryview(bytearray(4 * HIGH_WATER)), Wire()
    connection = Connection(LOOP[-1], "tiny", buffer, lambda transport: transport)
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.ask(b"POST / HTTP/1.1\r\n\r\n", body, LOOP[-1].time(), total_at)
    return connection, wire


def body_of(connection: Connection) -> bytes:
    return LOOP[-1].run_until_complete(connection.rest(1 << 30))


@dataclass(frozen=True)
class Said:
    """A response as it travels, the body it stands for, and where its head ends."""

    text: bytes
    body: bytes
    head: int
    until_closed: bool


@st.composite
def responses(draw: st.DrawFn) -> Said:
    """Of every framing, with interim responses, chunk extensions and trailers."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    framing = draw(st.sampled_from(["length", "chunked", "closed"]))
    body = b"".join(pieces)
    lines = [b"HTTP/1.1 200 OK", *draw(st.lists(st.just(b"X-A: b"), max_size=2))]
    sent = body
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    if framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        extension = draw(st.sampled_from([b"", b";a=b"]))
        trailer = draw(st.sampled_from([b"", b"X-T: 1\r\n"]))
        chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
        sent = b"".join([*chunks, b"0\r\n", trailer, b"\r\n"])
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    head = interim + b"\r\n".join(lines) + b"\r\n\r\n"
    return Said(text=head + sent, body=body, head=len(head), until_closed=framing == "closed")


@given(responses(), st.lists(st.integers(1, 30), max_size=40))
def test_split_anywhere_it_is_the_same_body(said: Said, sizes: list[int]) -> None:
    """However the bytes arrive, one by one too, the body is what was sent."""
    connection, _ = asked()
    rest = said.text
    for size in [*sizes, len(rest) or 1]:
        if rest:
            arrive(connection, rest[:size])
        rest = rest[size:]
    if said.until_closed:
        connection.connection_lost(None)
    assert (connection.status, body_of(connection)) == (200, said.body)
    assert connection.reusable is not said.until_closed


@settings(max_examples=400)
@given(responses(), st.data(), st.booleans())
def test_cut_anywhere_it_is_whole_or_a_fault(
    said: Said,
    data: st.DataObject,
    broken: bool,  # noqa: FBT001
) -> None:
    """Never silently short. A body without a length that ends cleanly may be cut unseen: HTTP/1.1
    cannot tell (RFC 9112, section 8); where the connection breaks it is a fault also there.
    """
    end = data.draw(st.integers(0, len(said.text)))
    connection, _ = asked()
    if end:
        arrive(connection, said.text[:end])
    connection.connection_lost(ConnectionResetError("reset by peer") if broken else None)
    if end < said.head:
        expected = "reset"
    elif said.until_closed:
        expected = "cut" if broken else ""
    else:
        expected = "" if end == len(said.text) else "cut"
    assert connection.fault == expected
    if expected:
        with pytest.raises(UpstreamFault):
            connection.check()
    else:
        sent = said.text[said.head : end] if said.until_closed else said.body
        assert body_of(connection) == sent


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x02\x00",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        HEAD + b"Content-Length: 2, 2\r\n\r\nhi",
        HEAD + b"Content-Length: -2\r\n\r\nhi",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\nhi",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\nhi",
        HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\nhi",
        HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 20_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 40_000,
        b"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 700 High\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nxx",
    ],
)
@pytest.mark.parametrize("size", [65_536, 1000, 1])
def test_what_is_not_one_response(text: bytes, size: int) -> None:
    """Not HTTP, two ways to read where the body ends, endless heads: malformed, and closed."""
    connection, wire = asked()
    for start in range(0, len(text), size):
        if not wire.aborted:
            arrive(connection, text[start : start + size])
    assert (connection.fault, wire.aborted, connection.reusable) == ("malformed", True, False)


def test_headers_are_raw_pairs_in_order() -> None:
    """Names in lower case, repeated ones all there; trailers and interim heads are none of them."""
    connection, _ = asked()
    arrive(
        connection,
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: A\r\n"
        b"SET-cookie: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n",
    )
    assert connection.headers == [
        (b"set-cookie", b"A"), (b"set-cookie", b"\xe9"), (b"transfer-encoding", b"chunked"),
    ]  # fmt: skip
    assert connection.whole


@pytest.mark.parametrize("more", [HEAD + b"Content-Length: 0\r\n\r\n", b"garbage", b"\r\nX"])
def test_bytes_that_nobody_asked_for_do_not_touch_the_response(more: bytes) -> None:
    """What was whole stays so; the connection is not trusted again, now or later."""
    response = HEAD + b"Content-Length: 2\r\n\r\nhi"
    together, _ = asked()
    arrive(together, response + more)
    later, wire = asked()
    arrive(later, response)
    assert later.reusable
    arrive(later, more)
    for connection in (together, later):
        assert body_of(connection) == b"hi"
        assert not connection.reusable
    assert wire.aborted


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOOKS_LIKE_CHUNKS = st.lists(
    st.sampled_from([b"4\r\n", b"4", b"\r\n", b"1\r\n1\r\n", b"x", b"0\r\n\r\n", b"abcd"]),
    min_size=1,
    max_size=4,
).map(b"".join)


@settings(max_examples=300)
@given(st.lists(LOOKS_LIKE_CHUNKS, min_size=1, max_size=9), st.lists(st.integers(1, 9)), st.data())
def test_a_chunk_that_is_glanced_at_is_one(
    pieces: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    """However chunks are split, and whatever their data look like: what a glance lets pass and what
    is read beside it are the body, in order, and the end is seen.
    """
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    connection, _ = asked()
    arrive(connection, CHUNKED)
    passed: list[bytes] = []

    def glance(chunk: bytes, begins: int) -> bool:
        assert chunk[:begins] == b"%x\r\n" % (len(chunk) - begins - 2)
        passes = data.draw(st.booleans())
        if passes:
            passed.append(chunk[begins:-2])
        return passes

    def take(piece: bytes) -> bool:
        passed.append(piece)
        return True

    pouring = LOOP[-1].create_task(connection.pour(take, glance))
    LOOP[-1].run_until_complete(asyncio.sleep(0))
    feeds = list(chunks)
    if sizes:
        text, feeds, at = b"".join(chunks), [], 0
        for size in sizes:
            feeds.append(text[at : at + size])
            at += size
        feeds.append(text[at:])
    for feed in [*filter(None, feeds), b"0\r\n\r\n"]:
        arrive(connection, feed)
    LOOP[-1].run_until_complete(pouring)
    assert b"".join(passed) == b"".join(pieces)
    assert connection.whole
    assert not connection.fault


def test_nothing_is_glanced_at_within_a_chunk() -> None:
    """Half of a size came: what looks like a chunk behind it is none."""
    connection, _ = asked()
    arrive(connection, CHUNKED)
    taken: list[bytes] = []
    seen: list[bytes] = []

    def glance(chunk: bytes, begins: int) -> bool:
        seen.append(chunk[begins:])
        return True

    pouring = LOOP[-1].create_task(connection.pour(lambda piece: not taken.append(piece), glance))
    LOOP[-1].run_until_complete(asyncio.sleep(0))
    data = b"x" * 0x13
    for feed in (b"2\r\nhi\r\n", b"1", b"3\r\nabc\r\n", data[8:] + b"yyy\r\n", b"0\r\n\r\n"):
        arrive(connection, feed)
    LOOP[-1].run_until_complete(pouring)
    assert seen == []
    assert b"".join(taken).startswith(b"hiabc")


def test_a_chunk_that_was_passed_on_is_a_sign_of_life() -> None:
    """The limit for silence begins anew with it, to the next look at the clock."""
    connection, _ = asked()
    arrive(connection, CHUNKED)
    seen: list[bytes] = []

    def glance(chunk: bytes, begins: int) -> bool:
        seen.append(chunk[begins:])
        return True

    pouring = LOOP[-1].create_task(connection.pour(lambda _: True, glance))
    LOOP[-1].run_until_complete(asyncio.sleep(0))
    arrive(connection, b"2\r\nhi\r\n")
    now, limits = LOOP[-1].time(), Limits(first_byte=1, idle=1, total=1e9)
    arrive(connection, b"2\r\nho\r\n")
    assert seen == [b"ho\r\n"]
    assert not connection.overdue(now + 5, limits)
    assert not connection.overdue(now + 5.9, limits)
    assert connection.overdue(now + 6.1, limits)
    LOOP[-1].run_until_complete(pouring)
    assert connection.fault == "idle-timeout"


def test_what_arrives_lies_in_a_buffer_that_is_shared() -> None:
    """It is read at once, so the next bytes may overwrite it."""
    connection, _ = asked()
    response = HEAD + b"Content-Length: 40\r\n\r\n" + bytes(range(40))
    for start in range(0, len(response), 16):
        part = response[start : start + 16]
        connection.get_buffer(-1)[: len(part)] = part
        connection.buffer_updated(len(part))
    assert body_of(connection) == bytes(range(40))


def test_unread_bytes_make_the_server_wait() -> None:
    """Reading pauses above the mark, and goes on when pieces are taken or all is asked for."""
    connection, wire = asked()
    arrive(connection, HEAD + b"Content-Length: 10000000\r\n\r\n")
    arrive(connection, b"x" * HIGH_WATER)
    assert wire.reading
    arrive(connection, b"x")
    assert not wire.reading
    assert len(LOOP[-1].run_until_complete(connection.piece())) == HIGH_WATER + 1
    assert wire.reading
    arrive(connection, b"x" * (HIGH_WATER + 1))
    waiting = LOOP[-1].create_task(connection.rest(1 << 30))
    LOOP[-1].run_until_complete(asyncio.sleep(0))
    assert wire.reading
    waiting.cancel()


def test_a_body_beyond_the_limit_is_not_gathered() -> None:
    """Known from what came before, or as it comes."""
    for early in (b"x" * 11, b"x"):
        connection, wire = asked()
        arrive(connection, HEAD + b"Content-Length: 1000\r\n\r\n" + early)
        waiting = LOOP[-1].create_task(connection.rest(10))
        LOOP[-1].run_until_complete(asyncio.sleep(0))
        if not waiting.done():
            arrive(connection, b"x" * 10)
        with pytest.raises(UpstreamFault, match="longer than 10 bytes"):
            LOOP[-1].run_until_complete(waiting)
        assert wire.aborted


def test_a_silence_is_laid_to_whom_it_belongs() -> None:
    """First byte until a byte of the body came, then idle; not while the server is made to wait."""
    limits = Limits(first_byte=5.0, idle=2.0, total=100.0)
    now = LOOP[-1].time()
    silent, _ = asked()
    headed, _ = asked()
    arrive(headed, HEAD + b"Content-Length: 9000000\r\n\r\n")
    begun, _ = asked()
    arrive(begun, HEAD + b"Content-Length: 9000000\r\n\r\nx")
    held, _ = asked(total_at=now + 100.0)
    arrive(held, HEAD + b"Content-Length: 9000000\r\n\r\n" + b"x" * (HIGH_WATER + 1))
    ended, _ = asked()
    arrive(ended, HEAD + b"Content-Length: 1\r\n\r\nx")
    every = [silent, headed, begun, held, ended]
    assert [found.overdue(now + 1.9, limits) for found in every] == [False] * 5
    assert [found.overdue(now + 4.0, limits) for found in every] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert [found.overdue(now + 6.0, limits) for found in every[:2]] == [True, True]
    assert held.overdue(now + 101.0, limits)
    assert not ended.overdue(now + 101.0, limits)
    assert [found.fault for found in every] == [
        "first-byte-timeout", "first-byte-timeout", "idle-timeout", "total-timeout", "",
    ]  # fmt: skip
    with pytest.raises(UpstreamFault, match="no byte of an answer within 5 s") as caught:
        silent.check()
    assert caught.value.fault == "first-byte-timeout"


def test_small_bodies_travel_with_their_head() -> None:
    """One write for a small request; a large body is not copied."""
    _, small = asked(b"x" * 10)
    _, large = asked(b"x" * 100_000)
    assert [len(wire.written) for wire in (small, large)] == [1, 2]
    assert b"".join(large.written).endswith(b"\r\n\r\n" + b"x" * 100_000)


def test_the_mark_lies_below_what_a_stalled_reader_may_cost() -> None:
    """With what is read at a time, and a copy that is on its way: below half a megabyte."""
    assert 2 * (HIGH_WATER + RECEIVED) < 1 << 19
    assert MAX_HEAD <= HIGH_WATER


def test_a_closed_connection_is_gone_at_once() -> None:
    """Its memory does not wait for the collector of garbage, which comes late in a server."""

    def there() -> int:
        return sum(type(one) is Connection for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = there()
        connection, wire = asked()
        arrive(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        connection.connection_lost(None)
        assert connection.fault == "cut"
        assert wire.written
        del connection
        assert there() == before
    finally:
        gc.enable()
