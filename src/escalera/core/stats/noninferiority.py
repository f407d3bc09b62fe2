"""What an interval of a difference says against a margin.

The margin is the smallest difference that matters to the user, on the scale of the scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One word for the difference, and the single claims it is made of.

    `non_inferior`: not worse by the margin. `regressed`: worse by more than it. `superior`
    and `inferior`: the difference is above, below 0 at all. Several may hold at once.
    """

    outcome: Outcome
    non_inferior: bool
    regressed: bool
    superior: bool
    inferior: bool


def judge(*, estimate: float, lower: float, upper: float, margin: float) -> Verdict:
    """Return the verdict of a 1-alpha interval (lower, upper) of candidate - baseline.

    Precedence: "equivalent" if the whole interval lies inside (-margin, margin), even where it
    excludes 0: a proven difference too small to matter must not trigger a change. Otherwise
    "better" if it lies above 0, "worse" if below, else "undecided". With margin 0 nothing is
    equivalent. Each one-sided claim errs with probability alpha/2: a 90 % interval gives the usual
    TOST at 5 % (Schuirmann 1987; Piaggio et al. 2012 for the reading of non-inferiority). With
    repeated confidence intervals the same holds at all looks together (Jennison and Turnbull
    1989). ValueError unless lower <= estimate <= upper and margin >= 0.
    """
    _require_interval(estimate, lower, upper)
    if not margin >= 0:
        raise ValueError(f"margin {margin!r} must not be negative: pass its size, e.g. 0.02")
    superior, inferior = lower > 0, upper < 0
    outcome: Outcome = "undecided"
    if -margin < lower and upper < margin:
        outcome = "equivalent"
    elif superior:
        outcome = "better"
    elif inferior:
        outcome = "worse"
    return Verdict(
        outcome=outcome,
        non_inferior=lower > -margin,
        regressed=upper < -margin,
        superior=superior,
        inferior=inferior,
    )


# Private.


def _require_interval(estimate: float, lower: float, upper: float) -> None:
    if math.isnan(estimate) or not lower <= estimate <= upper:
        raise ValueError(
            f"estimate {estimate!r} lies outside its interval ({lower!r}, {upper!r}): pass the "
            "three numbers of one interval"
        )
