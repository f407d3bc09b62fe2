"""Guards that ask something of the outside."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.apps.gateway.guarding import chat, content, delta, dumped, said

from escalera.apps.gateway import filtering
from escalera.apps.gateway.filtering import Filter, HeldStream
from escalera.apps.gateway.guarded import Guarded
from escalera.core.serving.guarding.vault import Vault
from escalera.errors import GuardBlocked, GuardFailed


class Zebras:
    """Finds zebras; fails at lions."""

    async def spans(self, text, *, side, role):
        if "lion" in text:
            raise GuardFailed("afraid", guard="zoo")
        at = text.find("zebra")
        return [] if at < 0 else [(at, at + 5)]

    async def close(self):
        """Nothing is held."""


def zoo(action="redact", **more):
    return [Filter(name="zoo", asks=Zebras(), action=action, **more)]


def sent(filters, text):
    return asyncio.run(filtering.request(filters, "chat", Guarded(body=chat(text))))


def test_what_a_filter_finds_is_redacted_and_comes_back():
    """Under the name of the guard."""
    found = sent(zoo(), "a zebra here")
    assert json.loads(found.body)["messages"][0]["content"] == "a [ZOO_1] here"
    assert found.vault.restore("[ZOO_1]") == "zebra"
    assert [one.kind for one in found.findings] == ["zoo"]


def test_blocks_and_flags():
    """As with the other guards."""
    with pytest.raises(GuardBlocked, match="zoo"):
        sent(zoo("block"), "a zebra")
    found = sent(zoo("flag"), "a zebra")
    assert found.body == chat("a zebra")
    assert [one.action for one in found.findings] == ["flag"]


def test_a_failure_does_not_pass():
    """Unless the guard says so; then it is a finding."""
    with pytest.raises(GuardFailed, match="afraid"):
        sent(zoo(), "a lion")
    found = sent(zoo(passes=True), "a lion")
    assert [one.kind for one in found.findings] == [filtering.FAILED]


def test_sides_and_roles():
    """Only where they are to look."""
    assert sent(zoo(side="output"), "a zebra").findings == ()
    assert sent(zoo(roles=("tool",)), "a zebra").findings == ()
    body = dumped({"choices": [{"message": {"content": "zebra"}}]})
    got = asyncio.run(filtering.answer(zoo(), "chat", Guarded(body=body)))
    assert json.loads(got.body)["choices"][0]["message"]["content"] == "[ZOO_1]"


def test_a_stream_is_held_until_its_end():
    """Then it says what was left in one piece, with every event in its place."""
    held = HeldStream(zoo(), "chat", Vault())
    events = [delta({"content": piece}) for piece in ("a ze", "bra", " and more")]
    assert [held.push(one) for one in (*events, delta({}, finish="stop"))] == [b""] * 4
    assert held.push(b"data: [DONE]\n\n") == b""
    got = asyncio.run(held.finish())
    assert content(got) == "a [ZOO_1] and more"
    assert len(said(got)) == 4
    assert got.endswith(b"data: [DONE]\n\n")
    assert len(held.findings) == 1


def test_a_stream_with_nothing_in_it_is_passed_on_byte_for_byte():
    """Once it is known."""
    held = HeldStream(zoo(), "chat", Vault())
    events = delta({"content": "a horse"}) + delta({}, finish="stop")
    held.push(events)
    assert asyncio.run(held.finish()) == events


def test_a_stream_that_is_blocked():
    """Says nothing."""
    held = HeldStream(zoo("block"), "chat", Vault())
    held.push(delta({"content": "zebra"}))
    with pytest.raises(GuardBlocked):
        asyncio.run(held.finish())


def called(arguments, **more):
    """A message with a call of a function."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call], **more}


def given(message):
    return json.loads(message["tool_calls"][0]["function"]["arguments"])


@pytest.mark.parametrize("action", ["redact", "block", "flag"])
def test_the_arguments_of_a_call_are_seen_without_their_escapes(action):
    """As the other guards see them; what is left of them is JSON, and what was cut comes back."""
    body = dumped({"model": "m", "messages": [called(r'{"a": "\u007aebra\n", "zebra": 7}')]})

    def ask():
        return asyncio.run(filtering.request(zoo(action), "chat", Guarded(body=body)))

    if action == "block":
        with pytest.raises(GuardBlocked, match="zoo"):
            ask()
        return
    found = ask()
    (first, *_) = found.findings
    assert (first.start, first.end) == (7, 12)
    if action == "redact":
        message = json.loads(found.body)["messages"][0]
        assert given(message) == {"a": "[ZOO_1]\n", "zebra": 7}
        assert found.vault.restore("[ZOO_1]") == "zebra"


def test_arguments_in_a_stream_and_in_an_answer():
    """Whole once they are there, whatever piece an escape was cut in."""
    pieces = ('{"a": "\\u00', '7aebra"', "}")
    held = HeldStream(zoo(), "chat", Vault())
    for piece in pieces:
        call = {"index": 0, "function": {"arguments": piece}}
        held.push(delta({"tool_calls": [call]}))
    got = said(asyncio.run(held.finish()))
    calls = [one["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for one in got]
    assert json.loads("".join(calls)) == {"a": "[ZOO_1]"}
    body = dumped({"choices": [{"message": called("".join(pieces))}]})
    whole = asyncio.run(filtering.answer(zoo(), "chat", Guarded(body=body)))
    assert given(json.loads(whole.body)["choices"][0]["message"]) == {"a": "[ZOO_1]"}
