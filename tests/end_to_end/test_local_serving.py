"""A model in this process behind the gateway, asked by OpenAI's client."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai
import pytest

pytest.importorskip("torch")

from escalera.apps.gateway.app import application
from escalera.domain.project import BaseModel
from escalera.edges.clock import SystemClock
from escalera.edges.providers.continuous import Room
from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.tiny import tiny_model

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway over a tiny model with two places and a queue of three."""
    folder = tiny_model(tmp_path_factory.mktemp("tiny"))
    engine = ContinuousEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
        folder=folder,
        adapters=lambda name: folder / name,
        clock=SystemClock(),
        serving=Serving(queue=3, room=Room(rows=2)),
        tell=pytest.fail,
    )
    served = {"tiny": Served(revision="r1", provider=engine)}
    desk = Desk(label="support", route=None, models=served, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 1_000.0)) as url:
        yield url + "/v1"
    asyncio.run(engine.close())


def asked(number: int, **how: Any) -> dict[str, Any]:
    """One of many questions."""
    messages = [{"role": "user", "content": f"Question {number}?"}]
    return {"model": "tiny", "messages": messages, "max_tokens": 60, "temperature": 0} | how


def using(gateway: str, work: Any) -> Any:
    """What *work* makes of an asynchronous client without retries."""

    async def used() -> Any:
        async with openai.AsyncOpenAI(base_url=gateway, api_key="-", max_retries=0) as client:
            return await work(client)

    return asyncio.run(used())


def test_a_burst_is_answered_or_sent_away_with_a_time(gateway: str) -> None:
    """Of twenty at once five are let in; the others get 429 and a time, and may come again then."""

    async def burst(client: openai.AsyncOpenAI) -> Any:
        return await asyncio.gather(
            *(client.chat.completions.create(**asked(n)) for n in range(20)),
            return_exceptions=True,
        )

    found = using(gateway, burst)
    kinds = Counter(type(one).__name__ for one in found)
    assert kinds["RateLimitError"] + kinds["ChatCompletion"] == 20
    assert kinds["ChatCompletion"] >= 5
    refused = [one for one in found if isinstance(one, openai.RateLimitError)]
    assert refused
    for error in refused:
        assert 1 <= int(error.response.headers["retry-after"]) <= 60
        assert error.response.headers["x-should-retry"] == "true"
        assert error.code == "upstream_overloaded"
    (later,) = [using(gateway, lambda client: client.chat.completions.create(**asked(1)))]
    assert later.usage.completion_tokens == 60


def test_a_caller_that_goes_away_frees_its_place(gateway: str) -> None:
    """Streams are left in the middle; others are let in, and are told what they would be."""

    async def left(client: openai.AsyncOpenAI) -> Any:
        before = await client.chat.completions.create(**asked(7))
        streams = [
            await client.chat.completions.create(**asked(n, stream=True, max_tokens=400))
            for n in range(2)
        ]
        for stream in streams:
            await anext(aiter(stream))
            await stream.close()
        for _ in range(200):
            try:
                return before, [await client.chat.completions.create(**asked(7)) for _ in range(3)]
            except openai.RateLimitError:
                await asyncio.sleep(0.02)
        return before, []

    before, after = using(gateway, left)
    said = [one.choices[0].message.content for one in after]
    assert said == [before.choices[0].message.content] * 3
