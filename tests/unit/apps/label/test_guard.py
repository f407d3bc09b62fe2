"""Who may speak to the page: token, host and origin, and the headers of every answer."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from escalera.apps.label.guard import HEADERS, Guard

HOSTS = ("127.0.0.1:8010", "Localhost:8010", "[::1]:8010")
OWN = {"Origin": "http://127.0.0.1:8010"}


async def echo(scope, receive, send):
    await PlainTextResponse(f"{scope['method']} {scope['path']}")(scope, receive, send)


def call(method, path, *, base="http://127.0.0.1:8010", headers=None):
    async def send():
        transport = httpx2.ASGITransport(Guard(echo, token="secret", hosts=HOSTS))
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("path", "seen"), [("/secret/", "GET /"), ("/secret", "GET /"), ("/secret/as/A", "GET /as/A")]
)
def test_who_knows_the_token_is_let_through(path, seen):
    """The application sees the path behind it."""
    response = call("GET", path)
    assert (response.status_code, response.text) == (200, seen)


@pytest.mark.parametrize("path", ["/", "/wrong/", "/secre/", "/secrets/", "/%C3%A9/", "//secret/"])
def test_a_wrong_token_is_not_found(path):
    """Whatever is asked, and in whatever letters."""
    assert call("GET", path).status_code == 404


@pytest.mark.parametrize(
    "base", ["http://localhost:8010", "http://LOCALHOST:8010", "http://[::1]:8010"]
)
def test_every_name_of_the_page_is_known(base):
    """In capitals too."""
    assert call("GET", "/secret/", base=base).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8010"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:8011"},
        {"Host": ""},
        [("Host", "127.0.0.1:8010"), ("Host", "evil.example")],
    ],
)
def test_another_host_is_refused(headers):
    """A name that points here by DNS is not the page's, even with the token."""
    assert call("GET", "/secret/", headers=headers).status_code == 421


def test_a_page_of_our_own_may_change_something():
    """With its origin; browsers also say that it is the same."""
    for more in ({}, {"Sec-Fetch-Site": "same-origin"}):
        assert call("POST", "/secret/x", headers={**OWN, **more}).text == "POST /x"
    behind = {"Origin": "https://localhost:8010"}
    assert call("POST", "/secret/x", headers=behind).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8010.evil.example"},
        {"Origin": "ftp://127.0.0.1:8010"},
        {"Origin": "127.0.0.1:8010"},
        {**OWN, "Sec-Fetch-Site": "cross-site"},
        {**OWN, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_origin_may_change_nothing(headers):
    """Even if it knew the token."""
    assert call("POST", "/secret/x", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/secret/", "/wrong/"])
def test_every_answer_has_the_headers(path):
    """Refusals too: no foreign script, frame, form or cache."""
    response = call("GET", path)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
