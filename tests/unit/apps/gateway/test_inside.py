"""Asking from within, in the name of a key."""

from __future__ import annotations

import asyncio
import json

import pytest

from escalera.apps.gateway import admitting
from escalera.apps.gateway.admitting import ManyKeys, OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.inside import ByName, Inside
from escalera.apps.gateway.wire import Refusal
from escalera.domain.access import Allowance, Key, Limits
from escalera.domain.message import Reply, Usage
from escalera.domain.project import ModelPrice
from escalera.engine.serve import Desk, Served
from escalera.testing.gateway_stores import MemoryKeys
from escalera.testing.scripted import ScriptedProvider

NOW = 1_800_000_000.0
CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()


class Parrot:
    """Says one thing; or breaks as nothing should, or never ends."""

    unit = concurrency = 1

    def __init__(self, how: str = "") -> None:
        self.how = how
        self.cancelled = False

    async def answer(self, requests):
        if self.how == "bug":
            raise ZeroDivisionError
        if self.how == "hang":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        return [
            Reply(
                text="hello",
                finish_reason="stop",
                usage=Usage(prompt_tokens=1, completion_tokens=1),
                micro_dollars=0,
                seconds=0.1,
                revision="r",
            )
            for _ in requests
        ]

    async def close(self) -> None:
        """Nothing is held."""


def gateway(provider, *, keys: MemoryKeys | None = None, price: ModelPrice | None = None):
    """A gateway, its records, and its entrance."""
    records: list = []
    served = Served(revision="r", provider=provider, price=price)
    desk = Desk(label="x", route=None, infer=None, models={"m": served})
    entrance = None
    if keys is not None:
        entrance = ManyKeys(Door(keys, keys, now=lambda: NOW), now=lambda: NOW, cap=10)
    setup = Setup(entrance=entrance, sink=lambda record: records.append(record) or True)
    return application(desk, api_key=None, now=lambda: NOW, setup=setup), records, entrance


def run(made, entrance, *asking):
    async def story():
        if entrance is not None:
            await entrance.open()
        return [await one(made.inside) for one in asking]

    return asyncio.run(story())


def test_an_answer_is_that_of_a_request_from_outside():
    """Whole, with its headers, and in the books with its key."""
    keys = MemoryKeys()
    keys.put(Key(id="key_1", name="a", digest=b"1" * 32, created=NOW))
    made, records, entrance = gateway(Parrot(), keys=keys)
    (said,) = run(made, entrance, lambda inside: inside.ask(CHAT, BODY, key="key_1"))
    assert said.status == 200
    assert said.header(b"x-escalera-request").startswith("req_")
    assert json.loads(said.body)["choices"][0]["message"]["content"] == "hello"
    assert said.fault == ""
    assert [record.key for record in records] == ["key_1"]
    assert made.regime.requests == 0


def test_limits_are_those_of_the_key():
    """The second call is one too many, and says when there may be another."""
    keys = MemoryKeys()
    limits = Limits(requests=1)
    keys.put(Key(id="key_1", name="a", digest=b"1" * 32, created=NOW, limits=limits))
    made, _, entrance = gateway(Parrot(), keys=keys)
    ask = lambda inside: inside.ask(CHAT, BODY, key="key_1")  # noqa: E731
    first, second = run(made, entrance, ask, ask)
    assert (first.status, second.status) == (200, 429)
    assert int(second.header(b"retry-after")) > 0


@pytest.mark.parametrize("stream", [False, True])
def test_several_answers_are_reserved_and_paid_for_together(stream):
    """Never more than the allowance: where the most that they can cost is too much, none is asked.

    A word costs two micro-dollars, a word of the prompt one; each answer has at most ten.
    """
    keys = MemoryKeys()
    body = {"model": "m", "messages": [{"role": "user", "content": "one two"}], "stream": stream}
    prompt = len(json.dumps({**body, "n": 5})) + 512
    allowance = Allowance(micro_dollars=prompt + 5 * 10 * 2)
    keys.put(Key(id="key_1", name="a", digest=b"1" * 32, created=NOW, allowance=allowance))
    provider = ScriptedProvider(lambda _: "word " * 30, concurrency=9)
    price = ModelPrice(prompt=1_000_000, completion=2_000_000)
    made, records, entrance = gateway(provider, keys=keys, price=price)

    def ask(n):
        data = json.dumps({**body, "n": n}).encode()
        return lambda inside: inside.ask(CHAT, data, key="key_1")

    refused, given = run(made, entrance, ask(6), ask(5))
    assert (refused.status, given.status) == (429, 200)
    assert {request.decoding.max_tokens for request in provider.requests} == {10}
    assert len(provider.requests) == 5
    (record,) = [one for one in records if one.status == 200]
    assert record.cost == 2 + 5 * 10 * 2


def test_a_key_that_is_good_for_nothing_gets_nothing():
    """Revoked or unknown."""
    keys = MemoryKeys()
    keys.put(Key(id="key_1", name="a", digest=b"1" * 32, created=NOW, revoked=NOW - 1))
    made, _, entrance = gateway(Parrot(), keys=keys)
    found = run(
        made,
        entrance,
        *(lambda inside, k=k: inside.ask(CHAT, BODY, key=k) for k in ("key_1", "key_2", "")),
    )
    assert [said.status for said in found] == [401, 401, 401]


def test_a_fault_of_ours_is_told():
    """As a 500 to whoever reads the answer, and in words to the operator."""
    made, _, _ = gateway(Parrot("bug"))
    (said,) = run(made, None, lambda inside: inside.ask(CHAT, BODY, key=""))
    assert said.status == 500
    assert "ZeroDivisionError" in said.fault


def test_whoever_stops_waiting_ends_the_work():
    """Nothing is asked for nobody."""
    parrot = Parrot("hang")
    made, _, _ = gateway(parrot)

    async def give_up(inside: Inside) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await inside.ask(CHAT, BODY, key="")

    run(made, None, give_up)
    assert parrot.cancelled
    assert made.regime.requests == made.inside.asking == 0


def test_the_one_key_is_everybodys():
    """And no secret is needed inside."""
    entrance = ByName(OneKey("secret"))
    caller = entrance.known(b"")
    assert asyncio.run(entrance.enter(b"key_1")) is caller is entrance.named("key_1")
    assert not entrance.is_open


def test_a_store_of_keys_that_is_away_too_long_is_told(monkeypatch):
    """As to callers: nobody is taken for somebody."""
    door = Door(MemoryKeys(), MemoryKeys(), now=lambda: NOW)
    monkeypatch.setattr(door, "_stale", True)
    entrance = admitting.ManyKeys(door, now=lambda: NOW, cap=1)
    with pytest.raises(Refusal) as caught:
        entrance.named("key_1")
    assert caught.value.status == 503
