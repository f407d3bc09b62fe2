"""How worn a test set is: how often items were used for decisions, and what that may cost.

Every verdict tells the next choice something about the items. After verdicts that together reveal
b bits, an adaptively chosen system is one of at most 2^b that the transcript could have led to; by
Hoeffding's inequality over all of them, its mean score on n items lies within

    sqrt((b ln 2 + ln(2/alpha)) / (2n))

of the truth with probability 1 - alpha (the description-length argument: Dwork, Feldman, Hardt,
Pitassi, Reingold and Roth 2015, "Generalization in adaptive data analysis and holdout reuse", the
section on description length; Blum and Hardt 2015). It is a worst case: honest use loses far less,
and an analyst who ignores past verdicts loses nothing. Hence a warning, not a verdict.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from escalera.core.stats import clustering


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One decision: the split and the items it was read from, and how many answers it could give.

    `answers` is 2 for "adequate or not" and K for "which of K arms", so a use reveals log2(answers)
    bits. Looks of one group-sequential question are one use with one answer more per look.
    """

    split: str
    items: tuple[Hashable, ...]
    answers: int = 2

    def __post_init__(self) -> None:
        if self.answers < 1:
            raise ValueError(
                f"{self.answers!r} answers are no decision: pass how many outcomes it could have"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """One split after its uses.

    `items`: how many different items were used; `uses`: per item. `decisions` and `bits` add up
    over all uses of the split. `half_width` is the bound above on those items, in points of score,
    and `widening` how many times that of a first use. `worn`: widening is at least sqrt(2), so a
    guarantee as tight as the first would need twice the items; `decisions_left` binary
    decisions remain until then.
    """

    split: str
    items: int
    uses: tuple[tuple[Hashable, int], ...]
    decisions: int
    bits: float
    half_width: float
    widening: float
    worn: bool
    decisions_left: int


def read(uses: Sequence[Use], *, alpha: float = 0.05) -> tuple[Wear, ...]:
    """Return the wear of every split, in the order of first use, items likewise.

    Bits count for the whole split though a use may read a part of it: a system shaped by one part
    is later scored on all. ValueError for alpha outside (0, 1).
    """
    clustering.require_alpha(alpha)
    splits = dict.fromkeys(use.split for use in uses)
    return tuple(_wear(split, [u for u in uses if u.split == split], alpha) for split in splits)


def decisions_until_worn(*, alpha: float = 0.05) -> int:
    """Return how many binary decisions a split bears: the largest b with b ln 2 < ln(2/alpha).

    Until then most of the bound is sampling noise, from there on most of it is reuse. The number
    of items cancels: it is 5 at alpha = 0.05.
    """
    clustering.require_alpha(alpha)
    return math.ceil(_noise(alpha) / math.log(2.0)) - 1


# Private.


def _noise(alpha: float) -> float:
    return math.log(2.0 / alpha)


def _wear(split: str, uses: list[Use], alpha: float) -> Wear:
    counts = Counter(item for use in uses for item in dict.fromkeys(use.items))
    bits = math.fsum(math.log2(use.answers) for use in uses)
    leaked, noise = bits * math.log(2.0), _noise(alpha)
    room = math.ceil((noise - leaked) / math.log(2.0)) - 1
    return Wear(
        split=split,
        items=len(counts),
        uses=tuple(counts.items()),
        decisions=len(uses),
        bits=bits,
        half_width=math.sqrt((leaked + noise) / (2.0 * len(counts))) if counts else math.inf,
        widening=math.sqrt(1.0 + leaked / noise),
        worn=leaked >= noise,
        decisions_left=max(0, room),
    )
