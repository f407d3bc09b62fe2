"""Our HTTP client in front of a server that we did not write: `transformers serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.end_to_end.transformers_server import Running, served

from escalera.domain.message import Reply
from escalera.domain.project import BaseModel
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.edges.providers.transformers_engine import TransformersEngine
from escalera.errors import RequestRejected
from escalera.testing import provider_suite as suite
from escalera.testing.tiny import tiny_model

pytestmark = [pytest.mark.local, pytest.mark.network]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server on a tiny model with random weights."""
    home = tmp_path_factory.mktemp("serve")
    with served(tiny_model(home / "tiny"), home) as running:
        yield running


def using(server: Running, work: Callable[[OpenAIHTTP], Any], *, model: str | None = None) -> Any:
    """What *work* makes of a client of the server."""

    async def used() -> Any:
        endpoint = Endpoint(
            name="transformers", base_url=server.url, model=model or str(server.folder)
        )
        provider = OpenAIHTTP(endpoint, clock=SystemClock(), attempts=1)
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(used())


@pytest.mark.parametrize(
    "check",
    [
        suite.answers_in_order,
        suite.answers_nothing_to_nothing,
        suite.keeps_to_max_tokens,
    ],
)
def test_a_promise_of_the_port(check: Callable[[OpenAIHTTP], Any], server: Running) -> None:
    """The contract of a provider holds over a server that is not ours."""
    using(server, check)


def test_a_stream_says_what_the_whole_reply_says(server: Running) -> None:
    """Same text, reason and usage; the server's stream drops the half of a character at the cut.

    Its whole reply shows that half as U+FFFD, so only those may be missing.
    """
    request = suite.question("tell me", max_tokens=12)

    async def both(provider: OpenAIHTTP) -> tuple[list[str | Reply], Any]:
        pieces = [piece async for piece in provider.stream(request)]
        return pieces, (await provider.answer([request]))[0]

    (*pieces, streamed), whole = using(server, both)
    assert "".join(pieces) == streamed.text
    assert streamed.text.rstrip("\ufffd") == whole.text.rstrip("\ufffd")
    assert (streamed.usage, streamed.finish_reason) == (whole.usage, whole.finish_reason)


def test_the_folder_is_the_models_name(server: Running) -> None:
    """The server calls a local folder by its path and adds a revision; that is what we record."""
    (reply,) = using(server, lambda provider: provider.answer([suite.question("hello")]))
    assert isinstance(reply, Reply)
    assert reply.revision == f"{server.folder}@main"
    assert reply.micro_dollars is None


def test_another_model_is_refused(server: Running) -> None:
    """A server that is pinned to a model says so, and its words reach the user."""
    (error,) = using(
        server, lambda provider: provider.answer([suite.question("hello")]), model="other"
    )
    assert isinstance(error, RequestRejected)
    assert "pinned" in str(error)


def test_it_says_what_our_own_engine_says(server: Running) -> None:
    """Greedy answers, reasons and token counts agree with our engine on the same weights."""
    requests = [suite.question(text, max_tokens=24) for text in ("hello", "¿qué?", "a b c d e")]
    theirs = using(server, lambda provider: provider.answer(requests))

    async def own() -> Any:
        engine = TransformersEngine(
            model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
            folder=server.folder,
            adapters=lambda name: server.folder / name,
            clock=SystemClock(),
        )
        try:
            return [(await engine.answer([request]))[0] for request in requests]
        finally:
            await engine.close()

    for their, our in zip(theirs, asyncio.run(own()), strict=True):
        assert (their.text, their.finish_reason, their.usage) == (
            our.text,
            our.finish_reason,
            our.usage,
        )
