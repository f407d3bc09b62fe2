"""Embeddings over HTTP, against a scripted server on the loopback address."""

from __future__ import annotations

import asyncio
import json

import pytest

from escalera.domain.project import ModelPrice
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.openai_embeddings import OpenAIEmbeddings
from escalera.errors import AccessRefused, BadReply, ProviderUnavailable
from escalera.testing.loopback import serving

pytestmark = pytest.mark.network

KEY = "sk-very-secret-key"
PRICE = ModelPrice(prompt=500_000, completion=0)


class NoWait(SystemClock):
    """Time that passes while nobody waits."""

    async def sleep(self, seconds):
        """Go on."""


class Server:
    """Answers with the next line of a script: a status and a body."""

    def __init__(self, *script):
        self.script, self.asked, self.paths = list(script), [], []

    async def __call__(self, scope, receive, send):
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        self.asked.append(json.loads(body + message["body"]))
        self.paths.append(scope["path"])
        status, said = self.script.pop(0)
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def entry(index, *vector):
    return {"object": "embedding", "index": index, "embedding": vector}


def good(*entries):
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return 200, {"object": "list", "model": "e", "data": [*entries], "usage": usage}


TWO = good(entry(1, 0.0, 1.0), entry(0, 1.0, 0.0))


def embed(server, texts=("a", "b"), attempts=3):
    async def asked(url):
        endpoint = Endpoint(name="e5", base_url=f"{url}/v1", model="e", api_key=KEY)
        embedder = OpenAIEmbeddings(endpoint, clock=NoWait(), price=PRICE, attempts=attempts)
        assert KEY not in repr(embedder)
        try:
            return await embedder.embed(texts)
        finally:
            await embedder.close()

    with serving(server) as url:
        return asyncio.run(asked(url))


def test_vectors_come_in_the_order_of_the_texts():
    """Whatever order the endpoint lists them in; tokens are billed, rounded up."""
    server = Server(TWO)
    found = embed(server)
    assert found.vectors == ((1.0, 0.0), (0.0, 1.0))
    assert (found.usage.prompt_tokens, found.micro_dollars) == (5, 3)
    assert server.paths == ["/v1/embeddings"]
    assert server.asked == [{"model": "e", "input": ["a", "b"], "encoding_format": "float"}]


def test_what_may_work_later_is_tried_again():
    """As often as a call for an answer, and then no more."""
    server = Server((503, {"error": {"message": "busy"}}), TWO)
    assert embed(server).vectors[0] == (1.0, 0.0)
    assert len(server.asked) == 2
    gone = Server(*[(503, {"error": {"message": "busy"}})] * 3)
    with pytest.raises(ProviderUnavailable, match="busy"):
        embed(gone)
    assert len(gone.asked) == 3


@pytest.mark.parametrize(
    "body",
    [
        good(entry(0, 1.0)),
        good(entry(0, 1.0), entry(0, 1.0)),
        good(entry(0, 1.0), entry(1, 1.0, 2.0)),
        good(entry(0), entry(1)),
        (200, {"data": []}),
        (200, {"choices": []}),
    ],
    ids=["one lacks", "one twice", "lengths", "empty", "no usage", "a chat"],
)
def test_a_reply_that_is_none_is_refused(body):
    """A vector is never guessed."""
    with pytest.raises(BadReply):
        embed(Server(body), attempts=1)


def test_a_refusal_is_said_without_the_key():
    """An endpoint may repeat what it was sent."""
    with pytest.raises(AccessRefused) as raised:
        embed(Server((401, {"error": {"message": f"wrong key {KEY}"}})))
    assert KEY not in str(raised.value)
