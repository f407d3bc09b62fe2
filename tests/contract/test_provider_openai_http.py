"""The provider's contract, held by the HTTP client in front of our own gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from escalera.apps.gateway.app import application
from escalera.domain.contract import OutputContract, OutputMode
from escalera.domain.message import Request
from escalera.edges import schemas
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


SCHEMA = """{"type":"object","properties":{"theme":{"enum":["app","cost"]},"n":{"type":"integer"}},
    "required":["theme"],"additionalProperties":false}"""


async def endpoint_with_contracts(scope: Any, receive: Any, send: Any) -> None:
    """Does what it is asked: strict JSON, any JSON, or the arguments of the function."""
    body = b""
    while (event := await receive()).get("more_body"):
        body += event["body"]
    asked = json.loads(body + event["body"])
    said: dict[str, Any] = {"content": '{"theme":"app"}'}
    if asked.get("response_format", {}).get("json_schema", {}).get("strict"):
        said = {"content": '{"theme":"app","n":null}'}
    if "tool_choice" in asked:
        call = {"index": 0, "id": "1", "type": "function"}
        function = {"name": "answer", "arguments": '{"theme":"app"}'}
        said = {"content": None, "tool_calls": [call | {"function": function}]}
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    whole = {"model": "m", "usage": usage}
    if asked.get("stream"):
        choice = {"index": 0, "delta": said, "finish_reason": "stop"}
        events = (json.dumps(whole | {"choices": [choice]}), "[DONE]")
        text, kind = "".join(f"data: {event}\n\n" for event in events), b"text/event-stream"
    else:
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        text, kind = json.dumps(whole | {"choices": [choice]}), b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": text.encode()})


@pytest.mark.parametrize("mode", ["json_object", "json_schema", "tools"])
def test_an_endpoint_keeps_to_a_schema(mode: OutputMode) -> None:
    """In every mode the answer is valid against the schema as it was written."""
    output = OutputContract(schema=SCHEMA, mode=mode)
    with serving(endpoint_with_contracts) as url:
        hold(suite.keeps_to_a_schema, url, output=output, invalid=schemas.invalid)
