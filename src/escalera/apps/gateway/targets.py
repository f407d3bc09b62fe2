"""Who can be asked under a name: a deployment in its own words, or a measured system."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote

import msgspec

from escalera.apps.gateway import fields, forms, spoken, wire
from escalera.apps.gateway.asked import Asked, Provenance
from escalera.domain.project import ModelPrice
from escalera.engine.serve import Answering, Desk
from escalera.errors import InputError
from escalera.ports.serving import Exchange, Prompt, Sending, Upstream

Sent = tuple[Exchange, Provenance]


class Target(Protocol):
    """Who is asked under a name."""

    @property
    def name(self) -> str: ...

    async def send(self, asked: Asked, seconds: float) -> Sent:
        """The response, once its head is there. Raises `ProviderError` or `Refusal`."""


class Passing:
    """A deployment that speaks the API itself: what the caller sent is passed on.

    Changed are the model's name, the limit of tokens where the gateway sets one, and the wish for
    the usage of a stream, which the gateway needs to settle what a call cost.
    """

    def __init__(
        self, name: str, upstream: Upstream, *, model: str, price: ModelPrice | None, usage: bool
    ) -> None:
        self.name = name
        self._upstream = upstream
        self._prompt = upstream if isinstance(upstream, Prompt) else None
        self._model = msgspec.json.encode(model)
        self._called = model
        self._usage = usage
        self.provenance = Provenance(deployment=name, label=quote(name).encode(), price=price)

    async def send(self, asked: Asked, seconds: float) -> Sent:
        """The upstream's own response."""
        body = fields.written(asked.body, self._changes(asked))
        path = fields.BELOW[asked.operation]
        exchange = await self._upstream.send(path, body, seconds=seconds)
        return exchange, self.provenance

    def begin(
        self, asked: Asked, seconds: float, limit: int, listener: Callable[[], None]
    ) -> Sending | None:
        """Ask at once for an answer of at most *limit* bytes; None where that cannot be.

        *listener* is called once: when there is an answer, or something else.
        """
        if self._prompt is None:
            return None
        body = fields.written(asked.body, self._changes(asked))
        path = fields.BELOW[asked.operation]
        return self._prompt.begin(path, body, seconds=seconds, limit=limit, listener=listener)

    def drops_usage(self, asked: Asked) -> bool:
        """Whether the stream will end with a usage that only the gateway asked for."""
        return (
            asked.stream
            and self._usage
            and asked.operation != "responses"
            and not asked.fields.usage_asked
        )

    def _changes(self, asked: Asked) -> dict[str, bytes]:
        changes = {}
        if asked.fields.model != self._called:
            changes["model"] = self._model
        if asked.capped is not None and asked.operation in fields.LIMIT:
            changes[fields.LIMIT[asked.operation]] = b"%d" % asked.capped
        if self.drops_usage(asked):
            changes["stream_options"] = _WITH_USAGE
        return changes


class Speaking:
    """A name of the desk: the prompt that was measured is rendered, and the model answers that."""

    def __init__(self, name: str, desk: Desk, *, wall: Callable[[], float]) -> None:
        self.name = name
        self._desk = desk
        self._wall = wall

    async def send(self, asked: Asked, seconds: float) -> Sent:
        """The model's answer in the API's form, whole within *seconds*."""
        chat = self._read(asked)
        until = asyncio.get_running_loop().time() + seconds
        answering = await resolved(self._desk, self.name, chat, seconds=seconds)
        _check_room(answering, chat.n, self.name)
        about = heading(answering, chat, name=self.name, now=self._wall())
        form = forms.form(asked.operation, chat, about)
        left = until - asyncio.get_running_loop().time()
        exchange = await spoken.begin(answering, form, n=chat.n, stream=chat.stream, seconds=left)
        return exchange, provenance(answering)

    def _read(self, asked: Asked) -> wire.Chat:
        """What is asked for; a completion only of a model that is asked in its own name."""
        if asked.operation == "completions" and self.name in self._desk.models():
            return replace(wire.parse_text(asked.body), most=asked.capped)
        return read_chat(asked, self.name)


def read_chat(asked: Asked, name: str) -> wire.Chat:
    """The chat that is asked for. Raises `Refusal` where it is none that can be honoured."""
    if asked.operation != "chat":
        raise wire.Refusal(
            f"{name!r} answers chats only; ask for /v1/chat/completions.", param="model"
        )
    return replace(wire.parse_chat(asked.body), most=asked.capped)


async def resolved(desk: Desk, name: str, chat: wire.Chat, *, seconds: float) -> Answering:
    """The call that answers *chat* under *name*, found within *seconds*.

    Raises `ProviderError` or `Refusal`.
    """
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            found = await desk.resolve(name, chat.messages, chat.overrides)
            if chat.most is None or found.request.decoding.max_tokens <= chat.most:
                return found
            overrides = replace(chat.overrides, max_tokens=chat.most)
            return await desk.resolve(name, chat.messages, overrides)
    except InputError as error:
        raise wire.Refusal(str(error), param="messages") from error
    except TimeoutError as error:
        raise spoken.late(name) from error


def heading(answering: Answering, chat: wire.Chat, *, name: str, now: float) -> wire.Heading:
    """What every object of an answer repeats."""
    return wire.Heading(
        id=f"{'cmpl' if chat.overrides.verbatim else 'chatcmpl'}-{secrets.token_hex(12)}",
        created=int(now),
        model=chat.model or name,
        system=answering.system,
    )


def provenance(answering: Answering, why: str = "") -> Provenance:
    """Who answers, and why: in the words of the answering, after *why*."""
    return Provenance(
        deployment=answering.model,
        label=quote(answering.model).encode(),
        price=answering.price,
        system=answering.system,
        task=answering.task,
        refusal=answering.refusal,
        sources=answering.sources,
        decision=answering.decision,
        why="; ".join(part for part in (why, answering.why) if part),
    )


# Below: private.


def _check_room(answering: Answering, n: int, name: str) -> None:
    """Raise `Refusal` where so many answers could never be let in at a time."""
    most = answering.provider.unit * answering.provider.concurrency
    if n > max(1, most):
        raise wire.Refusal(f"n is {n}; {name!r} gives at most {most} answers at a time.", param="n")


_WITH_USAGE = b'{"include_usage":true}'
