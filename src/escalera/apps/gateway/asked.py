"""One request to the gateway while it is being answered, and what may come of asking for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from escalera.apps.gateway.fields import Fields
from escalera.apps.gateway.stream import Passage
from escalera.domain.message import Usage
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Attempt, Blame, Fault, Operation, Purpose
from escalera.ports import Exchange


def _always() -> bool:
    return True


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request that was read and let in.

    `began` and `deadline` are readings of the monotonic clock, `started` one of the wall clock;
    `waited` grows by the seconds in which an upstream was waited for. `capped` is the limit of the
    answer's tokens that the gateway sets where the caller sets none. `findings` are the kinds that
    guards found. `extend` reserves the money of one more attempt, and says whether there is any.
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
    attempts: list[Attempt] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    extend: Callable[[], bool] = _always

    @property
    def limit(self) -> int | None:
        """The most tokens of one answer; None where nobody sets a limit."""
        given = self.fields.limit
        return self.capped if given is None else given

    @property
    def stream(self) -> bool:
        """Whether the answer is asked for as it comes."""
        return bool(self.fields.stream)


@dataclass(slots=True, kw_only=True)
class Provenance:
    """Who answers: a deployment, and the measured system it is asked as, if it is one."""

    deployment: str
    price: ModelPrice | None = None
    system: str = ""
    task: str | None = None
    refusal: str = ""
    sources: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Opened:
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
    usage: Usage | None = None
    passage: Passage | None = None


@dataclass(slots=True, kw_only=True)
class Problem:
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


def cost(price: ModelPrice | None, usage: Usage | None) -> int:
    """Micro-dollars of *usage*, rounded up; 0 where either is unknown."""
    if price is None or usage is None:
        return 0
    scaled = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
    return -(-scaled // 1_000_000)
