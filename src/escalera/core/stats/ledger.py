"""One alpha for all questions of a project, over rungs and re-runs: what the next one may spend.

A question is granted its alpha before its data are seen and costs what it was asked at, however
early its looks ended: giving back what a stopped test did not spend would pay twice for the luck
that stopped it. What was asked is passed in as values, so a replayed journal gets the same grants.
Probability of any false rejection, ever: at most `alpha`, under any dependence (union bound).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from escalera.core.stats import clustering

Sharing: TypeAlias = Literal["equal", "geometric"]

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole alpha, and how questions share it.

    equal      alpha / planned to each of `planned` questions, nothing after them (Bonferroni).
    geometric  alpha * (1 - ratio) * ratio^k to the question after k others, without an end; a
               ratio near 1 saves more for later. `planned` is not used.

    With `recycle` a question that was rejected hands its alpha to the next one, as in the fallback
    procedure (Wiens 2003) and its online form (Tian and Ramdas 2021, "Online control of the
    familywise error rate", Online Fallback), valid under any dependence. It is Holm's idea for
    questions that come in order.
    """

    alpha: float = 0.05
    sharing: Sharing = "equal"
    planned: int = 1
    ratio: float = 0.8
    recycle: bool = False

    def __post_init__(self) -> None:
        clustering.require_alpha(self.alpha)
        if self.sharing not in ("equal", "geometric"):
            raise ValueError(f"sharing {self.sharing!r} is unknown: choose 'equal' or 'geometric'")
        if self.planned < 1:
            raise ValueError(
                f"planned {self.planned!r} questions cannot share alpha: pass at least 1"
            )
        if not 0.0 < self.ratio < 1.0:
            raise ValueError(
                f"ratio {self.ratio!r} must lie strictly between 0 and 1: pass e.g. 0.8"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question: its name, the alpha it was asked at, and whether its null was rejected.

    A re-run on the same items is a further question. While no verdict is in, it is not rejected.
    """

    question: str
    alpha: float
    rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the ledger says: the next question's alpha and the account, all in probability.

    `granted` is the alpha of the next question, 0 when the plan is used up: ask nothing more, or
    on fresh items under a new ledger. `at_risk` sums what was spent and not handed on; `left` is
    the rest of the total, `granted` included.
    """

    granted: float
    at_risk: float
    left: float
    questions: int


def read(policy: Policy, asked: Sequence[Asked] = ()) -> Balance:
    """Return the balance after the questions asked, in the order they were asked.

    A question may be asked at less than its grant; the difference is forfeited. ValueError if one
    was asked at more, or at no positive alpha: then the journal was not kept by this policy.
    """
    at_risk, carried = 0.0, 0.0
    for position, one in enumerate(asked):
        granted = _share(policy, position) + carried
        _require_within(one, granted, position)
        carried = one.alpha if policy.recycle and one.rejected else 0.0
        at_risk += one.alpha - carried
    granted = _share(policy, len(asked)) + carried
    left = max(0.0, policy.alpha - at_risk)
    return Balance(granted=min(granted, left), at_risk=at_risk, left=left, questions=len(asked))


# Private.


def _share(policy: Policy, position: int) -> float:
    match policy.sharing:
        case "equal":
            return policy.alpha / policy.planned if position < policy.planned else 0.0
        case "geometric":
            return policy.alpha * (1.0 - policy.ratio) * math.pow(policy.ratio, position)
        case _:
            assert_never(policy.sharing)


def _require_within(one: Asked, granted: float, position: int) -> None:
    if not 0.0 < one.alpha <= granted * (1.0 + _ROUNDING):
        raise ValueError(
            f"question {one.question!r} at position {position} was asked at alpha {one.alpha!r}, "
            f"but its grant was {granted!r}: ask at most at the alpha that `read` grants"
        )
