"""Where a model answers: what cannot be meant is refused before anything is sent."""

from __future__ import annotations

import pytest

from escalera.edges.providers.endpoint import Endpoint
from escalera.errors import InputError

KEY = "sk-very-secret-key"


def test_the_key_is_not_shown() -> None:
    """A representation may end in a log."""
    endpoint = Endpoint(name="tiny", base_url="https://host/v1", model="m", api_key=KEY)
    assert KEY not in repr(endpoint)
    assert endpoint.api_key == KEY


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("api.openai.com/v1", "must be http"),
        ("ftp://host/v1", "must be http"),
        ("https://", "must be http"),
        ("https://host/v1?key=1", "without query"),
        ("http://api.example.com/v1", "allow_insecure"),
        ("http://127.0.0.1.example.com/v1", "allow_insecure"),
        ("https://me:pw@host/v1", "user name or password"),
        ("http://[::1", "no URL"),
        ("http://localhost:x/v1", "no URL"),
        ("https://host/v1 HTTP/1.1\r\nX: 1", "signs that no URL has"),
        ("https://höst/v1", "signs that no URL has"),
    ],
)
def test_base_urls_that_cannot_be_meant(base_url: str, words: str) -> None:
    """A wrong or unsafe address is the user's mistake, said before anything is sent."""
    with pytest.raises(InputError, match=words) as caught:
        Endpoint(name="tiny", base_url=base_url, model="m")
    assert "pw" not in str(caught.value)


def test_base_urls_that_can() -> None:
    """https anywhere, http on the loopback address or where it is allowed; the end may vary."""
    for base_url in ("https://host/v1/", "http://localhost:1/v1", "http://[::1]:1/v1"):
        Endpoint(name="tiny", base_url=base_url, model="m")
    Endpoint(name="tiny", base_url="http://host/v1", model="m", allow_insecure=True)


@pytest.mark.parametrize("key", ["", " ", f"{KEY}\n", f"{KEY}\r\nX: 1", "ké"])
def test_keys_that_cannot_be_keys(key: str) -> None:
    """A key with a line break is a reading mistake; the error does not show it."""
    with pytest.raises(InputError, match="API key") as caught:
        Endpoint(name="tiny", base_url="https://host/v1", model="m", api_key=key)
    assert KEY not in str(caught.value)
