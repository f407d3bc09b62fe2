"""The server's side of HTTP/1.1 over real connections: framing, times and sizes."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apps.gateway.sockets import Quick, asked, post, responses, said, served

from escalera.apps.gateway import cycle, protocol
from escalera.apps.gateway.gathering import at_once
from escalera.edges.http import cohorts
from escalera.wiring import upstreams

pytestmark = pytest.mark.network


class Echo:
    """An application that says what it was asked, slowly where the path says so."""

    def __init__(self):
        self.seen = []
        self.left = threading.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        if scope["path"] == "/early":
            length = (b"content-length", b"2")
            await send({"type": "http.response.start", "status": 401, "headers": [length]})
            await send({"type": "http.response.body", "body": b"no"})
            return
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one,", b"", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message["body"]
            more = message["more_body"]
        self.seen.append((scope["method"], scope["path"], dict(scope["headers"]), body))
        if scope["path"] == "/slow" and body == b"slow":
            await asyncio.sleep(0.05)
        if scope["path"] == "/wait":
            await receive()
            self.left.set()
            return
        answer = b"x" * 20_000_000 if scope["path"] == "/long" else body or b"-"
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module", params=["at once", "at the end of a turn"])
def server(request):
    """Everything here holds for requests and writes that wait for others of their turn, too."""
    app = Echo()
    with pytest.MonkeyPatch.context() as patch, served(app, protocol=Quick) as port:
        if request.param != "at once":
            patch.setattr(cohorts, "DIRECT", 0)
            app.gathering = upstreams.gathering
        yield port, app


@pytest.fixture
def port(server):
    server[1].left.clear()
    server[1].seen.clear()
    return server[0]


@given(
    st.binary(max_size=300),
    st.booleans(),
    st.lists(st.integers(0, 600), max_size=6),
)
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_no_cut_changes_a_request(port, body, chunked, places):
    """A body is what was sent, in one piece or in many, by its length or in chunks."""
    if chunked:
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(body[n : n + 7]), body[n : n + 7])
            for n in range(0, len(body), 7)
        )
        request = post(chunks + b"0\r\n\r\n", b"Transfer-Encoding: chunked", path=b"/")
    else:
        request = post(body, path=b"/")
    edges = [0, *sorted({place % len(request) for place in places}), len(request)]
    pieces = [request[a:b] for a, b in itertools.pairwise(edges)]
    (answer,) = asked(port, *pieces)
    assert (answer.status, answer.body) == (200, body or b"-")


def test_one_byte_at_a_time(port):
    """The slowest caller who is quick enough."""
    request = post(b'{"a":1}', path=b"/")
    (answer,) = asked(port, *[request[n : n + 1] for n in range(len(request))])
    assert answer.body == b'{"a":1}'


def kept(body: bytes, path: bytes = b"/") -> bytes:
    """A request that keeps its connection, with the head of all others."""
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, len(body)) + body


STEPS = st.tuples(
    st.sampled_from(["whole", "cut", "two", "another"]),
    st.binary(min_size=1, max_size=40) | st.just(b"\r\n\r\n0\r\n"),
    st.integers(1, 60),
)


@given(st.lists(STEPS, min_size=1, max_size=12))
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_heads_that_come_again_are_read_as_the_first(server, port, steps):
    """Whole, cut, two at once, and behind another head: each request is what was sent."""
    server[1].seen.clear()
    wanted, heard = [], b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        for kind, body, place in steps:
            bodies = [body, body[::-1]] if kind == "two" else [body]
            request = b"".join(map(kept, bodies))
            if kind == "another":
                request = request.replace(b"Host", b"X: y\r\nHost")
            if kind == "cut":
                caller.sendall(request[: place % len(request)])
                time.sleep(0.002)
                request = request[place % len(request) :]
            caller.sendall(request)
            wanted += bodies
            while sum(one.whole for one in responses(heard)) < len(wanted):
                heard += caller.recv(65536)
    assert [one.body for one in responses(heard)] == wanted
    assert [(seen[2][b"content-length"], seen[3]) for seen in server[1].seen] == [
        (b"%d" % len(body), body) for body in wanted
    ]


@pytest.mark.parametrize("body", [b"", b"12345"])
def test_what_follows_a_known_head_is_read_with_the_same_care(port, body):
    """Bytes behind a request are another one, and what is none ends the connection."""
    last = kept(body) + b"nonsense\r\n\r\n"
    assert [one.status for one in asked(port, last)] == [400]
    found = asked(port, kept(b"one"), 0.05, kept(b"two"), 0.05, last)
    assert [one.status for one in found] == [200, 200, 400]
    found = asked(port, kept(b"one"), 0.05, kept(b"two").replace(b"3", b"+3"))
    assert [one.status for one in found] == [200, 400]


def test_a_known_head_waits_for_the_response_before(port):
    """Requests on one connection are answered one after the other, in their order."""
    first, slow, quick = (kept(body, b"/slow") for body in (b"1", b"slow", b"quick"))
    found = asked(port, first, 0.05, slow, 0.01, quick, 0.12, post(b"", path=b"/"))
    assert [answer.body for answer in found] == [b"1", b"slow", b"quick", b"-"]


def test_bytes_within_a_request_are_no_known_head(server, port):
    """What looks like one within a head, or within a body, is what it stands in.

    Also where the response before came between the two pieces of the head.
    """
    first, slow, inner = (kept(body, b"/slow") for body in (b"1", b"slow", b"two"))
    head, outer = b"POST /slow HTTP/1.1\r\nX: ", kept(inner, b"/slow")
    pieces = [first, 0.05, slow, 0.01, head, 0.12, inner, 0.05]
    pieces += [outer[: -len(inner)], 0.05, inner, 0.05, post(b"", path=b"/")]
    found = asked(port, *pieces)
    assert [answer.body for answer in found] == [b"1", b"slow", b"two", inner, b"-"]
    assert server[1].seen[2][2][b"x"] == b"POST /slow HTTP/1.1"


def test_whoever_waits_for_a_word_before_the_body_has_it_each_time(port):
    """Also where the body came with the head, which is the same again."""
    request = kept(b"one").replace(b"Host", b"Expect: 100-continue\r\nHost")
    heard = said(port, request, 0.05, request, 0.05, post(b"", path=b"/"))
    assert heard.count(b" 100 ") == 2
    assert [answer.body for answer in responses(heard)] == [b"one", b"one", b"-"]


CLOSE = b"\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        b"Transfer-Encoding: identity, chunked, chunked\r\nTransfer-Encoding: x\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length : 5\r\n",
        b"X: a\r\n b\r\n",
        b"X: a\r\n\tb\r\n",
        b" X: a\r\n",
        b"X\r\n",
        b"X: a\rContent-Length: 5\r\n",
        b"X: a\nY: b\n",
        b"X: a\0b\r\n",
        b"X\0: a\r\n",
        b"\xc3\xa9: a\r\n",
    ],
)
def test_what_two_readers_could_frame_differently_is_refused(port, server, head):
    """Nothing behind such a head is ever taken for a request."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n" + SMUGGLED
    found = asked(port, request)
    assert [one.status for one in found] == [400]
    assert json.loads(found[0].body)["error"]["type"] == "invalid_request_error"
    assert not any(path == "/smuggled" for _, path, *_ in server[1].seen)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"xchunked", b"identity"])
def test_a_coding_that_is_not_understood_is_refused(port, server, coding):
    """Instead of a body that nobody could read (RFC 9112, section 6.1)."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding
    (answer,) = asked(port, head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    assert answer.status == 501
    assert b"leave out other codings" in answer.body
    assert server[1].seen == []


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: x\r\n", b"Host: x\r\nhost: y\r\n"])
def test_a_request_names_one_host(port, server, hosts):
    """Others on its way may go by the first or the last (RFC 9112, section 3.2)."""
    (answer,) = asked(port, b"GET / HTTP/1.1\r\n" + hosts + b"\r\n" + SMUGGLED)
    assert answer.status == 400
    assert b"one field 'Host'" in answer.body
    assert server[1].seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nab",
        b"zz\r\nab\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"2 \r\nab\r\n0\r\n\r\n"[:-5] + b"x",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"2\nab\n0\n\n",
        b"fffffffffffffffff\r\n",
        b"0x2\r\nab\r\n0\r\n\r\n",
        b"2;a\nab\r\n0\r\n\r\n",
        b"2;a\rxab\r\n0\r\n\r\n",
        b"2\r\nab\n0\r\n\r\n",
        b"2\r\nabxx0\r\n\r\n",
        b"2\r\nab\rx0\r\n\r\n",
        b"2\r\nab\r\n0\r\n\n",
        b"2\r\nab\r\n0\r\nX: a\n\r\n",
        b"2\r\nab\r\n0\r\nX\r\n\r\n",
        b"2 ;a\r\nab\r\n0\r\n\r\n",
    ],
)
def test_broken_chunks_are_no_request(port, server, body):
    """The connection ends, and no application takes what came for a whole body."""
    found = asked(port, post(body, b"Transfer-Encoding: chunked", path=b"/"))
    assert [one.status for one in found] in ([400], [408])
    assert server[1].seen == []


class Reading:
    """What stands for the flow of a connection."""

    resumed = 0

    def resume_reading(self):
        self.resumed += 1


def test_a_request_tells_of_its_caller_leaving():
    """Once, also where it left before; it is read meanwhile, unless others wait on the connection;
    and nothing is told to whoever took it back.
    """
    near = SimpleNamespace(
        headers=[], transport=None, flow=Reading(), expect_100_continue=False, pipeline=[]
    )
    told = []
    asked = (b"POST", "1.1", ("/", b"/", b""))
    first, second, third = (cycle.LeanCycle(near, asked, keep_alive=True) for _ in range(3))
    first.on_leaving(lambda: told.append("first"))
    assert near.flow.resumed == 1
    near.pipeline.append(second)
    second.on_leaving(lambda: told.append("never"))
    second.on_leaving(None)
    assert near.flow.resumed == 1
    for one in (first, second, third, first):
        one.leave()
    assert told == ["first"]
    third.on_leaving(lambda: told.append("third"))
    assert told == ["first", "third"]


def test_extensions_of_chunks_are_not_read(port):
    """They are no part of the body."""
    body = b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'
    (answer,) = asked(port, post(body, b"Transfer-Encoding: chunked", path=b"/"))
    assert answer.body == b"abc"


def test_fields_behind_a_body_are_not_read(port, server):
    """A trailer does not let anybody in who has no key in the head."""
    body = b"3\r\nabc\r\n0\r\nAuthorization: Bearer key\r\nX-A: 1\r\n\r\n"
    (answer,) = asked(port, post(body, b"Transfer-Encoding: chunked", path=b"/"))
    assert answer.body == b"abc"
    assert b"authorization" not in server[1].seen[0][2]


@pytest.mark.parametrize("begin", [b"0\r\nX: ", b"3;a=", b"2\r\nab\r\n0\r\nX: "])
def test_what_comes_beside_a_body_has_its_size(port, server, begin):
    """A field behind a body is kept until it is whole: without end it would take all memory."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(post(b"", b"Transfer-Encoding: chunked", path=b"/") + begin)
        sent, heard = 0, b""
        with suppress(ConnectionError):
            while sent < 50_000_000:
                caller.sendall(b"a" * 100_000)
                sent += 100_000
        with suppress(ConnectionError):
            heard = caller.recv(1000)
    assert sent < 20_000_000  # what is in the buffers between the two is sent all the same
    assert not heard or responses(heard)[0].status == 431  # a reset may overtake it
    assert server[1].seen == []


def test_a_long_body_in_chunks_is_no_field(port):
    """However small they are: what a chunk begins with does not add up."""
    chunks = b"1;of=" + b"a" * 50 + b"\r\nx\r\n"
    pieces = [chunks * 500] * 20
    (answer,) = asked(
        port, post(b"", b"Transfer-Encoding: chunked", path=b"/"), *pieces, b"0\r\n\r\n"
    )
    assert answer.body == b"x" * 10_000


def test_requests_in_a_row_are_answered_in_their_order(port):
    """All that came in one packet, each once."""
    requests = [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % n for n in range(9)]
    found = asked(port, b"".join(requests) + post(b"end", path=b"/"))
    assert [one.body for one in found] == [b"%d" % n for n in range(9)] + [b"end"]


@pytest.mark.parametrize("size", [1_000, 60_000, 100_000, 200_000])
@pytest.mark.parametrize("cut", [1, 30])
def test_a_body_is_no_part_of_the_next_head(port, size, cut):
    """Where a head begins in the packet that a long body ends in."""
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    second = post(b"end", path=b"/")
    found = asked(port, first + second[:cut], 0.05, second[cut:])
    assert [len(one.body) for one in found] == [size, 3]


def test_requests_in_a_row_are_bounded(port, server):
    """A packet of thousands does not become thousands of waiting requests."""
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    found = asked(port, one * 5000)
    assert len(server[1].seen) <= protocol.MAX_PIPELINED + 1
    assert all(each.status == 200 for each in found)


def test_a_caller_who_leaves_is_noticed_behind_a_pipelined_request(port, server):
    """The request that is answered learns it, not only the last that came."""
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(
            b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\nxx\r\n"
        )
    assert server[1].left.wait(5)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"\r\n\r\n",),
        (b"POST / HTT",),
        (b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ",),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0.1, b"POST / HTTP"),
    ],
)
def test_a_head_has_its_time(port, pieces):
    """Whoever says nothing, or half of it, is not waited for."""
    found = asked(port, *pieces)
    assert [one.status for one in found if one.status != 200] in ([], [408])


def test_a_head_that_comes_by_drops_has_its_time(port):
    """The time runs from its first byte, not from its last."""
    drops = [piece for _ in range(12) for piece in (b"X-A: 1\r\n", 0.05)]
    found = asked(port, b"GET / HTTP/1.1\r\nHost: x\r\n", *drops, b"\r\n")
    assert [one.status for one in found] in ([408], [])  # a reset may overtake it


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_a_body_has_its_time(port, server, framing):
    """The application learns that nobody is there any more."""
    drops = [piece for _ in range(12) for piece in (b"1\r\na\r\n", 0.05)]
    found = asked(port, post(b"", framing, path=b"/"), *drops, b"0\r\n\r\n" + b"x" * 1000)
    assert [one.status for one in found] in ([408], [])
    assert server[1].left.wait(5)
    assert server[1].seen == []


@pytest.mark.parametrize(("piece", "statuses"), [(150, ([200],)), (10, ([408], []))])
def test_a_long_body_earns_its_time(port, monkeypatch, piece, statuses):
    """Anew with every so many bytes, so that a large file on a slow line is no slow caller."""
    monkeypatch.setattr(protocol, "EARNS", 100)
    pieces = [one for _ in range(6) for one in (b"x" * piece, 0.15)]
    length = b"Content-Length: %d" % (6 * piece)
    found = asked(port, post(b"", length, path=b"/"), *pieces)
    assert [one.status for one in found] in statuses


@pytest.mark.parametrize("rest", [b"", b"a", b"abc", b"abcGET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_body_behind_its_answer_keeps_no_connection(port, rest):
    """Whether it comes, comes in part or not at all: the connection ends in its time."""
    head = b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    found = asked(port, head, 0.1, rest)
    assert [one.status for one in found] == [401, 200][: 1 + (b"GET" in rest)]


def test_a_slow_answer_is_no_slow_request():
    """The times of a request end when it is whole."""

    async def slow(scope, receive, send):
        if scope["type"] == "http":
            await receive()
            await asyncio.sleep(0.8)
            length = (b"content-length", b"2")
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": b"ok"})

    with served(slow, protocol=Quick) as port:
        assert asked(port, post(b"x", path=b"/"))[0].body == b"ok"


def test_a_caller_who_does_not_read_is_given_up(port, server):
    """A full buffer is not kept for ever."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.5)
        heard = 0
        with suppress(ConnectionError):
            while more := caller.recv(1 << 20):
                heard += len(more)
        assert heard < 20_000_000


def test_a_caller_who_reads_slowly_gets_everything(port):
    """As long as something is read at times."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        heard = 0
        for _ in range(8):
            time.sleep(0.1)
            heard += len(caller.recv(4 << 20))
        while more := caller.recv(1 << 20):
            heard += len(more)
    assert heard > 20_000_000


@pytest.mark.parametrize("pieces", [1, 2, 40])
@pytest.mark.parametrize("line", [b"X-A: " + b"a" * 90_000 + b"\r\n", b"X-A: a\r\n" * 15_000])
def test_a_head_has_its_size(port, server, line, pieces):
    """One long field, or many; in one packet or in many."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n"
    step = -(-len(request) // pieces)
    found = asked(port, *[request[n : n + step] for n in range(0, len(request), step)])
    assert [one.status for one in found] in ([400], [431], [])
    assert server[1].seen == []


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/9.9",
        b"GET /",
        b"G\xc3\x89T / HTTP/1.1",
        b"CONNECT evil:443 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"GET http://evil HTTP/1.1",
        b"GET \x00 HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_refused(port, server, start):
    """Whatever it is instead."""
    found = asked(port, start + b"\r\nHost: x\r\n\r\n")
    assert [one.status for one in found] in ([400], [408], [505])
    assert server[1].seen == []


def test_a_whole_url_in_a_request_is_one_of_ours(port, server):
    """Nobody else is asked in its name: this is no proxy."""
    request = b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    asked(port, request)
    assert server[1].seen[0][1] == "/latest"


def test_a_wish_for_another_protocol_is_not_granted(port, server):
    """A request without a body is answered as it is; one with a body would lose it."""
    fields = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"]
    head = b"\r\n".join([b"GET / HTTP/1.1", b"Host: x", *fields])
    (answer,) = asked(port, head + b"\r\n\r\n")
    assert answer.status == 200
    (answer,) = asked(port, head + b"\r\nContent-Length: 3\r\n\r\nabc")
    assert answer.status == 400
    assert b"leave out 'Upgrade'" in answer.body
    assert len(server[1].seen) == 1


def test_continue_is_said_to_who_waits_for_it(port):
    """And only once the body is wanted."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(post(b"", b"Expect: 100-continue", b"Content-Length: 3", path=b"/"))
        assert caller.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(b"abc")
        assert responses(caller.recv(1000))[0].body == b"abc"


def test_who_is_not_told_to_go_on_asks_nothing_more_on_the_connection(port, server):
    """Nobody could tell whether the next bytes are the body or another request: of somebody else,
    where a proxy shares the connection.
    """
    head = b"POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 37\r\n\r\n"
    (answer,) = asked(port, head, 0.05, SMUGGLED + SMUGGLED)
    assert (answer.status, answer.header(b"connection")) == (401, b"close")
    assert not any(path == "/smuggled" for _, path, *_ in server[1].seen)
    early, later = asked(port, head + b"x" * 37, SMUGGLED.replace(b"\r\n\r\n", CLOSE))
    assert (early.header(b"connection"), later.status) == (None, 200)  # its body was there


def test_an_old_caller_gets_what_its_version_knows(port):
    """HTTP/1.0 has neither chunks nor interim responses (RFC 9112, 6.1; RFC 9110, 10.1.1)."""
    for more in (b"", b"Connection: keep-alive\r\n"):
        heard = said(port, b"GET /stream HTTP/1.0\r\n" + more + b"\r\n")
        head, _, body = heard.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head
        assert body == b"one,two"
    heard = said(port, b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
    assert heard.startswith(b"HTTP/1.1 200")
    assert heard.endswith(b"abc")


@pytest.mark.parametrize("junk", [b"\x00\x01", b"junk\r\n\r\n"])
def test_junk_behind_a_request_does_not_get_into_its_answer(port, junk):
    """What came before it was whole, or there is an error instead: never both in one."""
    request = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, *others = responses(said(port, request, 0.1, junk))
    assert answer.body.strip(b"x") == b""
    assert answer.whole or not others
    assert [one.status for one in others] in ([], [400])


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_no_header_of_ours_becomes_two(value):
    """An application that is tricked fails instead."""

    async def tricked(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-length", b"0"), (b"x-name", value)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    with served(tricked) as port:
        heard = said(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"X-Evil" not in heard
        assert not heard or responses(heard)[0].status == 500


@given(st.binary(max_size=200))
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_whatever_comes_ends(port, noise):
    """No bytes keep a connection open, and every answer to them is HTTP."""
    for found in asked(port, b"POST / HTTP/1.1\r\nHost: x\r\n" + noise):
        assert found.status in {200, 400, 408, 431}


def left(port):
    """Ask, and leave before there is an answer."""
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(post(b"x", path=b"/wait"))
        time.sleep(0.01)


@pytest.mark.parametrize("call", [lambda port: said(port, post(b"x")), left])
def test_a_closed_connection_is_gone_at_once(port, call):
    """With its requests, answered or not: nothing of them waits for the collector of garbage,
    which comes late.
    """

    def there():
        found = [type(one) for one in gc.get_objects()]
        return found.count(Quick), found.count(cycle.LeanCycle)

    gc.collect()
    gc.disable()
    try:
        before = there()
        for _ in range(20):
            call(port)
        until = time.monotonic() + 5
        while there() != before and time.monotonic() < until:
            time.sleep(0.01)
        assert there() == before
    finally:
        gc.enable()


class Answering(Quick):
    """Has its answer ready in the turn in which the caller says that nothing more comes."""

    def eof_received(self):
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        super().eof_received()


@pytest.mark.parametrize("gathering", [at_once, upstreams.gathering])
def test_a_caller_who_says_no_more_gets_what_was_written_by_then(gathering):
    """A transport closes by itself then, and what waits for the end of the turn goes before."""
    app = Echo()
    app.gathering = gathering
    with served(app, protocol=Answering) as port:
        (answer,) = responses(said(port, b"POST /wait HTTP/1.1\r\n", end=True))
    assert (answer.status, answer.body) == (200, b"ok")


def test_one_too_many_is_told_to_come_again():
    """With what it has to know, and its connection is closed; those who were let in go on."""
    app, full = Echo(), [False]
    app.is_full = lambda: full[0]
    with (
        served(app, protocol=Quick) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as inside,
    ):
        inside.sendall(kept(b"1"))
        assert responses(inside.recv(9999))[0].body == b"1"
        full[0] = True
        (refused,) = asked(port, post(b"2", path=b"/"))
        assert (refused.status, refused.header(b"retry-after")) == (503, b"1")
        assert json.loads(refused.body)["error"]["code"] == "gateway_full"
        assert refused.header(b"connection") == b"close"
        (alive,) = asked(port, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert alive.status == 200
        inside.sendall(kept(b"3"))
        assert responses(inside.recv(9999))[0].body == b"3"
    assert [body for *_, body in app.seen] == [b"1", b"", b"3"]
