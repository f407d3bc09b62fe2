"""What follows an answer to a line of a batch: it counts, it is asked for again, or all ends.

Nobody waits for a batch, so whatever may pass later is waited for: limits of the key, and models
that are away. What is wrong with a line itself counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MOST_FAULTS = 5
"""How often a model may fail at a line while it answers others."""
PATIENCE, SOME = 3600.0, 600.0
"""Seconds for which a line is asked again where no other was answered meanwhile, and where some
were: then it is the line rather than the model."""
LONGEST = 60.0
"""Seconds between two times that a line is asked."""
SPENT = 10.0
"""Seconds until money is asked for again that will not come back by itself."""
NOT_OURS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses of faults that are no fault of the line."""
FINAL = frozenset({"schema_unsatisfied", "answer_blocked"})
"""Codes of faults that come again with the next try, which is billed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAnswer:
    """An answer to a line; `retry_after` is what it says of another try, in seconds."""

    status: int
    code: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a line until now: how often it failed, how often while others were answered,
    and for how many seconds it has failed.
    """

    times: int = 0
    faults: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAct:
    """What to do: the answer counts, or the line waits for `seconds`, or nothing more is asked.

    A wait is for the key's `limit`, or for a model that `fails`.
    """

    kind: Literal["count", "wait", "stop"]
    seconds: float = 0.0
    cause: Literal["", "limit", "fails"] = ""


def follows(answer: LineAnswer, tried: Tried) -> NextAct:
    """What follows *answer* to a line that was *tried* before."""
    if answer.status == 401:
        return NextAct(kind="stop")
    if answer.status not in NOT_OURS or answer.code in FINAL:
        return COUNT
    if answer.code in LIMITS:
        return _limited(answer)
    patience = SOME if tried.faults else PATIENCE
    if tried.faults >= MOST_FAULTS or tried.seconds >= patience:
        return COUNT
    pause = max(2.0 ** min(tried.times, 10), answer.retry_after or 0.0)
    return NextAct(kind="wait", seconds=min(LONGEST, pause), cause="fails")


def at_once(concurrency: int, live: int) -> int:
    """How many lines are asked at a time while *live* callers wait for their answers."""
    return max(1, concurrency - max(0, live))


# Below: private.


COUNT = NextAct(kind="count")
LIMITS = frozenset({"rate_limit_exceeded", "insufficient_quota", "store_unavailable"})
"""Codes of what the gateway itself keeps a key from."""


def _limited(answer: LineAnswer) -> NextAct:
    seconds = answer.retry_after
    if seconds is None and answer.code == "rate_limit_exceeded":
        return COUNT  # more than the key may ever use at once
    if seconds is None:
        seconds = SPENT
    return NextAct(kind="wait", seconds=min(LONGEST, max(1.0, seconds)), cause="limit")
