"""Serving an application to tests."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from escalera.testing.loopback import serving


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.network
def test_it_answers_at_once_and_is_gone_afterwards() -> None:
    """No waiting is needed before the first call; after the block nothing listens."""
    with serving(hello) as url:
        assert httpx2.get(url, trust_env=False).text == "hello"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)
