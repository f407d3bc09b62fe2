"""A second call when the first is slow, for a share of the calls at the most.

Dean and Barroso, "The Tail at Scale" (CACM 56(2), 2013): the same request to a second server after
the time within which most answers begin, and the first answer is taken.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """A second call goes out `after` seconds, for at most the share `most` of all calls."""

    after: float
    most: float = 0.05
    burst: float = 10.0


class HedgeBudget:
    """How many second calls may be made now: a part of one for every call, up to `burst`."""

    __slots__ = ("_left", "_policy")

    def __init__(self, policy: HedgePolicy) -> None:
        self._policy = policy
        self._left = 1.0

    @property
    def after(self) -> float:
        """Seconds after which a second call goes out."""
        return self._policy.after

    def asked(self) -> None:
        """A call was made."""
        self._left = min(self._policy.burst, self._left + self._policy.most)

    def take(self) -> bool:
        """Whether a second call may be made; if so it is counted."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
