"""Passing an answer on: what comes goes out, and what fails says so."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apps.gateway.upstreams import (
    EVENTS,
    STREAM,
    Exchange,
    asked,
    away,
    ticking,
)

from escalera.apps.gateway import hiding, opening, relay
from escalera.apps.gateway.asked import Opened, Provenance

WHOLE = b"".join(STREAM)
SECRET = "sk-very-secret-1"


class Poured(Exchange):
    """One that gives its pieces where they come in, as long as there are any; with *chunks* it has
    each looked at first, as it travels.
    """

    chunks = False

    async def pour(self, take, glance=None):
        while self.pieces and isinstance(self.pieces[0], bytes):
            piece = self.pieces.pop(0)
            size = b"%x\r\n" % len(piece)
            if self.chunks and glance is not None and glance(size + piece + b"\r\n", len(size)):
                continue
            if not take(piece):
                return


def relayed(exchange, *, drop_usage=False):
    """What a caller hears of a stream, and what became of it: the same where events go on at once,
    always or from time to time.
    """
    pieces = list(exchange.pieces)
    told = once(exchange, drop_usage=drop_usage)
    for every, chunks in itertools.product((0, 1, 2, 3), (False, True)):
        other = Poured(*pieces, headers=EVENTS)
        other.chunks = chunks
        heard, found, problem = once(other, drop_usage=drop_usage, every=every)
        assert (heard, found.usage, problem) == (told[0], told[1].usage, told[2])
        assert other.closed == exchange.closed
    return told


def once(exchange, *, drop_usage, every=None):
    """A stream that is relayed, of whose events each of *every* can be sent at once."""
    heard, offered = [], []

    async def send(message):
        heard.append(message)

    class Sink:
        def write(self, body):
            offered.append(body)
            if not every or len(offered) % every:
                return False
            heard.append({"type": "http.response.body", "body": body, "more_body": True})
            return True

        def write_chunk(self, chunk):
            size, _, rest = chunk.partition(b"\r\n")
            assert int(size, 16) == len(rest) - 2
            return self.write(rest[:-2])

    async def story():
        request = asked(stream=True)
        sent = (exchange, Provenance(deployment="a"))
        found = await opening.opened(
            request, sent, purpose="first", began=0.0, clock=ticking(), drop_usage=drop_usage
        )
        assert isinstance(found, Opened)
        hide, at_once = hiding.of([SECRET]), None if every is None else Sink()
        problem = await relay.stream(send, request, found, None, found.headers, hide, at_once)
        await relay.let_go(found, found.passage)
        return found, problem

    found, problem = asyncio.run(story())
    assert [message["type"] for message in heard[1:]] == ["http.response.body"] * (len(heard) - 1)
    assert [message.get("more_body", False) for message in heard[1:]] == [
        *[True] * (len(heard) - 2),
        False,
    ]
    return b"".join(message["body"] for message in heard[1:]), found, problem


@settings(max_examples=40)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=9))
def test_a_stream_passes_byte_by_byte(places):
    """However it is cut on its way."""
    edges = [0, *sorted(set(places)), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in itertools.pairwise(edges) if a < b]
    exchange = Exchange(*pieces, headers=EVENTS)
    heard, found, problem = relayed(exchange)
    assert (heard, problem, exchange.closed) == (WHOLE, None, 1)
    assert (found.usage.prompt, found.usage.completion) == (3, 4)


def test_the_usage_nobody_asked_for_is_known_and_left_out():
    """All else stays."""
    heard, found, _ = relayed(Exchange(*STREAM, headers=EVENTS), drop_usage=True)
    assert heard == WHOLE.replace(STREAM[3], b"")
    assert found.usage.completion == 4


@pytest.mark.parametrize(
    ("end", "fault", "code"),
    [
        ([], "unfinished", "upstream_unfinished"),
        ([STREAM[4]], "unfinished", "upstream_unfinished"),
        ([away("cut")], "cut", "upstream_unavailable"),
        ([away("idle-timeout")], "idle-timeout", "upstream_timeout"),
        ([b"data: <html>\n\n"], "malformed", "upstream_bad_reply"),
        ([b'data: {"error":{"message":"boom"}}\n\n'], "error-event", "upstream_error"),
    ],
)
def test_a_stream_that_fails_ends_with_an_error(end, fault, code):
    """What came is passed on; no finish and no marker of the end is invented."""
    exchange = Exchange(*STREAM[:2], *end, headers=EVENTS)
    heard, found, problem = relayed(exchange)
    assert problem is not None
    assert (problem.fault, exchange.closed, found.usage) == (fault, 1, None)
    assert heard.startswith(STREAM[0] + STREAM[1] + b"data: ")
    error = json.loads(heard.removeprefix(STREAM[0] + STREAM[1]).removeprefix(b"data: "))
    assert error["error"]["code"] == code
    assert b"[DONE]" not in heard
    assert b"finish_reason" not in heard


def test_a_connection_lost_behind_the_answer_is_nothing():
    """The caller has everything."""
    heard, _, problem = relayed(Exchange(*STREAM[:3], away("reset"), headers=EVENTS))
    assert (heard, problem) == (b"".join(STREAM[:3]), None)


def test_a_usage_along_the_way_is_not_what_a_cut_stream_took():
    """More may be billed than was told so far."""
    running = STREAM[1].replace(
        b"}\n\n", b',"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
    )
    _, found, problem = relayed(Exchange(STREAM[0], running, away("cut"), headers=EVENTS))
    assert problem is not None
    assert found.usage is None


def test_our_own_key_is_not_told():
    """Where an upstream says what it was sent."""
    error = b'data: {"error":{"message":"bad header Bearer %b"}}\n\n' % SECRET.encode()
    heard, _, _ = relayed(Exchange(*STREAM[:2], error, headers=EVENTS))
    assert SECRET.encode() not in heard
    assert hiding.INSTEAD in heard


def test_the_end_of_a_response_is_waited_for_a_moment_only():
    """An upstream that does not end its response keeps nobody."""
    exchange = Exchange(*STREAM, 30.0, headers=EVENTS)
    heard, _, problem = relayed(exchange)
    assert (heard, problem, exchange.closed) == (WHOLE, None, 1)


class Looking:
    """Stands for guards: it notes what they are shown."""

    is_blocked = False

    def __init__(self):
        self.seen = []

    def push(self, events):
        self.seen.append(events)
        return events

    async def finish(self):
        return b""

    def raise_blocked(self):
        """Nothing is blocked."""

    note = raise_blocked


def test_nothing_passes_guards_at_a_glance():
    """Where events are looked at, no chunk goes on as it travels."""
    pieces = [*STREAM[:2], STREAM[1], STREAM[1], *STREAM[2:]]
    exchange, looking, heard = Poured(*pieces, headers=EVENTS), Looking(), []
    exchange.chunks = True

    class Sink:
        def write(self, body):
            heard.append(body)
            return True

        def write_chunk(self, chunk):
            raise AssertionError(chunk)

    async def send(message):
        heard.append(message.get("body", b""))

    async def story():
        sent = (exchange, Provenance(deployment="a"))
        found = await opening.opened(
            asked(stream=True),
            sent,
            purpose="first",
            began=0.0,
            clock=ticking(),
            drop_usage=False,
        )
        hide = hiding.of([SECRET])
        return await relay.stream(send, asked(stream=True), found, looking, (), hide, Sink())

    assert asyncio.run(story()) is None
    assert b"".join(looking.seen) == b"".join(heard) == b"".join(pieces)
