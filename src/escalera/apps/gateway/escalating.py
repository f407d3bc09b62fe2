"""A weak system where it is enough, a strong one elsewhere: a quality route as it is served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from escalera.apps.gateway import spoken, targets
from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.asked import Asked, cost
from escalera.apps.gateway.forms import ChatForm
from escalera.apps.gateway.targets import Sent
from escalera.apps.gateway.wire import Chat, Refusal
from escalera.core.routing import proving
from escalera.core.routing.proving import Answered
from escalera.core.routing.quality import Judge
from escalera.core.serving import blame
from escalera.core.serving.breaker import Breaker
from escalera.domain.message import Reply
from escalera.domain.quality import QualityTested
from escalera.domain.traffic import Attempt, Fault
from escalera.engine.sensing import Senses
from escalera.engine.serve import Answering, Desk
from escalera.errors import (
    AccessRefused,
    AdapterUnusable,
    BadReply,
    ProviderError,
    RequestRejected,
    UpstreamFault,
)
from escalera.ports import Invalid

WEAK_FAILED = "strong: weak failed"
"""Why the strong system is asked where the weak one cannot be had."""
WEAK_RESTS = "strong: weak is left alone"
"""The same where it has failed too often a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A quality route with all that is needed to serve it.

    Both desks answer under its name. `schemas` are those of the tasks that have one, by name.
    `senses` reads messages for a signal that was learned from embeddings, None for others.
    """

    tested: QualityTested
    judge: Judge
    weak: Desk
    strong: Desk
    schemas: Mapping[str, str]
    invalid: Invalid
    senses: Senses | None = None

    def names(self) -> tuple[str, ...]:
        """What can be asked of it."""
        return tuple(name for name in self.weak.names() if name not in self.weak.models())


class Escalating:
    """Answers by a quality route under *name*, asking before the weak system answers or after it.

    What the weak system said where it was not enough is paid for and not shown: the caller gets one
    answer. A weak system that cannot be had is passed over; a request that it refuses is refused.
    One that keeps failing is left alone, as the breaker *weak* says: nobody waits for it.
    """

    def __init__(
        self, name: str, proven: Proven, *, wall: Callable[[], float], weak: Breaker
    ) -> None:
        self.name = name
        self._weak = weak
        self._proven = proven
        self._route = proven.tested.route
        self._wall = wall

    async def send(self, asked: Asked, seconds: float) -> Sent:
        """The answer of the system that is asked in the end, within *seconds*."""
        chat = targets.read_chat(asked, self.name)
        if chat.n > 1:
            raise Refusal(
                f"{self.name!r} looks at one answer at a time, and n is {chat.n}. Leave n out, or "
                "ask one of its models for several.",
                param="n",
            )
        until = time.monotonic() + seconds
        if self._route.threshold is None:
            return await self._ask(self._proven.strong, chat, until, "strong: no threshold")
        if self._route.asking == "after":
            return await self._cascade(asked, chat, until)
        signal = await self._signal(chat, None)
        if self._is_enough(signal):
            return await self._ask_weak(asked, chat, until, self._why(signal))
        return await self._ask(self._proven.strong, chat, until, self._why(signal))

    # Private

    async def _cascade(self, asked: Asked, chat: Chat, until: float) -> Sent:
        left = until - time.monotonic()
        answering = await targets.resolved(self._proven.weak, self.name, chat, seconds=left)
        began = time.monotonic()
        if not self._weak.admits(began):
            return await self._ask(self._proven.strong, chat, until, WEAK_RESTS)
        with self._learning() as learn:
            reply = await _reply(answering, (until - began) / 2)
            learn(reply)
        if isinstance(reply, ProviderError):
            asked.beside.append(_beside(asked, answering, reply, began))
            return await self._ask(self._proven.strong, chat, until, WEAK_FAILED)
        said = replace(reply, text=answering.answer(reply.text))
        signal = await self._signal(chat, self._answered(answering, said))
        why = self._why(signal)
        if self._is_enough(signal):
            exchange = spoken.given(said, self._form(answering, chat), stream=chat.stream)
            return exchange, targets.provenance(answering, why)
        asked.beside.append(_beside(asked, answering, reply, began))
        return await self._ask(self._proven.strong, chat, until, why)

    async def _ask_weak(self, asked: Asked, chat: Chat, until: float, why: str) -> Sent:
        """The weak system's answer; the strong one's where it cannot be had and there is time."""
        left = until - time.monotonic()
        answering = await targets.resolved(self._proven.weak, self.name, chat, seconds=left)
        began = time.monotonic()
        form = self._form(answering, chat)
        if not self._weak.admits(began):
            return await self._ask(self._proven.strong, chat, until, WEAK_RESTS)
        try:
            with self._learning() as learn:
                exchange = await spoken.begin(
                    answering, form, n=1, stream=chat.stream, seconds=max(0.001, until - began)
                )
                learn(None)
        except RequestRejected:
            raise
        except ProviderError as error:
            if time.monotonic() >= until:
                raise
            asked.beside.append(_beside(asked, answering, error, began))
            return await self._ask(self._proven.strong, chat, until, WEAK_FAILED)
        return exchange, targets.provenance(answering, why)

    async def _ask(self, desk: Desk, chat: Chat, until: float, why: str) -> Sent:
        left = until - time.monotonic()
        answering = await targets.resolved(desk, self.name, chat, seconds=left)
        left = max(0.001, until - time.monotonic())
        form = self._form(answering, chat)
        exchange = await spoken.begin(answering, form, n=1, stream=chat.stream, seconds=left)
        return exchange, targets.provenance(answering, why)

    @contextmanager
    def _learning(self) -> Iterator[Callable[[object], None]]:
        """What the breaker of the weak system learns from a call, told or raised."""
        told = False

        def learn(reply: object) -> None:
            nonlocal told
            told = True
            _note(self._weak, reply, time.monotonic())

        try:
            yield learn
        except ProviderError as error:
            learn(error)
            raise
        finally:
            if not told:
                self._weak.forget()

    def _form(self, answering: Answering, chat: Chat) -> ChatForm:
        return ChatForm(targets.heading(answering, chat, name=self.name, now=self._wall()))

    def _answered(self, answering: Answering, reply: Reply) -> Answered:
        schema = self._proven.schemas.get(answering.task or "")
        return Answered(
            text=reply.text,
            finish=reply.finish_reason,
            valid=None if schema is None else self._proven.invalid(schema, reply.text) is None,
        )

    async def _signal(self, chat: Chat, answer: Answered | None) -> float | None:
        """How likely the weak system is enough; None where what tells it could not be read."""
        judge, senses, text = self._proven.judge, self._proven.senses, chat.messages[-1].content
        sense = judge.router.sense
        if sense is None or senses is None:
            return proving.signal(judge, text, answer)
        vector = await senses.read(proving.told(text, answer), sense)
        return None if vector is None else proving.signal(judge, text, answer, vector)

    def _is_enough(self, signal: float | None) -> bool:
        return signal is not None and self._route.side(signal) == "weak"

    def _why(self, signal: float | None) -> str:
        threshold = self._route.threshold
        if signal is None or threshold is None:
            return "strong: unread"
        side = self._route.side(signal)
        sign = ">=" if side == "weak" else "<"
        one, other = _apart(signal, threshold)
        return f"{side}: {one} {sign} {other}"


# Below: private.


def _apart(signal: float, threshold: float) -> tuple[str, str]:
    """Both in as few digits as tell them apart: a signal of 0.9996 is below a threshold of 1."""
    forms = (".3f", *(f".{digits}g" for digits in range(3, 18)))
    pairs = [(format(signal, form), format(threshold, form)) for form in forms]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


async def _reply(answering: Answering, seconds: float) -> Reply | ProviderError:
    """What the weak system says, or why it cannot. Raises `RequestRejected`."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            (reply,) = await answering.provider.answer([answering.request])
    except TimeoutError:
        problem = "it took half of the time"
        return UpstreamFault(problem, provider=answering.model, fault="total-timeout")
    if isinstance(reply, RequestRejected):
        raise reply
    return reply


def _note(breaker: Breaker, reply: object, now: float) -> None:
    """What a call says of who was asked: an error, or anything else for an answer."""
    match reply:
        case AccessRefused() | AdapterUnusable():
            breaker.refused(now)
        case ProviderError() if not isinstance(reply, RequestRejected):
            if blame.of_fault(_fault(reply)) == "nobody":
                breaker.forget()
                return
            breaker.failed(now)
            if reply.retry_after is not None:
                breaker.asked_to_wait(now, reply.retry_after)
        case _:
            breaker.succeeded(now)


def _beside(
    asked: Asked, answering: Answering, reply: Reply | ProviderError, began: float
) -> Attempt:
    """The call of the weak system whose answer is not given, or that gave none."""
    used, fault = Used(), _fault(reply)
    if isinstance(reply, Reply):
        used = _used(reply)
    return Attempt(
        deployment=answering.model,
        purpose="first",
        started=asked.started + (began - asked.began),
        seconds=time.monotonic() - began,
        status=0 if fault else 200,
        fault=fault,
        blame=blame.of_fault(fault),
        prompt_tokens=used.prompt,
        completion_tokens=used.completion,
        cost=cost(answering.price, used),
    )


def _fault(reply: Reply | ProviderError) -> Fault:
    """What went wrong; whatever may have been billed is not taken for a refusal."""
    match reply:
        case UpstreamFault():
            return cast("Fault", reply.fault)
        case BadReply():
            return "malformed"
        case ProviderError():
            return "status"
        case _:
            return ""


def _used(reply: Reply) -> Used:
    return Used(
        prompt_tokens=reply.usage.prompt_tokens, completion_tokens=reply.usage.completion_tokens
    )
