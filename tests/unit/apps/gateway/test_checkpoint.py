"""The checkpoint: what comes in, what goes out, and streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.apps.gateway.guarding import chat, delta, guarding
from tests.unit.apps.gateway.upstreams import asked

from escalera.apps.gateway.checkpoint import Checkpoint
from escalera.apps.gateway.filtering import Filter
from escalera.errors import GuardBlocked, GuardFailed

MAIL = "ana@example.com"


def request(text: str, **more: Any) -> Any:
    found = asked(**more)
    found.body = chat(text)
    return found


def answer(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message}]}).encode()


class Finding:
    """Finds a word in a text, or fails."""

    def __init__(self, word: str, *, fails: bool = False) -> None:
        self.word, self.fails = word, fails

    async def spans(self, text: str, *, side: str, role: str) -> Sequence[tuple[int, int]]:
        if self.fails:
            raise GuardFailed("it broke", guard="own")
        at = text.find(self.word)
        return [] if at < 0 else [(at, at + len(self.word))]

    async def close(self) -> None:
        """Nothing is held."""


def test_what_was_taken_out_comes_back_to_the_caller_alone() -> None:
    """The model sees a placeholder; the answer has the address again; both are noted."""
    checkpoint, found = Checkpoint(guarding=guarding()), request(f"I am {MAIL}")

    async def run() -> bytes:
        await checkpoint.enter(found)
        assert MAIL.encode() not in found.body
        assert b"[EMAIL_1]" in found.body
        return await checkpoint.leave(found, answer("Hello [EMAIL_1]"))

    assert MAIL.encode() in asyncio.run(run())
    assert found.findings == ["email"]


def test_a_blocked_request_goes_nowhere() -> None:
    """Its body stays as it was, and the guard is told."""
    found = request(f"I am {MAIL}")
    with pytest.raises(GuardBlocked):
        asyncio.run(Checkpoint(guarding=guarding(sent="block")).enter(found))
    assert found.vault is None


@pytest.mark.parametrize("fails", [False, True])
def test_filters_of_ones_own_look_as_well(*, fails: bool) -> None:
    """A finding blocks, and so does a filter that cannot say."""
    own = Filter(name="own", asks=Finding("competitor", fails=fails), action="block", side="input")
    checkpoint = Checkpoint(guarding=guarding(sent="", got=""), filters=[own])
    if not fails:
        asyncio.run(checkpoint.enter(request("harmless")))
    with pytest.raises(GuardFailed if fails else GuardBlocked):
        asyncio.run(checkpoint.enter(request("the competitor is better")))


def test_a_stream_that_nobody_looks_at_is_left_alone() -> None:
    """No guard over the output, and nothing to put back."""
    checkpoint, found = Checkpoint(guarding=guarding(got="")), request("harmless", stream=True)
    asyncio.run(checkpoint.enter(found))
    assert checkpoint.events(found) is None


def test_a_stream_is_redacted_and_what_was_found_is_noted() -> None:
    """The address comes in pieces; the caller gets none of it."""
    checkpoint, found = Checkpoint(guarding=guarding()), request("who?", stream=True)
    asyncio.run(checkpoint.enter(found))
    events = checkpoint.events(found)
    assert events is not None
    passed = b""
    for piece in ("It is ana@ex", "ample.com, ", "yes"):
        passed += events.push(delta({"content": piece}))
        events.raise_blocked()
    passed += events.push(delta({}, finish="stop"))
    passed += asyncio.run(events.finish())
    events.note()
    assert b"ana@" not in passed
    assert b"EMAIL" in passed
    assert found.findings == ["email"]


def test_a_stream_that_is_blocked_says_so() -> None:
    """Nothing follows, whatever comes."""
    checkpoint, found = Checkpoint(guarding=guarding(got="block")), request("who?", stream=True)
    asyncio.run(checkpoint.enter(found))
    events = checkpoint.events(found)
    assert events is not None
    events.push(delta({"content": f"It is {MAIL} and more "}))
    with pytest.raises(GuardBlocked):
        events.raise_blocked()
    assert events.push(delta({"content": "more"})) == b""


def test_a_stream_under_a_filter_is_held_until_its_end() -> None:
    """The filter sees the whole text at once."""
    own = Filter(name="own", asks=Finding("secret"), action="redact", side="output")
    checkpoint = Checkpoint(guarding=guarding(sent="", got=""), filters=[own])
    found = request("who?", stream=True)

    async def run() -> bytes:
        await checkpoint.enter(found)
        events = checkpoint.events(found)
        assert events is not None
        held = events.push(delta({"content": "a sec"})) + events.push(delta({"content": "ret b"}))
        assert held == b""
        passed = await events.finish()
        events.note()
        return passed

    passed = asyncio.run(run())
    assert b"sec" not in passed
    assert found.findings == ["own"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_filter_on_both_sides_gives_callers_back_what_they_sent(*, stream: bool) -> None:
    """It and the guards look before anything is put back; what the model says of its own is cut."""
    own = Filter(name="own", asks=Finding("ACME"), action="redact")
    checkpoint = Checkpoint(guarding=guarding(), filters=[own])
    found = request(f"I am {MAIL} of ACME", stream=stream)
    said = "Hello [EMAIL_1] of [OWN_1]; no, not ACME"

    async def run() -> bytes:
        await checkpoint.enter(found)
        assert b"ACME" not in found.body
        if not stream:
            return await checkpoint.leave(found, answer(said))
        events = checkpoint.events(found)
        assert events is not None
        held = events.push(delta({"content": said[:12]})) + events.push(
            delta({"content": said[12:]})
        )
        return held + await events.finish()

    passed = asyncio.run(run())
    assert f"Hello {MAIL} of ACME; no, not [OWN_2]".encode() in passed
