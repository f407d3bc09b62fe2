"""Heads that a connection has had before."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.apps.gateway import heads

ASKED = (b"POST", "1.1", ("/x", b"/x", b""))


class Read:
    """What httptools reads, as the protocol keeps it."""

    def __init__(self, data: bytes) -> None:
        self.url, self.body, self.whole = b"", b"", 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


def sent(body: bytes, *, length: bytes = b"", name: bytes = b"Content-Length", more=b"") -> bytes:
    size = length or b"%d" % len(body)
    head = b"POST /x HTTP/1.1\r\nHost: h\r\n%s: %s\r\nAuthorization: Bearer k\r\n%s\r\n"
    return head % (name, size, more) + body


def known(data: bytes) -> heads.KnownHead | None:
    return heads.known(data, ASKED, Read(data).headers)


def test_the_same_head_again():
    """Its fields are those of before, with the length of this body; names in any case."""
    first = known(sent(b"one"))
    assert first is not None
    assert first.asked is ASKED
    again = first.read(sent(b"two"))
    assert again == (Read(sent(b"one")).headers, b"two")
    longer = first.read(sent(b"a longer one"))
    assert longer == (Read(sent(b"a longer one")).headers, b"a longer one")
    assert first.read(sent(b"")) == (Read(sent(b"")).headers, b"")
    other = known(sent(b"one", name=b"CONTENT-length"))
    assert other is not None
    assert other.read(sent(b"four", name=b"CONTENT-length")) is not None


@pytest.mark.parametrize(
    "data",
    [
        sent(b"one", name=b"content-length"),
        sent(b"one", more=b"X: 1\r\n"),
        sent(b"one").replace(b"Bearer k", b"Bearer l"),
        sent(b"one").replace(b"/x", b"/y"),
        sent(b"one")[:-1],
        sent(b"one")[:40],
        sent(b"one") + b"P",
        sent(b"one") + sent(b"one"),
        sent(b"one", length=b"+3"),
        sent(b"one", length=b" 3"),
        sent(b"one", length=b"3 "),
        sent(b"one", length=b"3_0"),
        sent(b"one", length="٣".encode()),
        sent(b"one", length=b"3\r\nContent-Length: 4"),
        sent(b"one", length=b"3\r\nTransfer-Encoding: chunked"),
        sent(b"one", length=b"0000000000003"),
        b"",
    ],
)
def test_what_has_to_be_read(data):
    """Another head, more or less than one request, and lengths that are no plain digits."""
    first = known(sent(b"two"))
    assert first is not None
    assert first.read(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
        sent(b"one", more=b"X: " + b"x" * heads.LONGEST + b"\r\n"),
        sent(b"one") + sent(b"one"),
    ],
)
def test_what_is_not_remembered(data):
    """A head without a length, a very long one, and one with more behind its request."""
    assert known(data) is None


BODIES = st.binary(max_size=30) | st.sampled_from([b"\r\nContent-Length: 3\r\n\r\n", b"0\r\n\r\n"])
PIECES = st.sampled_from(
    [
        b"0",
        b"3",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Length: 3\r\n",
        b" ",
        b"\t",
        b"k",
        b"POST",
        b":",
        b"\0",
    ]
)
CHANGES = st.tuples(st.integers(0, 120), st.integers(0, 12), PIECES)


@settings(deadline=None, max_examples=300)
@given(
    BODIES, BODIES, st.lists(st.tuples(st.integers(0, 120), st.integers(0, 12), PIECES), max_size=2)
)
def test_nothing_is_read_that_a_parser_reads_otherwise(one, two, changes):
    """Whatever is taken for a known head is one whole request of just these fields and body."""
    first = known(sent(one))
    assert first is not None
    data = sent(two)
    for at, gone, new in changes:
        data = data[:at] + new + data[at + gone :]
    found = first.read(data)
    if found is not None:
        read = Read(data)
        assert (read.whole, read.headers, read.body) == (1, *found)
        assert (read.url, read.parser.get_method()) == (b"/x", b"POST")
