"""The provider's contract, held by the HTTP client in front of our own gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.engine.serve import Desk, Served
from escalera.testing import provider_suite as suite
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = pytest.mark.network

NO_MESSAGES = Request(messages=())
WITH_ADAPTER = Request(messages=suite.question("one").messages, adapter="a" * 64)
Check = Callable[..., Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Our gateway over a provider that echoes."""
    echo = ScriptedProvider(lambda request: request.messages[-1].content)
    models = {"small": Served(revision="r1", provider=echo)}
    desk = Desk(label="support", route=None, models=models, infer=None)
    with serving(application(desk, api_key="key", now=lambda: 0.0)) as base:
        yield base


def hold(check: Check, url: str, **more: Any) -> None:
    """Run one check on a fresh client."""

    async def checked() -> None:
        endpoint = Endpoint(name="own", base_url=url + "/v1", model="small", api_key="key")
        provider = OpenAIHTTP(endpoint, clock=SystemClock(), attempts=1)
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
def test_a_promise_of_the_port(check: Check, url: str) -> None:
    """Every check of the suite holds; its docstring says what it proves."""
    hold(check, url)


@pytest.mark.parametrize("bad", [NO_MESSAGES, WITH_ADAPTER])
@pytest.mark.parametrize("check", [suite.refuses_one_and_answers_the_rest, suite.refuses_a_stream])
def test_a_request_that_can_never_work(check: Check, bad: Request, url: str) -> None:
    """What the server or the client refuses spoils no other request."""
    hold(check, url, bad=bad)
