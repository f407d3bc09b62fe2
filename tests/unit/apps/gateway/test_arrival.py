"""What the head of a request says: whose it is, and whether its body can be read."""

from __future__ import annotations

import pytest

from escalera.apps.gateway import arrival
from escalera.apps.gateway.wire import Refusal


def read(*fields, most=1000, is_open=False):
    """The token of a request with these fields."""
    return arrival.read(list(fields), most=most, is_open=is_open)


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer key", b"key"),
        (b"bearer  key ", b"key"),
        (b"Basic key", b""),
        (b"Bearer", b""),
        (b"key", b""),
        (b"Bearer k\xe9y", b"k\xe9y"),
    ],
)
def test_a_token_is_a_bearers(value, token):
    """Nothing else is one."""
    fields = (b"authorization", value)
    assert read(fields) == arrival.token({"headers": [fields]}) == token


def test_of_two_keys_the_first_counts():
    """As for whatever stands in front of the gateway."""
    fields = [(b"authorization", b"Bearer one"), (b"authorization", b"Bearer two")]
    assert read(*fields) == arrival.token({"headers": fields}) == b"one"


@pytest.mark.parametrize(
    "kind",
    [b"application/json", b"application/json; charset=utf-8", b"Application/JSON", b"a/b+json"],
)
def test_json_is_read(kind):
    """In each of its spellings, and where nothing is said."""
    assert read((b"content-type", kind)) == b""
    assert read() == b""


@pytest.mark.parametrize(
    "kind",
    [b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b""],
)
def test_no_other_type_is_read(kind):
    """Neither what a form sends by itself."""
    with pytest.raises(Refusal, match="application/json") as caught:
        read((b"content-type", kind))
    assert caught.value.status == 415


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"])
def test_what_is_compressed_is_not_unpacked(coding):
    """A small body stays small."""
    with pytest.raises(Refusal) as caught:
        read((b"content-encoding", coding))
    assert caught.value.status == 415
    assert read((b"content-encoding", b"identity")) == b""


@pytest.mark.parametrize("length", [b"100001", b"99999999999999999999"])
def test_a_body_that_is_too_long_is_refused_before_it_comes(length):
    """By what the caller says of it."""
    with pytest.raises(Refusal) as caught:
        read((b"content-length", length), most=100_000)
    assert caught.value.status == 413
    assert read((b"content-length", b"100000"), most=100_000) == b""


@pytest.mark.parametrize(
    ("origin", "is_near"),
    [
        (b"http://127.0.0.2:3000", True),
        (b"http://localhost:3000", True),
        (b"http://127.0.0.1", True),
        (b"http://[::1]:80", True),
        (b"https://evil.example", False),
        (b"http://localhost.evil.example", False),
        (b"http://127.0.0.1.evil.example", False),
        (b"null", False),
        (b"", False),
        (b"http://[", False),
        (b"\xff", False),
    ],
)
def test_pages_of_others_do_not_ask_a_gateway_without_keys(origin, is_near):
    """A browser would let them, from the machine that the gateway runs on."""
    if is_near:
        assert read((b"origin", origin), is_open=True) == b""
    else:
        with pytest.raises(Refusal) as caught:
            read((b"origin", origin), is_open=True)
        assert caught.value.status == 403
    assert read((b"origin", origin), is_open=False) == b""


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"http://[", b"file://"])
def test_another_origin_may_not_ask(origin):
    """The same holds for bodies that are no JSON, which a page can send without being asked."""
    with pytest.raises(Refusal, match="another origin") as caught:
        arrival.check({"headers": [(b"origin", origin)]}, is_open=True)
    assert caught.value.status == 403
    arrival.check({"headers": [(b"origin", origin)]}, is_open=False)
    near = [(b"origin", b"http://localhost:3000"), (b"host", b"x")]
    arrival.check({"headers": near}, is_open=True)


def test_nothing_is_unpacked():
    """Whatever its type."""
    with pytest.raises(Refusal, match="no content encoding") as caught:
        arrival.check({"headers": [(b"content-encoding", b"gzip")]}, is_open=False)
    assert caught.value.status == 415


PARENT = b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ([PARENT], PARENT),
        ([b"01" + PARENT[2:] + b"-more"], b"01" + PARENT[2:]),
        ([PARENT + b"-more"], b""),
        ([PARENT + b"0"], b""),
        ([PARENT.upper()], b""),
        ([b"ff" + PARENT[2:]], b""),
        ([b"00-" + b"0" * 32 + PARENT[35:]], b""),
        ([PARENT[:36] + b"0" * 16 + b"-01"], b""),
        ([PARENT[:-1]], b""),
        ([b"00-" + b"\xff" * 52], b""),
        ([PARENT, PARENT], b""),
        ([], b""),
    ],
)
def test_a_trace_is_that_of_the_specification(sent, known):
    """What is no trace is ignored, and never refuses a request."""
    headers = [(b"host", b"x"), *((b"traceparent", value) for value in sent)]
    assert arrival.trace(headers) == known.decode()
