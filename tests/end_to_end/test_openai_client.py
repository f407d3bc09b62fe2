"""OpenAI's own Python client talks to our gateway and finds nothing odd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from escalera.apps.gateway.app import application
from escalera.domain.message import Decoding
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import Faults, ScriptedProvider

pytestmark = pytest.mark.network

ORDERS = System(
    model="small", revision="r1", prompt=Prompt(system="Change it."), decoding=Decoding()
)
HELLO: Any = [{"role": "user", "content": "one less"}]
ANSWER = "Change it. one less"
TOOL = {"type": "function", "function": {"name": "change"}}


@contextmanager
def gateway(faults: Faults | None = None) -> Iterator[str]:
    """The base URL of a gateway over a provider that says all it was told."""
    provider = ScriptedProvider(
        lambda request: " ".join(turn.content for turn in request.messages), faults=faults
    )
    desk = Desk(
        label="support",
        route=Route(branches=(Branch(task="orders", system=ORDERS),)),
        models={"small": Served(revision="r1", provider=provider)},
        infer=None,
    )
    with serving(application(desk, api_key="secret", now=lambda: 1_000.0)) as url:
        yield url + "/v1"


@contextmanager
def client(faults: Faults | None = None, *, api_key: str = "secret") -> Iterator[openai.OpenAI]:
    """The official client, without its own retries."""
    with (
        gateway(faults) as url,
        openai.OpenAI(base_url=url, api_key=api_key, max_retries=0) as made,
    ):
        yield made


def test_a_chat_completion() -> None:
    """The typed answer has text, reason, usage, and the headers say what answered."""
    with client() as made:
        raw = made.chat.completions.with_raw_response.create(model="support", messages=HELLO)
    found = raw.parse()
    assert found.choices[0].message.content == ANSWER
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert found.usage.total_tokens == 8
    assert raw.headers["x-escalera-system"] == ORDERS.digest
    assert raw.headers["x-escalera-task"] == "orders"


def test_parameters_reach_the_model() -> None:
    """max_tokens cuts the answer, and the reason says so."""
    with client() as made:
        found = made.chat.completions.create(
            model="small", messages=HELLO, max_tokens=1, temperature=0, user="u", n=1
        )
    assert found.choices[0].message.content == "one"
    assert found.choices[0].finish_reason == "length"


def test_a_stream() -> None:
    """Pieces join to the answer; the usage comes last, as asked for."""
    with client() as made:
        chunks = list(
            made.chat.completions.create(
                model="support/orders",
                messages=HELLO,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ANSWER
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


def test_the_stream_helper() -> None:
    """The client's accumulating helper builds the same answer from our events."""
    with client() as made, made.chat.completions.stream(model="support", messages=HELLO) as stream:
        found = stream.get_final_completion()
    assert found.choices[0].message.content == ANSWER


def test_the_async_client() -> None:
    """The asynchronous client gets the same, whole and in pieces."""

    async def both(url: str) -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=url, api_key="secret", max_retries=0) as made:
            whole = await made.chat.completions.create(model="support", messages=HELLO)
            stream = await made.chat.completions.create(
                model="support", messages=HELLO, stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return whole.choices[0].message.content, "".join(pieces)

    with gateway() as url:
        assert asyncio.run(both(url)) == (ANSWER, ANSWER)


def test_models() -> None:
    """The client lists what can be asked."""
    with client() as made:
        assert [model.id for model in made.models.list()] == ["support", "support/orders", "small"]


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"model": "gpt"}, openai.NotFoundError, "model_not_found"),
        ({"tools": [TOOL]}, openai.BadRequestError, "unsupported_parameter"),
        ({"messages": []}, openai.BadRequestError, None),
        ({"messages": [{"role": "user", "content": "x" * 2**20}]}, openai.APIStatusError, None),
    ],
)
def test_errors_are_the_clients_own(
    changes: dict[str, Any], kind: type[openai.APIStatusError], code: str | None
) -> None:
    """Every refusal arrives as the exception that users of the client know."""
    with client() as made, pytest.raises(kind) as caught:
        made.chat.completions.create(**{"model": "support", "messages": HELLO, **changes})
    if code is not None:
        assert caught.value.code == code


def test_a_wrong_key() -> None:
    """A wrong key is an authentication error."""
    with client(api_key="wrong") as made, pytest.raises(openai.AuthenticationError):
        made.models.list()


def test_the_client_tries_again_only_where_it_helps() -> None:
    """The client's own retries get over a failure upstream, and are not spent on a rejection."""
    once = Faults(first=1)
    with client(once) as made:
        again = made.with_options(max_retries=1)
        found = again.chat.completions.create(model="support", messages=HELLO)
        assert found.choices[0].message.content == ANSWER
    with client(Faults(first=1, kind="rejected")) as made:
        again = made.with_options(max_retries=1)
        with pytest.raises(openai.BadRequestError, match="rejection"):
            again.chat.completions.create(model="support", messages=HELLO)


def test_a_broken_stream_raises() -> None:
    """After the pieces that came, the client raises instead of ending quietly."""
    with client(Faults(after_pieces=2)) as made:
        stream = made.chat.completions.create(model="support", messages=HELLO, stream=True)
        pieces: list[str] = []
        with pytest.raises(openai.APIError, match="scripted failure"):
            pieces.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert pieces == ["", "Change", " it."]
