"""From a response to an answer that may be passed on: nothing goes out before it is known."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.apps.gateway.upstreams import (
    ANSWER,
    EVENTS,
    STREAM,
    Exchange,
    asked,
    away,
    broken,
    ticking,
)

from escalera.apps.gateway import opening
from escalera.apps.gateway.asked import Opened, Problem, Provenance
from escalera.errors import UpstreamFault

PING = b": ping\n\n"
FAILED = b'data: {"error":{"message":"boom","type":"server_error"}}\n\n'


def opened(exchange, *, stream=False, **more):
    """What the response is."""
    return asyncio.run(
        opening.opened(
            asked(stream=stream, **more),
            (exchange, Provenance(deployment="a")),
            purpose="first",
            began=0.0,
            clock=ticking(),
            drop_usage=False,
        )
    )


def test_a_whole_answer_is_read_before_anything_goes_out():
    """With its usage, and the headers that say nothing of our account."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-request-id", b"1"),
        (b"openai-organization", b"ours"),
        (b"x-ratelimit-remaining-requests", b"3"),
        (b"set-cookie", b"a=b"),
        (b"content-length", b"3"),
    ]
    found = opened(Exchange(ANSWER[:5], ANSWER[5:], headers=headers))
    assert isinstance(found, Opened)
    assert (found.body, found.passage, found.usage.completion) == (ANSWER, None, 4)
    assert found.headers == headers[:2]


def test_a_stream_is_held_back_until_it_says_something():
    """What came before goes out with it."""
    exchange = Exchange(PING, STREAM[0], STREAM[1], *STREAM[2:], headers=EVENTS)
    found = opened(exchange, stream=True)
    assert isinstance(found, Opened)
    assert found.body == PING + STREAM[0] + STREAM[1]
    assert exchange.pieces == STREAM[2:]


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ([], "empty"),
        ([PING], "empty"),
        ([STREAM[0]], "empty"),
        ([STREAM[0], FAILED], "error-event"),
        ([STREAM[0] + STREAM[1] + FAILED], "error-event"),
        ([STREAM[0], b"data: <html>\n\n"], "malformed"),
        ([STREAM[0], STREAM[4]], "unfinished"),
    ],
)
def test_what_fails_in_time_can_still_be_mended(pieces, fault):
    """An error behind a role, or in the same packet as the first words, is no answer."""
    found = opened(Exchange(*pieces, headers=EVENTS), stream=True)
    assert isinstance(found, Problem)
    assert (found.fault, found.blame) == (fault, "server")


def test_what_is_held_back_is_bounded():
    """A stream that only pings passes on in the end."""
    ping = b": " + b"." * 1000 + b"\n\n"
    exchange = Exchange(*[ping] * 100, headers=EVENTS)
    found = opened(exchange, stream=True)
    assert isinstance(found, Opened)
    assert opening.MAX_OPENING < len(found.body) < opening.MAX_OPENING + 2000


@pytest.mark.parametrize("kind", [b"text/event-stream", b"Text/Event-Stream; charset=utf-8"])
def test_a_stream_says_that_it_is_one(kind):
    """In any letters."""
    exchange = Exchange(*STREAM, headers=[(b"content-type", kind)])
    assert isinstance(opened(exchange, stream=True), Opened)


@pytest.mark.parametrize(
    ("body", "kind", "fault"),
    [
        (ANSWER, b"application/json", "malformed"),
        (b"<html>", b"text/html", "malformed"),
        (b"", b"application/json", "empty"),
        (b"".join(STREAM), b"", "malformed"),
    ],
)
def test_what_is_no_stream_is_no_answer_to_who_wants_one(body, kind, fault):
    """Whatever else it is."""
    found = opened(Exchange(body, headers=[(b"content-type", kind)]), stream=True)
    assert isinstance(found, Problem)
    assert found.fault == fault


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"br", b"identity, gzip"])
def test_what_was_not_asked_for_compressed_is_not_unpacked(coding):
    """No bomb goes off here, nor at the caller's."""
    headers = [(b"content-type", b"application/json"), (b"content-encoding", coding)]
    found = opened(Exchange(ANSWER, headers=headers))
    assert isinstance(found, Problem)
    assert found.fault == "malformed"
    assert repr(coding.decode()) in found.message


@pytest.mark.parametrize(
    ("status", "code", "whose"),
    [
        (201, None, "server"),
        (204, None, "server"),
        (301, None, "server"),
        (400, None, "caller"),
        (401, None, "key"),
        (403, None, "key"),
        (404, None, "caller"),
        (404, "model_not_found", "key"),
        (409, None, "server"),
        (422, None, "caller"),
        (429, None, "server"),
        (429, "insufficient_quota", "key"),
        (500, None, "server"),
    ],
)
def test_whose_fault_a_status_is(status, code, whose):
    """No status but 200 is an answer; a redirect is not followed."""
    found = opened(broken(status, code))
    assert isinstance(found, Problem)
    assert (found.blame, found.status, found.message) == (whose, status, "no")


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [b"<html>", b'{"detail":"Not Found"}', b""])
def test_a_path_that_is_not_there_is_our_configuration(status, body):
    """No caller named it; another deployment may have it."""
    found = opened(Exchange(body, status=status))
    assert isinstance(found, Problem)
    assert found.blame == "key"


def test_an_error_whose_words_do_not_come_is_told_by_its_status():
    """The words are no reason to lose it."""
    found = opened(Exchange(b'{"error"', away("cut"), status=500))
    assert isinstance(found, Problem)
    assert (found.status, found.message, found.body) == (500, "", b"")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"3", 3.0),
        (b"0.5", 0.5),
        (b"-1", None),
        (b"nan", None),
        (b"inf", None),
        (b"1e9", None),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(value, seconds):
    """A number within a day."""
    found = opened(broken(429, headers=[(b"retry-after", value)]))
    assert isinstance(found, Problem)
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("until", "sent", "seconds"),
    [
        (b"Fri, 31 Dec 1999 23:59:59 GMT", b"Fri, 31 Dec 1999 23:59:52 GMT", 7.0),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", b"Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", b"Sat, 01 Jan 2000 00:00:09 GMT", 0.0),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", b"yesterday", None),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", b"Fri, 31 Dec 1999 23:59:52", None),
        (b"Fri, 31 Dec 2999 23:59:59 GMT", b"Fri, 31 Dec 1999 23:59:59 GMT", None),
        (b"tomorrow", b"Fri, 31 Dec 1999 23:59:52 GMT", None),
    ],
)
def test_a_date_until_when_counts_from_the_responses_own(until, sent, seconds):
    """Whatever the clock here says."""
    found = opened(broken(429, headers=[(b"retry-after", until), (b"date", sent)]))
    assert isinstance(found, Problem)
    assert found.retry_after == seconds


def test_a_callers_error_within_a_200_is_a_400():
    """In the upstream's own words, where they are not too many."""
    body = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'
    found = opened(Exchange(body))
    assert isinstance(found, Problem)
    assert (found.blame, found.status, found.body) == ("caller", 400, body)
    found = opened(Exchange(body[:-1] + b" " * opening.MAX_ERROR + b"}"))
    assert isinstance(found, Problem)
    assert (found.blame, found.body, found.message) == ("caller", b"", "too long")


def test_what_breaks_off_is_raised():
    """The client's own word for it is kept."""
    with pytest.raises(UpstreamFault) as caught:
        opened(Exchange(ANSWER[:9], away("idle-timeout")))
    assert caught.value.fault == "idle-timeout"
