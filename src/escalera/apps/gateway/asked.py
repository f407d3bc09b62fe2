"""One request to the gateway while it is being answered, and what may come of asking for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.fields import Fields
from escalera.apps.gateway.stream import Passage
from escalera.core.serving import spending
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Attempt, Blame, Fault, Operation, Purpose
from escalera.ports.serving import Exchange


async def _always() -> bool:
    return True


class Watch(Protocol):
    """What a trial listens with to the answer of a call that it has chosen."""

    def listening(self, send: Any) -> Any:
        """What the answer is sent with instead."""

    def finish(self, ended: Any) -> None:
        """The call has ended; returns at once."""


class Asked(msgspec.Struct, kw_only=True):
    """A request that was read and let in.

    `began` and `deadline` are readings of the monotonic clock, `started` one of the wall clock;
    `waited` grows by the seconds in which an upstream was waited for. `capped` is the limit of the
    answer's tokens that the gateway sets where the caller sets none. `beside` are calls that were
    made for the answer and are not it, and `watch` is of the trial that has chosen this call.
    `key` is the id of the caller's key, and `cached` says that the answer was remembered.
    `findings` are the kinds that guards found, and `vault` holds what they took out of what the
    caller sent. `trace` is the caller's, where it is kept. `extend` reserves the money of one more
    attempt, and says whether there is any. `media` is a body and what of it is not text, once
    that was counted.
    """

    id: str
    operation: Operation
    fields: Fields
    body: bytes
    began: float
    started: float
    deadline: float
    capped: int | None = None
    waited: float = 0.0
    attempts: list[Attempt] = []
    beside: list[Attempt] = []
    watch: Watch | None = None
    key: str = ""
    cached: bool = False
    findings: list[str] = []
    vault: Vault | None = None
    trace: str = ""
    media: tuple[bytes, int] | None = None
    extend: Callable[[], Awaitable[bool]] = _always

    @property
    def limit(self) -> int | None:
        """The most tokens of one answer; None where nobody sets a limit."""
        given = self.fields.limit(self.operation)
        return self.capped if given is None else given

    @property
    def stream(self) -> bool:
        """Whether the answer is asked for as it comes."""
        return bool(self.fields.stream)


Taken = tuple[int, int, int]
"""Tokens read, tokens written, micro-dollars."""


class Provenance(msgspec.Struct, kw_only=True):
    """Who answers: a deployment, and the measured system it is asked as, if it is one.

    `label` is the deployment's name as a header may carry it. `decision` is the id of the decision
    that this system was chosen by, and `why` says in words why it was chosen for this request.
    """

    deployment: str
    label: bytes = b""
    price: ModelPrice | None = None
    system: str = ""
    task: str | None = None
    refusal: str = ""
    sources: tuple[str, ...] = ()
    decision: str = ""
    why: str = ""


class Opened(msgspec.Struct, kw_only=True):
    """An answer that may be passed on: a whole one, or a stream that has begun.

    `body` is the whole answer, or what of the stream has come so far; `passage` is None for a whole
    answer.
    """

    exchange: Exchange
    provenance: Provenance
    purpose: Purpose
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    started: float
    began: float
    first_byte: float
    usage: Used | None = None
    passage: Passage | None = None
    counted: tuple[Used | None, Taken] | None = None

    def taken(self) -> Taken:
        """What the answer took: tokens read, tokens written, micro-dollars; 0 for what is unknown.

        It is worked out once for a usage.
        """
        usage, counted = self.usage, self.counted
        if counted is not None and counted[0] is usage:
            return counted[1]
        read, written = (0, 0) if usage is None else usage.tokens()
        price = self.provenance.price
        money = 0
        if price is not None and usage is not None:
            money = spending.cost(price, prompt_tokens=read, completion_tokens=written)
        found = read, written, money
        self.counted = usage, found
        return found


UNUSABLE = "adapter_unusable"
"""The code of a problem with what was finetuned: it is missing, or does not fit its model."""


class Problem(msgspec.Struct, kw_only=True):
    """Why an attempt came to no answer.

    `body` is the upstream's own error body, which goes to a caller whose fault it is.
    """

    deployment: str
    blame: Blame
    fault: Fault = "status"
    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    body: bytes = b""


def cost(price: ModelPrice | None, usage: Used | None) -> int:
    """Micro-dollars of *usage*, rounded up; 0 where either is unknown."""
    if price is None or usage is None:
        return 0
    return spending.cost(price, prompt_tokens=usage.prompt, completion_tokens=usage.completion)
