"""Who is let in, what is reserved for a request, and what it counts in the end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from escalera.apps.gateway import fields
from escalera.apps.gateway.admitting import ManyKeys, OneKey
from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.asked import Asked, Opened, Provenance
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import keys
from escalera.domain.access import Allowance, Key, Limits
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Attempt
from escalera.testing.gateway_stores import MemoryKeys

TOKEN = b"esk-one"
NOW = 1_800_000_000.0
CAP = 4096
PRICE = ModelPrice(prompt=1_000_000, completion=2_000_000)  # 1 and 2 micro-dollars a token
KEY = Key(
    id="k",
    name="shop",
    digest=keys.digest("esk-one"),
    created=0.0,
    allowance=Allowance(micro_dollars=100_000),
)


def plan(name: str = "m", **given: object) -> Plan:
    return Plan(**{"name": name, "tiers": (), "price": PRICE, **given})


def asked(operation: str = "chat", **body: object) -> Asked:
    data = json.dumps({"model": "m", "messages": [], **body}).encode()
    return Asked(
        id="r",
        operation=operation,
        fields=fields.read(operation, data),
        body=data,
        began=0.0,
        started=NOW,
        deadline=1.0,
    )


def found(usage: Used | None) -> Opened:
    return Opened(
        exchange=None,
        provenance=Provenance(deployment="d", price=PRICE),
        purpose="first",
        headers=(),
        body=b"",
        started=0.0,
        began=0.0,
        first_byte=0.1,
        usage=usage,
    )


def attempt(fault: str) -> Attempt:
    return Attempt(deployment="d", purpose="first", started=0.0, seconds=1.0, fault=fault)


def entering(story, *entries: Key):
    """Run a story with an entrance, the store behind it, and keys."""

    async def run() -> None:
        store = MemoryKeys()
        for entry in entries or (KEY,):
            store.put(entry)
        door = Door(store, store, now=lambda: NOW, slice_=0)
        entrance = ManyKeys(door, now=lambda: NOW, cap=CAP)
        await entrance.open()
        try:
            await story(entrance, store)
        finally:
            await entrance.close()

    asyncio.run(run())


async def coming(entrance: ManyKeys, token: bytes = TOKEN):
    """As the hot path lets callers in: from memory, or else from the store."""
    return entrance.known(token) or await entrance.enter(token)


async def passing(entrance: ManyKeys, caller, request: Asked, plan_: Plan):
    """As the hot path admits: from what is leased, or else after a lease."""
    return entrance.admitted(caller, request, plan_) or await entrance.admit(caller, request, plan_)


def test_who_has_no_key_is_refused():
    """Missing, wrong or revoked: 401; where nobody can look: 503, never in."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        assert (await coming(entrance)).key == KEY
        for token in (b"", b"esk-two", b"esk-gone"):
            with pytest.raises(Refusal) as refused:
                await coming(entrance, token)
            assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
        store.down = True
        with pytest.raises(Refusal) as refused:
            await coming(entrance, b"esk-new")
        assert (refused.value.status, refused.value.retry_after) == (503, 1.0)
        assert (await coming(entrance)).key == KEY

    gone = replace(KEY, id="g", digest=keys.digest("esk-gone"), revoked=1.0)
    entering(story, KEY, gone)


def test_that_nobody_can_be_let_in_is_told_whatever_is_asked():
    """What `/ready` asks: a name that nobody has is 401, and 503 once the store is long away."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        with pytest.raises(Refusal) as refused:
            entrance.named("")
        assert refused.value.status == 401
        entrance._door._stale = True
        with pytest.raises(Refusal) as refused:
            entrance.named("")
        assert (refused.value.status, refused.value.code) == (503, "store_unavailable")

    entering(story)


def test_one_key_for_all_counts_nothing():
    """Compared as a whole; without a key everybody comes in."""

    async def story() -> None:
        entrance = OneKey("secret")
        caller = entrance.known(b"secret")
        assert await entrance.enter(b"secret") is caller
        with pytest.raises(Refusal):
            entrance.known(b"secre")
        assert OneKey(None).known(b"anything") is caller
        passed = entrance.admitted(caller, asked(), plan())
        assert await entrance.admit(caller, asked(), plan()) is passed
        assert (passed.key, await passed.extend()) == ("", True)
        passed.settle(asked(), None, 0)

    asyncio.run(story())


def test_a_request_is_reserved_at_its_most_and_settled_by_its_usage():
    """Bytes for tokens of the prompt, the limit for those of the answer."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller, request = await coming(entrance), asked(max_tokens=100)
        passed = await passing(entrance, caller, request, plan())
        assert (passed.key, request.capped) == ("k", None)
        assert caller.own.held == len(request.body) + 512 + 200
        passed.settle(request, found(Used(prompt_tokens=7, completion_tokens=3)), 13)
        assert (caller.own.held, caller.own.spent) == (0, 13)

    entering(story)


def test_an_answer_without_a_limit_gets_one():
    """Or its cost would have no bound; embeddings have no answer to limit."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller, request = await coming(entrance), asked()
        await passing(entrance, caller, request, plan())
        assert request.limit == CAP
        assert caller.own.held == len(request.body) + 512 + 2 * CAP
        before, request = caller.own.held, asked("embeddings", input="a")
        await passing(entrance, caller, request, plan())
        assert caller.own.held - before == len(request.body) + 512

    entering(story)


def test_what_a_measured_system_adds_is_reserved_too():
    """The bytes of its prompt, and its repairs, which read the answer before them."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller, request = await coming(entrance), asked(max_tokens=100)
        await passing(entrance, caller, request, plan(prompt_bytes=1000, calls=2))
        assert caller.own.held == 2 * (len(request.body) + 512 + 1000 + 100 + 200)

    entering(story)


def test_a_key_without_an_allowance_keeps_its_requests_as_they_are():
    """No limit is set into them, and no price is needed."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        request = asked(input="", previous_response_id="r")
        passed = await passing(entrance, await coming(entrance), request, plan(price=None))
        assert request.capped is None
        passed.settle(request, None, 0)

    entering(story, replace(KEY, allowance=None))


@pytest.mark.parametrize(
    ("request_", "price", "status", "code"),
    [
        (asked(), None, 403, "price_unknown"),
        (asked("responses", input="", previous_response_id="r"), PRICE, 403, "cost_unbounded"),
        (asked(max_tokens=100_000), PRICE, 429, "insufficient_quota"),
        (asked("completions", prompt=["a"] * 20), PRICE, 429, "insufficient_quota"),
    ],
)
def test_what_would_not_keep_an_allowance_is_refused(request_, price, status, code):
    """With a code that says why, and no advice to try again."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller = await coming(entrance)
        with pytest.raises(Refusal) as refused:
            await passing(entrance, caller, request_, plan(price=price))
        assert (refused.value.status, refused.value.code) == (status, code)
        assert refused.value.again is False
        assert caller.own.held == 0

    entering(story)


def test_a_model_that_a_key_may_not_ask_is_refused_by_the_name_of_the_plan():
    """Also where the caller named none, and meant the default."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller = await coming(entrance)
        await passing(entrance, caller, asked(max_tokens=1), plan("small"))
        with pytest.raises(Refusal, match="may not ask 'large'"):
            await passing(entrance, caller, asked(max_tokens=1), plan("large"))

    entering(story, replace(KEY, models=("small",)))


@pytest.mark.parametrize(
    ("opened", "faults", "counted"),
    [
        (None, [], 0),
        (None, ["status", "connect"], 0),
        (None, ["status", "cancelled"], 1),
        (None, ["cut", "first-byte-timeout"], 2),
        (found(None), [], 1),
        (found(None), ["cut"], 2),
    ],
)
def test_what_never_told_its_usage_counts_at_its_most(opened, faults, counted):
    """As often as an upstream may have begun to answer; what never did is free."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller, request = await coming(entrance), asked(max_tokens=10)
        passed = await passing(entrance, caller, request, plan())
        one = caller.own.held
        for _ in range(counted - 1):
            assert await passed.extend()
        request.attempts += map(attempt, faults)
        passed.settle(request, opened, 0)
        assert (caller.own.spent, caller.own.held) == (counted * one, 0)
        assert caller.own.beyond == 0

    entering(story)


def test_limits_of_a_minute_are_settled_by_tokens_used():
    """They are estimated, so a long prompt is not held against a key for ever."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller = await coming(entrance)
        request = asked(max_tokens=900)
        passed = await passing(entrance, caller, request, plan())
        with pytest.raises(Refusal) as refused:
            await passing(entrance, caller, asked(max_tokens=900), plan())
        assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")
        assert (refused.value.again, refused.value.retry_after > 0) == (True, True)
        passed.settle(request, found(Used(prompt_tokens=7, completion_tokens=3)), 13)
        await passing(entrance, caller, asked(max_tokens=900), plan())

    entering(story, replace(KEY, allowance=None, limits=Limits(tokens=1000)))


def test_a_further_attempt_waits_for_a_lease_and_not_for_what_is_not_there():
    """A slice that does not suffice is no reason to fail; a key whose money is spent is one."""

    async def story(entrance: ManyKeys, store: MemoryKeys) -> None:
        caller, request = await coming(entrance), asked(max_tokens=10)
        passed = await passing(entrance, caller, request, plan())
        one = caller.own.held
        assert caller.own.reserve(0, caller.own.micro_dollars)  # others hold the rest of the slice
        leases = entrance._door.counts.leases
        assert await passed.extend()
        assert entrance._door.counts.leases == leases + 1
        made = 0
        while await passed.extend():
            made += 1
            assert made < 10_000
        assert entrance._door.counts.shortages > 0
        assert caller.own.held <= KEY.allowance.micro_dollars < caller.own.held + 16 * one

    entering(story)
