"""Trying a candidate on live traffic: pairs of answers, what is asked of them, and what follows.

A shadow answers copies of live calls, unseen by callers; a canary answers a share of the calls
themselves. Both are judged alike: call by call beside what answers today.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TrialKind = Literal["shadow", "canary"]
TrialBasis = Literal["scores", "agreement", "none"]
"""What quality is told by: scores of both answers; whether they agree, which bounds what may be
lost; or nothing."""
TrialWord = Literal["fit", "broken", "open"]
"""What a trial says: the candidate may take over, it must not, or not enough is known."""
GuardName = Literal["quality", "cost", "latency", "refusals", "failures"]
"""What a candidate is held to."""
GuardState = Literal["kept", "broken", "open", "not watched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an answer took, or several of them on the mean.

    `failed` and `refused` are shares: 0 or 1 for one call. `seconds` is the time to the whole
    answer, of several the geometric mean, and None where there is none; `micro_dollars` is None
    where the price is unknown.
    """

    failed: float
    refused: float
    seconds: float | None
    micro_dollars: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A live answer beside the candidate's: of the same request in a shadow; in a canary, that of
    the candidate beside the mean of the calls since its last one.

    `agreement` is in [0, 1], None where the answers cannot be compared; `live_score` and
    `candidate_score` are None without a rule that scores them.
    """

    trial: str
    kind: TrialKind
    request: str
    live: Taken
    candidate: Taken
    agreement: float | None = None
    live_score: float | None = None
    candidate_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJudged:
    """A judge graded both answers of a pair; None with the `reason` where it could not."""

    trial: str
    request: str
    judge: str
    live_score: float | None
    candidate_score: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """From now on `to` answers for `name`; by itself again where `to` is empty.

    `trial` is the trial that this rests on and `word` what it said, empty where nothing was tried.
    `reason` is why somebody did it all the same, None where the word was enough. `at` is when, in
    seconds since the epoch.
    """

    name: str
    to: str
    trial: str
    word: str
    reason: str | None
    at: float


TrialEvent = Paired | PairJudged | Switched
