"""Errors in OpenAI's shape: whose fault it was, and nothing that is not for the caller."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from escalera.apps.gateway import failing
from escalera.apps.gateway.asked import Problem
from escalera.apps.gateway.wire import Refusal
from escalera.domain.traffic import Blame, Fault
from escalera.errors import EvidenceMissing, InputError, ProviderUnavailable

FAULTS = [fault for fault in get_args(Fault) if fault]


def problem(**more):
    return Problem(**{"deployment": "a", "blame": "server", "status": 500, **more})


def error_of(reply):
    """The four fields, and a type that fits the status."""
    found = json.loads(reply.body)["error"]
    assert found.keys() == {"message", "type", "param", "code"}
    expected = "server_error" if reply.status >= 500 else "invalid_request_error"
    assert found["type"] == ("rate_limit_error" if reply.status == 429 else expected)
    return found


@pytest.mark.parametrize(
    ("more", "status", "code", "again"),
    [
        ({}, 503, "upstream_unavailable", b"true"),
        ({"status": 429}, 429, "upstream_overloaded", b"true"),
        ({"status": 302}, 502, "upstream_unavailable", b"true"),
        ({"blame": "key", "status": 401}, 502, "upstream_rejected", b"false"),
        ({"fault": "connect", "status": 0}, 503, "upstream_unavailable", b"true"),
        ({"fault": "descriptors", "blame": "nobody"}, 503, "gateway_full", b"true"),
        ({"fault": "reset", "status": 0}, 503, "upstream_unavailable", b"true"),
        ({"fault": "first-byte-timeout", "status": 0}, 504, "upstream_timeout", b"true"),
        ({"fault": "malformed", "status": 200}, 502, "upstream_bad_reply", b"true"),
        ({"fault": "empty", "status": 200}, 502, "upstream_bad_reply", b"true"),
        ({"fault": "error-event", "status": 200}, 502, "upstream_error", b"true"),
        ({"fault": "unfinished", "status": 200}, 502, "upstream_unfinished", b"true"),
    ],
)
def test_each_fault_has_its_status_and_code(more, status, code, again):
    """And says whether trying again helps."""
    reply = failing.of_problem(problem(**more))
    assert (reply.status, reply.code, error_of(reply)["code"]) == (status, code, code)
    assert dict(reply.headers)[b"x-should-retry"] == again


def test_a_full_gateway_says_when_to_come_again_and_lets_go():
    """What its caller's connection takes is what is missing; numbers are not for callers."""
    reply = failing.of_problem(problem(fault="descriptors", blame="nobody", message="`ulimit -n`"))
    assert dict(reply.headers)[b"retry-after"] == b"1"
    assert dict(reply.headers)[b"connection"] == b"close"
    assert b"ulimit" not in reply.body


@given(
    st.sampled_from(FAULTS),
    st.sampled_from(get_args(Blame)),
    st.integers(0, 599),
    st.text(max_size=9),
)
def test_every_problem_is_told(fault, whose, status, words):
    """Never with a status of success, and to a stream as an event."""
    status = 400 + status % 100 if whose == "caller" else status
    found = problem(fault=fault, blame=whose, status=status, message=words)
    reply = failing.of_problem(found)
    assert 400 <= reply.status < 600
    assert json.loads(reply.body)["error"]["message"]
    for operation in ("chat", "completions", "responses"):
        event = failing.event(operation, found)
        assert event.endswith(b"\n\n")
        assert event.count(b"\n") == (3 if operation == "responses" else 2)


def test_what_a_provider_says_of_our_key_is_not_told():
    """It may say the key."""
    said = failing.of_problem(problem(blame="key", status=401, message="wrong key sk-1"))
    assert b"sk-1" not in said.body
    assert b"whoever runs the gateway" in said.body


def test_what_a_caller_did_wrong_is_told_in_the_upstreams_words():
    """Byte for byte where it is an error as the API has them."""
    body = b'{ "error": {"message":"no","x":1} }'
    reply = failing.of_problem(problem(blame="caller", status=422, body=body))
    assert (reply.status, reply.body, reply.code) == (422, body, "upstream_rejected")
    reply = failing.of_problem(problem(blame="caller", status=400, body=b"<html>", message="no"))
    assert error_of(reply)["message"] == "no"
    reply = failing.of_problem(problem(blame="caller", status=400, body=b'{"error":"\xff"}'))
    assert error_of(reply)["code"] == "upstream_rejected"


def test_pauses_are_whole_seconds_and_attempts_are_counted():
    """Rounded up: sooner would be too soon."""
    reply = failing.of_problem(problem(retry_after=0.2), tried=3)
    assert dict(reply.headers)[b"retry-after"] == b"1"
    assert error_of(reply)["message"].endswith(". It was the last of 3 attempts.")
    told = failing.of_problem(problem(message="no free slot"), tried=3)
    assert error_of(told)["message"].endswith("no free slot. It was the last of 3 attempts.")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refusal("no", status=429, code="c", retry_after=1.5, again=True), 429, "c"),
        (InputError("no"), 400, None),
        (ProviderUnavailable("no", provider="p"), 502, "upstream_unavailable"),
        (EvidenceMissing("no"), 500, "internal_error"),
        (HTTPException(404), 404, None),
        (ClientDisconnect(), 400, None),
        (RuntimeError("secret"), 500, "internal_error"),
    ],
)
def test_errors_that_are_raised(error, status, code):
    """Each with its status; what was not foreseen says nothing of itself."""
    reply = failing.of_error(error, where="GET /x")
    assert (reply.status, error_of(reply)["code"]) == (status, code)
    assert b"secret" not in reply.body


def test_a_missing_key_says_how_it_is_shown():
    """As HTTP wants it."""
    assert dict(failing.of_error(Refusal("no", status=401)).headers)[b"www-authenticate"]


@pytest.mark.parametrize("words", ["a\r\nb", "a\n\ndata: [DONE]\n\n", "\0", "\u2028", "\ud7ff"])
def test_words_cannot_end_an_event(words):
    """Nor forge another."""
    for operation in ("chat", "responses"):
        event = failing.event(operation, problem(message=words))
        data = event.split(b"data: ", 1)[1]
        assert data.count(b"\n") == 2
        json.loads(data)


def test_where_it_is_that_nobody_answers_is_not_told():
    """Addresses within a network are not for callers."""
    told = "no connection: [Errno 111] Connect call failed ('10.0.0.7', 8443)"
    for fault in ("connect", "connect-timeout"):
        problem = Problem(deployment="a", blame="server", fault=fault, message=told)
        assert b"10.0.0.7" not in failing.of_problem(problem).body
