"""Who comes in, what is reserved for a request, and what it counts in the end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from escalera.apps.gateway import fields
from escalera.apps.gateway.asked import Asked, Opened, Provenance
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.entrance import CAP, Entrance, Terms
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import keys
from escalera.domain.access import Allowance, Key, Limits
from escalera.domain.message import Usage
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Attempt
from escalera.testing.gateway_stores import MemoryKeys

TOKEN = b"esk-one"
NOW = 1_800_000_000.0
PRICE = ModelPrice(prompt=1_000_000, completion=2_000_000)  # 1 and 2 micro-dollars a token
KEY = Key(
    id="k",
    name="shop",
    digest=keys.digest("esk-one"),
    created=0.0,
    allowance=Allowance(micro_dollars=100_000),
)
TERMS = {
    "m": Terms(price=PRICE),
    "capped": Terms(price=PRICE, cap=10, frame=1000),
    "hedged": Terms(price=PRICE, calls=2),
    "free": Terms(price=None),
}


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


def found(usage: Usage | None) -> Opened:
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
    return Attempt(deployment="d", purpose="hedge", started=0.0, seconds=1.0, fault=fault)


def entering(story, *entries: Key):
    """Run a story with an entrance, the store behind it, and the caller of the first key."""

    async def run() -> None:
        store = MemoryKeys()
        for entry in entries or (KEY,):
            store.put(entry)
        door = Door(store, store, now=lambda: NOW, slice_=0)
        await door.open()
        entrance = Entrance(door, terms=TERMS.get, wall=lambda: NOW)
        try:
            await story(entrance, store)
        finally:
            await door.close()

    asyncio.run(run())


def test_who_has_no_key_is_refused():
    """Missing, wrong or revoked: 401; where nobody can look: 503, never in."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        assert (await entrance.enter(TOKEN)).key == KEY
        for token in (b"", b"esk-two", b"esk-gone"):
            with pytest.raises(Refusal) as refused:
                await entrance.enter(token)
            assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
        store.down = True
        with pytest.raises(Refusal) as refused:
            await entrance.enter(b"esk-new")
        assert (refused.value.status, refused.value.retry_after) == (503, 1.0)
        assert (await entrance.enter(TOKEN)).key == KEY

    gone = replace(KEY, id="g", digest=keys.digest("esk-gone"), revoked=1.0)
    entering(story, KEY, gone)


def test_a_request_is_reserved_at_its_most_and_settled_by_its_usage():
    """Bytes for tokens of the prompt, the limit for those of the answer."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller, request = await entrance.enter(TOKEN), asked(max_tokens=100)
        passed = await entrance.admit(caller, request)
        assert (passed.key, request.capped) == ("k", None)
        assert caller.own.held == len(request.body) + 512 + 200
        passed.settle(request, found(Usage(prompt_tokens=7, completion_tokens=3)))
        assert (caller.own.held, caller.own.spent) == (0, 13)

    entering(story)


@pytest.mark.parametrize(("model", "cap", "frame"), [("m", CAP, 0), ("capped", 10, 1000)])
def test_an_answer_without_a_limit_gets_one(model, cap, frame):
    """Or its cost would have no bound; embeddings have no answer to limit."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller, request = await entrance.enter(TOKEN), asked(model=model)
        await entrance.admit(caller, request)
        assert request.capped == cap
        assert caller.own.held == len(request.body) + 512 + frame + 2 * cap
        before = caller.own.held
        request = asked("embeddings", model=model, input="a")
        await entrance.admit(caller, request)
        assert request.capped is None
        assert caller.own.held - before == len(request.body) + 512 + frame

    entering(story)


def test_a_key_without_an_allowance_keeps_its_requests_as_they_are():
    """No limit is set into them, and no price is needed."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        request = asked(model="free", input="", previous_response_id="r")
        passed = await entrance.admit(await entrance.enter(TOKEN), request)
        assert request.capped is None
        passed.settle(request, None)

    entering(story, replace(KEY, allowance=None))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (asked(model="free"), "price_unknown"),
        (asked(model="none"), "price_unknown"),
        (asked("responses", input="", previous_response_id="r"), "cost_unbounded"),
        (asked(max_tokens=100_000), "insufficient_quota"),
    ],
)
def test_what_would_not_keep_an_allowance_is_refused(request_, code):
    """With a code that says why."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller = await entrance.enter(TOKEN)
        with pytest.raises(Refusal) as refused:
            await entrance.admit(caller, request_)
        assert refused.value.code == code
        assert caller.own.held == 0

    entering(story)


def test_what_never_told_its_usage_counts_in_full():
    """An answer that broke off, and a caller who left; what failed before an answer is free."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller = await entrance.enter(TOKEN)
        most = 0
        for opened, faults, counts in (
            (None, ["status", "connect"], False),
            (None, ["status", "cancelled"], True),
            (found(None), [], True),
        ):
            request = asked(max_tokens=10)
            passed = await entrance.admit(caller, request)
            most += caller.own.held if counts else 0
            request.attempts += map(attempt, faults)
            passed.settle(request, opened)
            assert (caller.own.spent, caller.own.held) == (most, 0)

    entering(story)


def test_a_hedge_that_lost_counts_as_dear_as_it_may_have_been():
    """Two calls are reserved; the one that was left half way is counted at its most."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller = await entrance.enter(TOKEN)
        request = asked(model="hedged", max_tokens=10)
        passed = await entrance.admit(caller, request)
        one = len(request.body) + 512 + 20
        assert caller.own.held == 2 * one
        request.attempts.append(attempt("cancelled"))
        passed.settle(request, found(Usage(prompt_tokens=7, completion_tokens=3)))
        assert caller.own.spent == one + 13

    entering(story)


def test_limits_of_a_minute_are_settled_by_tokens_used():
    """They are estimated, so a long prompt is not held against a key for ever."""

    async def story(entrance: Entrance, store: MemoryKeys) -> None:
        caller = await entrance.enter(TOKEN)
        request = asked(max_tokens=900)
        passed = await entrance.admit(caller, request)
        with pytest.raises(Refusal) as refused:
            await entrance.admit(caller, asked(max_tokens=900))
        assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")
        assert refused.value.retry_after > 0
        passed.settle(request, found(Usage(prompt_tokens=7, completion_tokens=3)))
        await entrance.admit(caller, asked(max_tokens=900))

    entering(story, replace(KEY, allowance=None, limits=Limits(tokens=1000)))
