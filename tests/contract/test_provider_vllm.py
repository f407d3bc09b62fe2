"""The provider's contract, held by a vLLM process; a stand-in for the program answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.edges.vllm.servers import KEY, kept_server, options

from escalera.domain.message import Request
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.vllm_process import LoadedAdapters, VLLMProcess
from escalera.testing import provider_suite as suite

pytestmark = pytest.mark.network

WITH_ADAPTER = Request(messages=suite.question("one").messages, adapter="a" * 64)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A process for all tests."""
    with kept_server(tmp_path_factory.mktemp("vllm")) as (server, port):
        server.start()
        yield f"http://127.0.0.1:{port}/v1"


def hold(check: Callable[..., Any], url: str, **more: Any) -> None:
    """Run one check on a fresh provider."""

    async def checked() -> None:
        endpoint = Endpoint(name="base", base_url=url, model="base", api_key=KEY)
        adapters = LoadedAdapters(endpoint, options=options(), folder=Path)
        provider = VLLMProcess(endpoint, adapters=adapters, clock=SystemClock())
        try:
            await check(provider, **more)
        finally:
            await provider.close()

    asyncio.run(checked())


@pytest.mark.parametrize(
    "check",
    [
        suite.says_how_it_is_fed,
        suite.answers_in_order,
        suite.answers_nothing_to_nothing,
        suite.keeps_to_max_tokens,
        suite.streams_what_it_answers,
    ],
)
def test_a_promise_of_the_port(check: Callable[..., Any], url: str) -> None:
    """Every check of the suite holds; its docstring says what it proves."""
    hold(check, url)


@pytest.mark.parametrize("check", [suite.refuses_one_and_answers_the_rest, suite.refuses_a_stream])
def test_a_request_that_can_never_work(check: Callable[..., Any], url: str) -> None:
    """An adapter that is not there spoils no other request."""
    hold(check, url, bad=WITH_ADAPTER)
