"""A provider without a model: answers come from a function, faults from a script.

It keeps every promise of the `Provider` port (order, one error per request, pieces that join to
the reply's text), so a planner, an engine or a gateway can be tested without a model.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from escalera.domain.message import FinishReason, Reply, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.errors import (
    AccessRefused,
    CallFailed,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)

Answer = Callable[[Request], str]
FaultKind = Literal["unavailable", "failed", "rejected", "no access"]

NAME = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and how.

    The first `first` requests fail, and those for which `when` is true always do; `after_pieces`
    breaks every stream after so many pieces. `kind` says with which error.
    """

    first: int = 0
    when: Callable[[Request], bool] | None = None
    after_pieces: int | None = None
    kind: FaultKind = "unavailable"


class ScriptedProvider:
    """Answers every request with `answer(request)`, cut to `max_tokens`; a token is a word.

    `requests` keeps all that was asked, in order, and `closed` how often the provider was closed.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        faults: Faults | None = None,
        price: ModelPrice | None = None,
        revision: str = "scripted-1",
        unit: int = 1,
        concurrency: int = 1,
    ) -> None:
        self._answer = answer
        self._faults = faults or Faults()
        self._failures_left = self._faults.first
        self._price = price
        self._revision = revision
        self._unit = unit
        self._concurrency = concurrency
        self.requests: list[Request] = []
        self.closed = 0

    @property
    def unit(self) -> int:
        """How many requests are answered together."""
        return self._unit

    @property
    def concurrency(self) -> int:
        """How many units may be in flight."""
        return self._concurrency

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or scripted error per request, in order."""
        return [self._one(request) for request in requests]

    async def stream(self, request: Request) -> AsyncIterator[str | Reply]:
        """The answer word by word, then the whole reply."""
        reply = self._one(request)
        if isinstance(reply, ProviderError):
            raise reply
        for count, piece in enumerate(_pieces(reply.text)):
            if count == self._faults.after_pieces:
                raise self._failure()
            yield piece
        if self._faults.after_pieces is not None:
            raise self._failure()
        yield reply

    async def close(self) -> None:
        """Count the call; there is nothing to release."""
        self.closed += 1

    def _one(self, request: Request) -> Reply | ProviderError:
        self.requests.append(request)
        if self._failures_left > 0:
            self._failures_left -= 1
            return self._failure()
        if self._faults.when is not None and self._faults.when(request):
            return self._failure()
        return self._reply(request)

    def _failure(self) -> ProviderError:
        if self._faults.kind == "rejected":
            return RequestRejected("scripted rejection", provider=NAME)
        if self._faults.kind == "failed":
            return CallFailed("scripted status 500", provider=NAME)
        if self._faults.kind == "no access":
            return AccessRefused("scripted wrong key", provider=NAME)
        return ProviderUnavailable("scripted failure", provider=NAME)

    def _reply(self, request: Request) -> Reply:
        pieces = _pieces(self._answer(request))
        kept = pieces[: request.decoding.max_tokens]
        finish: FinishReason = "stop" if len(kept) == len(pieces) else "length"
        usage = Usage(
            prompt_tokens=sum(len(message.content.split()) for message in request.messages),
            completion_tokens=len(kept),
        )
        return Reply(
            text="".join(kept),
            finish_reason=finish,
            usage=usage,
            micro_dollars=_cost(self._price, usage),
            seconds=0.0,
            revision=self._revision,
        )


def _pieces(text: str) -> list[str]:
    """Words, each with the white space before it; they join to *text*."""
    return re.findall(r"\s*\S+(?:\s+\Z)?|\s+", text)


def _cost(price: ModelPrice | None, usage: Usage) -> int | None:
    """Micro-dollars, rounded up so that a call that costs something is never free."""
    if price is None:
        return None
    scaled = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
    return -(-scaled // 1_000_000)
