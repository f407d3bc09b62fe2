"""The scripted provider."""

from __future__ import annotations

import asyncio

import pytest

from escalera.domain.message import Decoding, Message, Reply, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.errors import ProviderUnavailable, RequestRejected
from escalera.testing.scripted import Faults, ScriptedProvider

ASK = Request(messages=(Message(role="user", content="say it now"),))


def only(provider: ScriptedProvider, request: Request = ASK) -> object:
    (found,) = asyncio.run(provider.answer([request]))
    return found


async def pieces(provider: ScriptedProvider) -> list[str | Reply]:
    return [piece async for piece in provider.stream(ASK)]


def test_words_are_tokens_and_the_limit_holds() -> None:
    """Usage counts words, a longer answer is cut and says so, and the price is applied."""
    price = ModelPrice(prompt=1_000_000, completion=500_000)
    cut = Request(messages=ASK.messages, decoding=Decoding(max_tokens=2))
    reply = only(ScriptedProvider(lambda _: "a b c", price=price), cut)
    assert reply == Reply(
        text="a b",
        finish_reason="length",
        usage=Usage(prompt_tokens=3, completion_tokens=2),
        micro_dollars=4,
        seconds=0.0,
        revision="scripted-1",
    )


@pytest.mark.parametrize("text", ["", " ", "a", " a  b\n", "\n\n"])
def test_pieces_join_to_any_text(text: str) -> None:
    """White space anywhere survives the cutting into pieces."""
    *found, reply = asyncio.run(pieces(ScriptedProvider(lambda _: text)))
    assert "".join(str(piece) for piece in found) == text
    assert isinstance(reply, Reply)
    assert reply.text == text


def test_the_first_requests_fail() -> None:
    """So many fail, then all is well; every request is kept."""
    provider = ScriptedProvider(lambda _: "a", faults=Faults(first=2))
    found = asyncio.run(provider.answer([ASK, ASK, ASK]))
    assert [type(reply) for reply in found] == [ProviderUnavailable, ProviderUnavailable, Reply]
    assert provider.requests == [ASK] * 3


def test_chosen_requests_are_rejected() -> None:
    """A fault can be tied to what is asked, and be of the other kind."""
    faults = Faults(when=lambda request: request == ASK, kind="rejected")
    assert isinstance(only(ScriptedProvider(lambda _: "a", faults=faults)), RequestRejected)


def test_a_stream_breaks_after_its_pieces() -> None:
    """The break comes even when the answer has fewer pieces: the reply never arrives."""
    for after in (0, 1, 5):
        provider = ScriptedProvider(lambda _: "a b", faults=Faults(after_pieces=after))
        with pytest.raises(ProviderUnavailable):
            asyncio.run(pieces(provider))


def test_closing_is_counted() -> None:
    """A test can see that what was opened was closed."""
    provider = ScriptedProvider(lambda _: "a", unit=4, concurrency=2)
    asyncio.run(provider.close())
    assert (provider.closed, provider.unit, provider.concurrency) == (1, 4, 2)
