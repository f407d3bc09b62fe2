"""What a request begins with, and what cannot be slipped into it."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import pytest

from escalera.edges.http.target import Limits, Target
from escalera.errors import InputError


def target(address: str = "https://host:8443/v1/", **fields: str) -> Target:
    return Target(urlsplit(address), fields=fields)


def test_the_head_as_it_travels() -> None:
    """Path below the base URL, Host, what was given, the length, and nothing else."""
    asked = target(Authorization="Bearer k")
    written = asked.head("/chat/completions", 7, [(b"traceparent", b"00-1")])
    assert written == (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: host:8443\r\nAccept-Encoding: identity\r\n"
        b"Authorization: Bearer k\r\ntraceparent: 00-1\r\nContent-Length: 7\r\n\r\n"
    )
    assert asked.head("/chat/completions", 0, ()).endswith(b"k\r\nContent-Length: 0\r\n\r\n")


def test_what_is_only_read() -> None:
    """Another method on the same path has another head, and leaves that of the first alone."""
    asked = target()
    for _ in range(2):
        assert asked.head("/jobs?limit=1", 0, (), method="GET").startswith(b"GET /v1/jobs?limit=1 ")
        assert asked.head("/jobs?limit=1", 0, ()).startswith(b"POST /v1/jobs?limit=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "header",
    [
        (b"X-A", b"1\r\nX-B: 2"),
        (b"X-A", b"1\n"),
        (b"X-A", b"1\r"),
        (b"X-A", b"1\0"),
        (b"X-A: 1\r\nX-B", b"2"),
        (b"X A", b"1"),
        (b"", b"1"),
        (b"Content-Length", b"0"),
        (b"transfer-encoding", b"chunked"),
        (b"HOST", b"other"),
    ],
)
def test_no_header_becomes_two_or_changes_the_framing(header: tuple[bytes, bytes]) -> None:
    """Neither a name nor a value with a line break, nor a length of one's own."""
    with pytest.raises(InputError, match="the header"):
        target().head("/chat", 1, [header])


def test_headers_of_the_deployment_are_looked_at_alike() -> None:
    """A key with a line break in it is told when the target is made."""
    with pytest.raises(InputError, match="the header"):
        target(Authorization="Bearer k\r\nX: 1")


@pytest.mark.parametrize("path", ["", "chat", "/a b", "/a\r\nX: 1", "/ä"])
def test_paths_that_are_none(path: str) -> None:
    """A path is one word that starts with a slash."""
    with pytest.raises(InputError, match="path"):
        target().head(path, 0, ())


def test_where_it_lies() -> None:
    """Host and port, also where the URL names none; TLS is verified unless told otherwise."""
    plain, secure = target("http://127.0.0.1/v1"), target("https://[::1]/v1")
    assert (plain.host, plain.port, plain.tls) == ("127.0.0.1", 80, None)
    assert (secure.host, secure.port) == ("::1", 443)
    assert secure.tls is not None
    assert secure.tls.verify_mode == ssl.CERT_REQUIRED
    assert secure.tls.check_hostname
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert Target(urlsplit("https://host"), fields={}, tls=own).tls is own


@pytest.mark.parametrize(
    ("limits", "tick"),
    [(Limits(), 0.25), (Limits(idle=2.0), 0.1), (Limits(first_byte=0.01), 0.01)],
)
def test_the_clock_is_looked_at_often_enough(limits: Limits, tick: float) -> None:
    """A twentieth of the shortest limit, and neither a spin nor a sleep."""
    assert limits.tick == tick
