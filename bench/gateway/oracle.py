"""What a caller made of an answer, and whether that was right for the fault behind it.

Right is an answer from the healthy upstream, or an error that says so. Wrong are, from the worst:
a broken answer that looks whole, an answer that never ends, a caller's mistake hidden by asking
somebody else, an end that is no error of the API, a fault before the first byte that nobody stood
in for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.testing.upstream import FAULTS

Seen = Literal["A", "B", "error", "broken", "silent", "hang"]
"""Whole from the faulty upstream, whole from the other one, an error of the API, a connection that
broke without one, an answer that is not whole and says nothing, nothing within the time."""
Verdict = Literal["right", "silent", "hang", "hidden", "untyped", "unserved", "untested"]
WORST: tuple[Verdict, ...] = (
    "silent",
    "hang",
    "hidden",
    "untyped",
    "unserved",
    "untested",
    "right",
)
UNDECIDED = frozenset({"status-404"})
"""Faults of which a gateway cannot know whether the caller or its own configuration is to blame."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one caller got: what it looked like, its status, the words of an error, how long.

    `met`: whether the fault happened at all.
    """

    seen: Seen
    met: bool = True
    status: int = 0
    said: str = ""
    seconds: float = 0.0


def verdict(name: str, form: str, outcome: Outcome) -> Verdict:
    """Whether *outcome* is right for the fault *name* in an answer of *form*, `whole` or `stream`.

    A whole answer of the faulty upstream is right where it is that to the last word: a reader may
    be lenient about how it was framed.
    """
    fault, seen = FAULTS[name], outcome.seen
    if not outcome.met:
        return "untested"
    if seen == "silent" or seen == "hang":
        return seen
    if seen == "broken":
        return "untyped"
    if fault.callers:
        return "right" if seen == "error" and 400 <= outcome.status < 500 else "hidden"
    early = fault.early or form == "whole"
    if seen == "error" and early and not fault.complete and name not in UNDECIDED:
        return "unserved"
    return "right"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of several looks at one cell."""
    return min(verdicts, key=WORST.index)
