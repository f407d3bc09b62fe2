"""The log of served calls: what is asked of it, how long it keeps, and how much it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which calls are wanted, in the order in which they began; None and empty ask for nothing.

    `since` and `until` bound when they began, seconds since the epoch, the end left out.
    `status` is a whole status or its first digit; `failed` asks for those that ended with an error,
    also one within a stream. `newest` gives at most so many, the newest first.
    """

    since: float | None = None
    until: float | None = None
    id: str = ""
    key: str = ""
    model: str = ""
    status: int | None = None
    failed: bool = False
    newest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long calls are kept: days, and bytes of the log; the oldest go first. None: for ever."""

    days: float | None = 30.0
    bytes: int | None = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a log holds: calls and their attempts, and the calls that it never got.

    `lost` were served and not logged, because there was no room for them; `trimmed` were logged
    and went by retention.
    """

    calls: int = 0
    attempts: int = 0
    lost: int = 0
    trimmed: int = 0
    bytes: int = 0
