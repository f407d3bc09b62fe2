"""OpenAI's own Python client before `escalera serve`: everything it can ask for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.end_to_end import served

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
SAID = " word1 word2 word3 word4"


class Weather(BaseModel):
    """What an answer is to look like."""

    city: str
    degrees: int


TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": Weather.model_json_schema(), "strict": True},
}
FLAT: Any = {
    "type": "function",
    "name": "weather",
    "parameters": Weather.model_json_schema(),
    "strict": True,
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[served.Gateway]:
    with served.gateway(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def client(gateway: served.Gateway) -> Iterator[openai.OpenAI]:
    gateway.a.fault = gateway.b.fault = ""
    with gateway.client() as made:
        yield made


def test_chats(client: openai.OpenAI) -> None:
    """Whole and streamed they say the same; usage comes in the stream where it is asked for."""
    found = client.chat.completions.create(model="a", messages=MESSAGES)
    assert found.choices[0].message.content == f"a{SAID}"
    assert found.usage is not None
    assert found.usage.completion_tokens == 5
    with client.chat.completions.stream(
        model="a", messages=MESSAGES, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == f"a{SAID}"
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    assert final.usage.completion_tokens == 5
    chunks = [*client.chat.completions.create(model="a", messages=MESSAGES, stream=True)]
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_tools(client: openai.OpenAI) -> None:
    """Calls of functions arrive whole, and piece by piece."""
    found = client.chat.completions.create(model="a", messages=MESSAGES, tools=[TOOL])
    (call,) = found.choices[0].message.tool_calls or ()
    assert found.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(model="a", messages=MESSAGES, tools=[TOOL]) as stream:
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls or ()
    for one in (call, streamed):
        assert json.loads(one.function.arguments) == {"city": "mock", "degrees": 1}
    response = client.responses.create(model="a", input="Hello", tools=[FLAT])
    assert [item.type for item in response.output] == ["function_call"]


def test_structured_outputs(client: openai.OpenAI) -> None:
    """Parsed into a model, by chats and by responses, streamed too."""
    expected = Weather(city="mock", degrees=1)
    found = client.chat.completions.parse(model="a", messages=MESSAGES, response_format=Weather)
    assert found.choices[0].message.parsed == expected
    with client.chat.completions.stream(
        model="a", messages=MESSAGES, response_format=Weather
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == expected
    response = client.responses.parse(model="a", input="Hello", text_format=Weather)
    assert response.output_parsed == expected


def test_responses_completions_embeddings_models(client: openai.OpenAI) -> None:
    """The other calls of the API."""
    assert client.responses.create(model="a", input="Hello").output_text == f"a{SAID}"
    with client.responses.stream(model="a", input="Hello") as stream:
        assert stream.get_final_response().output_text == f"a{SAID}"
    assert client.completions.create(model="a", prompt="x").choices[0].text == f"a{SAID}"
    pieces = client.completions.create(model="a", prompt="x", stream=True)
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == f"a{SAID}"
    vectors = client.embeddings.create(model="a", input=["x", "y"])
    assert [vector.embedding[:2] for vector in vectors.data] == [[1.0, 0.0], [0.0, 1.0]]
    assert {"a", "b"} <= {model.id for model in client.models.list()}


def test_many_at_once(gateway: served.Gateway) -> None:
    """The asynchronous client, a hundred calls in flight, half of them streams."""
    gateway.a.fault = ""

    async def work() -> list[str]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="k", max_retries=0) as client:

            async def whole() -> str:
                found = await client.chat.completions.create(model="a", messages=MESSAGES)
                return found.choices[0].message.content or ""

            async def streamed() -> str:
                stream = await client.chat.completions.create(
                    model="a", messages=MESSAGES, stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(one() for one in [whole, streamed] * 50))

    assert set(asyncio.run(work())) == {f"a{SAID}"}


def test_failures_before_and_within_an_answer(
    gateway: served.Gateway, client: openai.OpenAI
) -> None:
    """Before a word the other model answers; after it an error is raised, and nothing invented."""
    gateway.a.fault = "reset-before-head"
    found = client.chat.completions.create(model="a", messages=MESSAGES)
    assert found.choices[0].message.content == f"b{SAID}"
    gateway.a.fault = "cut-mid"
    heard: list[Any] = []
    chunks = client.chat.completions.create(model="a", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        heard.extend(chunk.choices[0] for chunk in chunks)
    assert "".join(choice.delta.content for choice in heard) == "a word1"
    assert not any(choice.finish_reason for choice in heard)
    gateway.a.fault = "status-400"
    with pytest.raises(openai.BadRequestError, match="the caller's mistake"):
        client.chat.completions.create(model="a", messages=MESSAGES)
    gateway.a.fault = gateway.b.fault = "status-503"
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="a", messages=MESSAGES)


def test_the_body_is_passed_on_as_the_upstream_wrote_it(
    gateway: served.Gateway, client: openai.OpenAI
) -> None:
    """Byte for byte, fields that no client knows of included."""
    through = client.chat.completions.with_raw_response.create(model="b", messages=MESSAGES)
    with openai.OpenAI(base_url=gateway.b.url, api_key="k") as straight:
        told = straight.chat.completions.with_raw_response.create(
            model="model-b", messages=MESSAGES
        )
    assert len(gateway.b.requests[-2][1]) == len(gateway.b.requests[-1][1])
    assert through.content == told.content
