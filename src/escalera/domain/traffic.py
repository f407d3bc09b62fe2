"""What passed through the gateway: one record a request, with every upstream attempt it took.

Times are seconds, `started` since the epoch; money is integer micro-dollars. Records are made for
every request and never changed; they are not frozen, which would take three times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operation = Literal["chat", "completions", "embeddings", "responses"]
"""Which of the API's calls was asked for."""
Blame = Literal["nobody", "caller", "key", "server"]
"""Whose fault a failed attempt was: the caller's request, our key at a provider, or the server."""
Fault = Literal[
    "",
    "connect",
    "connect-timeout",
    "descriptors",
    "first-byte-timeout",
    "idle-timeout",
    "total-timeout",
    "reset",
    "cut",
    "malformed",
    "too-large",
    "status",
    "empty",
    "error-event",
    "unfinished",
    "cancelled",
]
"""What went wrong with an attempt; empty where nothing did.

`descriptors`: this process could open no connection; `reset`: closed before the head of a
response; `cut`: closed within its body; `malformed`: not HTTP, or a 200 whose body is not the
API's JSON; `empty`: a 200 without an answer; `error-event`: an error inside a stream; `unfinished`:
a stream that ended without a finish reason; `cancelled`: nobody waited for it any more.
"""
Purpose = Literal["first", "retry", "fallback", "hedge", "mirror", "repair"]
"""Why an attempt was made."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One call to one deployment.

    `deployment` is the name of a model of the project file; `first_byte` is how long the first
    byte of an answer took, None where none came; `status` is 0 where no response came.
    """

    deployment: str
    purpose: Purpose
    started: float
    seconds: float
    first_byte: float | None = None
    status: int = 0
    fault: Fault = ""
    blame: Blame = "nobody"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0


@dataclass(slots=True, kw_only=True)
class ServedCall:
    """A request to the gateway, and what became of it.

    `key` is the id of the caller's key, empty where none is asked for; `model` is the name that was
    asked for; `system` the digest of what answered and `decision` the event that its route rests
    on, empty for a base model. `status` is what the caller got and `error` the code of an error,
    also one within a stream. `seconds` is the whole time and `overhead` what of it was not spent
    waiting for an upstream. `findings` are the kinds that guards found. `request` and `answer` are
    the bodies, empty unless bodies are logged; they are redacted before they come here. `trace` is
    the `traceparent` that the caller sent (W3C Trace Context), empty unless spans are sent.
    """

    id: str
    started: float
    operation: Operation
    model: str
    key: str = ""
    system: str = ""
    task: str = ""
    decision: str = ""
    stream: bool = False
    status: int = 0
    error: str = ""
    seconds: float = 0.0
    overhead: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    findings: tuple[str, ...] = ()
    cached: bool = False
    request: str = ""
    answer: str = ""
    trace: str = ""

    @property
    def cost(self) -> int:
        """Micro-dollars of all attempts."""
        return sum(attempt.cost for attempt in self.attempts)
