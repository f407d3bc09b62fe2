"""Embeddings over real connections to a scripted server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from escalera.edges.providers import embeddings
from escalera.edges.providers.embeddings import EmbeddingsHTTP, parse
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.errors import AccessRefused, BadReply, ProviderUnavailable
from escalera.testing.loopback import serving

pytestmark = pytest.mark.network

KEY = "sk-very-secret"


class Server:
    """The length of each text as its vector, last text first; or the next line of the script."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        asked = json.loads(body + message["body"])
        self.asked.append(asked)
        self.paths.append(scope["path"])
        self.keys.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        rows = [{"index": n, "embedding": [len(t), 1]} for n, t in enumerate(asked["input"])]
        status, said = self.script.pop(0) if self.script else (200, {"data": rows[::-1]})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


class Clock:
    """Sleeping is written down, and over at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def seconds(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with serving(server) as found:
        yield found


def embed(url: str, *texts: str, clock: Clock | None = None, key: str | None = KEY) -> Any:
    async def run() -> Any:
        endpoint = Endpoint(name="embedder", base_url=f"{url}/v1/", model="m", api_key=key)
        timeouts = Timeouts(connect=2, read=5, total=5)
        made = EmbeddingsHTTP(endpoint, clock=clock or Clock(), timeouts=timeouts)
        try:
            return await made.embed(texts)
        finally:
            await made.close()

    return asyncio.run(run())


def test_one_vector_per_text_in_order(server: Server, url: str) -> None:
    """However the endpoint orders them; the key is in one header."""
    assert embed(url, "a", "bbb") == [[1, 1], [3, 1]]
    assert server.paths == ["/v1/embeddings"]
    assert server.asked == [{"model": "m", "input": ["a", "bbb"]}]
    assert server.keys == [f"Bearer {KEY}"]
    embed(url, "a", key=None)
    assert server.keys[1] == ""


def test_what_may_work_later_is_tried_again(server: Server, url: str) -> None:
    """With growing pauses, and not for ever."""
    clock = Clock()
    server.script = [(429, {}), (503, {}), (200, {"data": []})]
    assert embed(url, "a", clock=clock) == [[1, 1]]
    assert clock.slept == [*embeddings.PAUSES]
    server.script = [(500, {"error": {"message": "overheated"}})] * 9
    with pytest.raises(ProviderUnavailable, match="status 500: overheated"):
        embed(url, "a")
    assert len(server.script) == 9 - 1 - len(embeddings.PAUSES)


def test_a_refusal_is_final_and_hides_the_key(server: Server, url: str) -> None:
    """Another try would be refused, too."""
    server.script = [(401, {"error": {"message": f"bad key {KEY}"}})]
    with pytest.raises(AccessRefused, match=r"status 401: bad key \*\*\*") as caught:
        embed(url, "a")
    assert KEY not in str(caught.value)
    assert len(server.asked) == 1


def test_nobody_there() -> None:
    """An outage is an outage."""
    with pytest.raises(ProviderUnavailable, match="ConnectFailed"):
        embed("http://127.0.0.1:9", "a")


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1]}],
        [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}],
        [{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [1]}],
        [{"index": n, "embedding": [1]} for n in (0, 1, 1)],
        [{"index": 0, "embedding": ["x"]}, {"index": 1, "embedding": [1]}],
        "none",
    ],
)
def test_what_is_not_one_vector_per_text(data: Any) -> None:
    """Never guessed at."""
    with pytest.raises(BadReply):
        parse(json.dumps({"data": data}).encode(), count=2, provider="embedder")
