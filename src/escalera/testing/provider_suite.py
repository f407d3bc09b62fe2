"""What every provider must do, as checks that a contract test runs on each implementation."""

from __future__ import annotations

from dataclasses import replace

from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.errors import AdapterUnusable, RequestRejected
from escalera.ports import Invalid, Provider


def question(text: str, *, max_tokens: int = 8) -> Request:
    """Return a request with one user turn."""
    return Request(
        messages=(Message(role="user", content=text),), decoding=Decoding(max_tokens=max_tokens)
    )


async def says_how_it_is_fed(provider: Provider) -> None:
    """`unit` and `concurrency` are at least one."""
    _hold(provider.unit >= 1, f"unit is {provider.unit}")
    _hold(provider.concurrency >= 1, f"concurrency is {provider.concurrency}")


async def answers_in_order(provider: Provider) -> None:
    """There is one whole reply per request, in the order of the requests."""
    requests = [question(text) for text in ("one", "two", "three and more words")]
    together = await provider.answer(requests)
    _hold(len(together) == len(requests), f"{len(together)} replies to {len(requests)} requests")
    for request, found in zip(requests, together, strict=True):
        alone = _reply((await provider.answer([request]))[0])
        same = replace(_reply(found), seconds=alone.seconds)
        _hold(same == alone, f"{same!r} in company, {alone!r} alone")
        _complete(alone)


async def answers_nothing_to_nothing(provider: Provider) -> None:
    """No request, no reply, no error."""
    _hold(len(await provider.answer([])) == 0, "a reply to no request")


async def keeps_to_max_tokens(provider: Provider) -> None:
    """An answer that is cut says "length" and is not longer than it may be."""
    reply = _reply((await provider.answer([question("one", max_tokens=1)]))[0])
    _hold(reply.usage.completion_tokens <= 1, f"{reply.usage!r} for max_tokens 1")


async def refuses_one_and_answers_the_rest(provider: Provider, *, bad: Request) -> None:
    """A request that can never work is an error value at its place; the others are answered."""
    good = question("one")
    first, refused, last = await provider.answer([good, bad, good])
    _hold(isinstance(refused, _REFUSALS), f"{refused!r} instead of a refusal")
    _hold(isinstance(first, Reply) and isinstance(last, Reply), f"{first!r}, {last!r}")
    _hold(len(str(refused)) > 0, "the refusal says nothing")


async def streams_what_it_answers(provider: Provider) -> None:
    """The pieces of a stream make up the text of the reply that ends it, which `answer` gives."""
    request = question("tell me", max_tokens=12)
    pieces = [piece async for piece in provider.stream(request)]
    reply = _reply(pieces[-1])
    text = "".join(piece for piece in pieces[:-1] if isinstance(piece, str))
    _hold(all(isinstance(piece, str) for piece in pieces[:-1]), "a reply inside the stream")
    _hold(text == reply.text, f"the pieces say {text!r}, the reply {reply.text!r}")
    whole = _reply((await provider.answer([request]))[0])
    _hold(replace(whole, seconds=reply.seconds) == reply, f"{whole!r} differs from {reply!r}")


async def refuses_a_stream(provider: Provider, *, bad: Request) -> None:
    """A stream that can never work raises when its first piece is asked for."""
    try:
        piece = await anext(provider.stream(bad))
    except _REFUSALS:
        return
    raise AssertionError(f"{piece!r} instead of a refusal")


async def keeps_to_a_schema(
    provider: Provider, *, output: OutputContract, invalid: Invalid
) -> None:
    """An answer under a contract that the provider sees to is valid, whole and in pieces."""
    request = replace(question("answer in JSON", max_tokens=40), output=output)
    whole = _reply((await provider.answer([request]))[0])
    wrong = invalid(output.schema, whole.text)
    _hold(wrong is None, f"{whole.text!r}: {wrong}")
    pieces = [piece async for piece in provider.stream(request)]
    said = "".join(piece for piece in pieces[:-1] if isinstance(piece, str))
    _hold(said == whole.text == _reply(pieces[-1]).text, f"{said!r} in pieces, not {whole.text!r}")


_REFUSALS = (RequestRejected, AdapterUnusable)


def _reply(value: object) -> Reply:
    if isinstance(value, Reply):
        return value
    raise AssertionError(f"{value!r} instead of a reply")


def _complete(reply: Reply) -> None:
    _hold(reply.usage.prompt_tokens > 0, f"{reply.usage!r} counts no prompt")
    _hold(reply.usage.completion_tokens >= 0, f"{reply.usage!r}")
    _hold(reply.seconds >= 0, f"{reply.seconds!r} seconds")
    _hold(reply.revision != "", "no revision")
    _hold(reply.finish_reason in {"stop", "length", "filtered"}, f"{reply.finish_reason!r}")


def _hold(condition: bool, what: str) -> None:  # noqa: FBT001
    if not condition:
        raise AssertionError(what)
