"""What a hostile caller, or a hostile upstream, cannot do to the gateway over real connections."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time

import pytest
from tests.end_to_end.raw_upstream import SECRET, Upstream, before, chunked, whole
from tests.unit.apps.gateway.sockets import asked, post, said

pytestmark = pytest.mark.network

ASK = b'{"model":"m","messages":[]}'
ANSWER = b'{"choices":[{"message":{"content":"hi"}}]}'
KEY = "key-of-the-callers"
BEARER = f"Authorization: Bearer {KEY}".encode()


@pytest.fixture(scope="module")
def upstream():
    found = Upstream()
    yield found
    found.close()


@pytest.fixture(scope="module")
def keyed(upstream):
    with before(upstream, key=KEY, body_bytes=100_000, retries=0) as found:
        yield found


@pytest.fixture
def port(upstream, keyed):
    upstream.requests.clear()
    upstream.answer = [whole(ANSWER)]
    return keyed


def ask(port, *fields, body=ASK, **more):
    """The one response to a caller with a key."""
    (found,) = asked(port, post(body, BEARER, *fields, **more))
    return found


def error_of(found):
    """The error, in OpenAI's shape."""
    told = json.loads(found.body)["error"]
    assert told.keys() == {"message", "type", "param", "code"}
    return told


def test_who_is_let_in_is_answered(port):
    """So that what follows proves something."""
    assert ask(port).body == ANSWER


@pytest.mark.parametrize(
    "field",
    [
        b"X: 1",
        b"Authorization: Bearer wrong",
        b"Authorization: Bearer",
        b"Authorization: Bearer " + KEY[:-1].encode(),
        b"Authorization: Bearer " + KEY.encode() + b"x",
        b"Authorization: Bearer \xff" + KEY.encode(),
        b"Authorization: Basic " + KEY.encode(),
        b"X-Api-Key: " + KEY.encode(),
    ],
)
@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/embeddings"])
def test_nobody_gets_in_without_the_key(port, upstream, field, path):
    """And nothing is told of it."""
    (found,) = asked(port, post(ASK, field, path=path))
    assert (found.status, error_of(found)["code"]) == (401, "invalid_api_key")
    assert KEY.encode() not in found.body
    assert upstream.requests == []


def test_a_key_behind_the_body_lets_nobody_in(port, upstream):
    """A trailer is no head."""
    body = b"%x\r\n%b\r\n0\r\n" % (len(ASK), ASK) + BEARER + b"\r\n\r\n"
    (found,) = asked(port, post(body, b"Transfer-Encoding: chunked"))
    assert found.status == 401
    assert upstream.requests == []


@pytest.mark.parametrize(
    "framing",
    [
        [b"Content-Length: 4", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
        [b"Content-Length: 27", b"Content-Length: 28"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunked ,identity"],
        [b"Transfer-Encoding: \x00chunked"],
        [b"Content-Length: 0", b" Transfer-Encoding: chunked"],
    ],
)
def test_no_request_hides_in_another(port, upstream, framing):
    """Whoever stands in front of the gateway frames it as it does, or nobody does."""
    smuggled = post(ASK, BEARER)
    asked(port, post(b"0\r\n\r\n" + smuggled, BEARER, *framing))
    assert upstream.requests == []


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/chat/completions/",
        b"/v1//chat/completions",
        b"//v1/chat/completions",
        b"/v1/chat/completions/../../models",
        b"/v1/../v1/chat/completions",
        b"/v1/./chat/completions",
        b"/v1/chat/completions%00",
        b"/v1/chat/completions%2f",
        b"/v1/chat/completions;a=b",
        b"/v1/%2e%2e/health",
        b"/V1/chat/completions",
        b"/v1\\chat\\completions",
        b"/health/..%2fv1/chat/completions",
        b"/etc/passwd",
        b"*",
    ],
)
def test_no_other_way_leads_to_a_handler(port, upstream, path):
    """And no redirect to wherever the caller says that it is."""
    found = asked(port, post(ASK, BEARER, b"Host: evil.example", path=path))
    assert [one.status for one in found] in ([404], [405], [400])
    assert all(one.header(b"location") is None for one in found)
    assert upstream.requests == []


@pytest.mark.parametrize("target", [b"http://evil.example", b"https://169.254.169.254:80"])
def test_nobody_but_the_configured_is_asked(port, upstream, target):
    """Neither by the form of the request's line, nor by any field."""
    fields = [b"X-Forwarded-Host: evil.example", b"X-Base-Url: http://evil.example/"]
    found = ask(port, *fields, path=target + b"/v1/chat/completions")
    assert found.body == ANSWER
    head = upstream.requests[0].partition(b"\r\n\r\n")[0]
    assert b"evil" not in head
    assert f"host: 127.0.0.1:{upstream.port}".encode() in head.lower()


def test_fields_of_the_caller_go_nowhere(port, upstream):
    """The caller's key is not the upstream's business, nor is what else there is in a head."""
    ask(port, b"Cookie: a=b", b"X-Secret: 1", b"OpenAI-Organization: other")
    head = upstream.requests[0].partition(b"\r\n\r\n")[0]
    assert KEY.encode() not in head
    assert not any(name in head for name in (b"Cookie", b"X-Secret", b"Organization"))
    assert SECRET.encode() in head


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Redirect", b"308 Redirect"])
def test_no_redirect_is_followed(port, upstream, status):
    """An upstream that sends us elsewhere has failed."""
    location = b"HTTP/1.1 %b\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    upstream.answer = [location % status]
    found = ask(port)
    assert found.status == 502
    assert found.header(b"location") is None
    assert len(upstream.requests) == 1


def test_a_body_has_its_size(port, upstream):
    """By what is said of it, and by what comes."""
    big = b'{"model":"m","x":"' + b"a" * 200_000 + b'"}'
    assert ask(port, body=big).status == 413
    chunks = b"".join(b"2710\r\n" + b"a" * 10_000 + b"\r\n" for _ in range(20))
    found = ask(port, b"Transfer-Encoding: chunked", body=chunks + b"0\r\n\r\n")
    assert (found.status, error_of(found)["code"]) == (413, "body_too_large")
    assert upstream.requests == []


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(port):
    """Who asks first is not told to go on."""
    request = post(b"", BEARER, b"Expect: 100-continue", b"Content-Length: 200000")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(request)
        assert caller.recv(1000).startswith(b"HTTP/1.1 413")


def test_nobody_without_a_key_is_told_to_go_on(port):
    """Neither."""
    request = post(b"", b"Expect: 100-continue", b"Content-Length: 20")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(request)
        assert caller.recv(1000).startswith(b"HTTP/1.1 401")


def test_no_bomb_is_unpacked(port, upstream):
    """Neither a caller's nor an upstream's."""
    bomb = gzip.compress(b" " * 10_000_000 + ASK)
    assert ask(port, b"Content-Encoding: gzip", body=bomb).status == 415
    assert upstream.requests == []
    packed = whole(bomb).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)
    upstream.answer = [packed]
    assert ask(port).status == 502


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"model":NaN}',
        b'{"model":"m","messages":Infinity}',
        b'{"model":"\xff"}',
        b'{"model":"\\ud800"}',
        b'{"\xff":1,"model":"m"}',
        b'{"model":"m","messages":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"model":"m","n":' + b"9" * 50_000 + b"}",
        b'{"model":"m","max_tokens":1e999}',
        b'{"model":"m","stream":"yes"}',
        b'{"model":"' + b"m" * 90_000 + b'"}',
        b"model=m&messages=",
        b"\x00" * 1000,
        b"\x80\x04\x95",
    ],
)
@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/responses", b"/v1/embeddings"])
def test_odd_bodies_are_the_callers_fault(port, upstream, body, path):
    """Each is an error of theirs, and none of ours."""
    found = ask(port, body=body, path=path)
    assert found.status == 400
    assert error_of(found)["type"] == "invalid_request_error"
    assert len(found.body) < 10_000
    assert upstream.requests == []


@pytest.mark.parametrize(
    "model", ["a\r\nX-Evil: 1", "\n[CRITICAL] all is lost", "é\u2028", "../../x", "%0d%0aX-Evil:1"]
)
def test_a_name_becomes_neither_a_header_nor_a_line_of_a_log(port, caplog, model):
    """It is told in JSON only."""
    with caplog.at_level(logging.DEBUG):
        heard = said(port, post(json.dumps({"model": model}).encode(), BEARER))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert b"X-Evil" not in head
    assert json.loads(body)["error"]["code"] == "model_not_found"
    assert model not in caplog.text


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\x0bb", b"a\x00b", b"\xff\xfe"])
def test_a_header_of_an_upstream_becomes_no_other(port, upstream, value):
    """It passes as it is, or the answer does not."""
    upstream.answer = [whole(ANSWER).replace(b"\r\n", b"\r\nX-Request-Id: " + value + b"\r\n", 1)]
    found = ask(port)
    assert found.header(b"x-evil") is None
    assert found.status in {200, 502, 503}


@pytest.mark.parametrize("stream", [b"false", b"true"])
@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad", b"401 No", b"404 No", b"500 Odd"])
def test_our_key_is_told_to_nobody(port, upstream, caplog, status, stream):
    """An upstream that says which key it was shown says it to us only."""
    told = {"error": {"message": f"Incorrect API key: {SECRET}", "type": "invalid_request_error"}}
    upstream.answer = [whole(json.dumps(told).encode(), status)]
    with caplog.at_level(logging.DEBUG):
        heard = said(port, post(ASK[:-1] + b',"stream":' + stream + b"}", BEARER))
    assert not heard.startswith(b"HTTP/1.1 200")
    assert SECRET.encode() not in heard
    assert SECRET not in caplog.text
    assert KEY not in caplog.text


def test_our_key_is_told_to_nobody_within_a_stream(port, upstream):
    """Neither."""
    error = json.dumps({"error": {"message": f"for {SECRET}"}}).encode()
    begun = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    upstream.answer = [
        *chunked([begun])[:2],
        0.2,
        *chunked([b"data: " + error + b"\n\n"])[1:],
    ]
    heard = said(port, post(ASK[:-1] + b',"stream":true}', BEARER))
    assert b'"code":"upstream_error"' in heard
    assert SECRET.encode() not in heard


def test_pages_of_other_origins_do_not_ask_a_gateway_without_keys(upstream):
    """A browser on the same machine would let them."""
    upstream.requests.clear()
    upstream.answer = [whole(ANSWER)]
    with before(upstream) as port:
        (found,) = asked(port, post(ASK, b"Origin: https://evil.example"))
        assert found.status == 403
        (found,) = asked(port, post(ASK, b"Content-Type: text/plain"))
        assert found.status == 415
        assert upstream.requests == []
        (found,) = asked(port, post(ASK, b"Origin: http://localhost:3000"))
        assert found.status == 200


def test_slow_callers_keep_nobody_out(port):
    """Two hundred who say half a request are gone soon, and others are answered meanwhile."""
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    try:
        for caller in slow:
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX: ")
        assert ask(port).body == ANSWER
        time.sleep(1.0)
        for caller in slow:
            caller.settimeout(5)
            assert caller.recv(1000).startswith(b"HTTP/1.1 408")
            assert caller.recv(1) == b""
    finally:
        for caller in slow:
            caller.close()


def test_what_others_send_on_the_same_connection_stays_apart(port, upstream):
    """An error ends with its own response; the next request gets its own answer."""
    one = post(b"[", BEARER).replace(b"Connection: close\r\n", b"")
    other = post(ASK, BEARER)
    found = asked(port, one + other)
    assert [each.status for each in found] == [400, 200]
    assert found[1].body == ANSWER


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE"])
def test_other_methods_do_nothing(port, upstream, method):
    """And nothing of the request is said back."""
    heard = said(port, post(b"", BEARER).replace(b"POST", method, 1), wait=5.0)
    assert heard.startswith(b"HTTP/1.1 405")
    assert KEY.encode() not in heard
    assert upstream.requests == []
