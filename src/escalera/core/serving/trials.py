"""What pairs of live answers say of a candidate: a verdict that may be read at any time.

Quality, refusals and failures lie between bounds and have confidence sequences by betting; money
and time do not, and have asymptotic ones (`stats.betting`, `stats.asymptotic`). Half of `alpha` is
quality's, the rest is shared by the guards, so that a false word ever comes with a probability of
at most `alpha`, however often it is looked at and whyever it stopped. A word that was reached
stays: later pairs do not take it back.

A pair of a shadow has the same request on both sides. A pair of a canary holds its call against the
mean of the calls before it: under random assignment both have the same expectation if the systems
do, whatever the calls before were, so that the differences are fair bets too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from escalera.core.stats import asymptotic, betting, noninferiority
from escalera.core.stats.clustering import Interval
from escalera.domain.trial import (
    GuardName,
    GuardState,
    Paired,
    PairJudged,
    Taken,
    TrialBasis,
    TrialEvent,
    TrialWord,
)

WARM_UP = 100
"""Pairs before which nothing is said of money and time, whose tails are long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a candidate is held to.

    `margin` is the fall in score that counts as none. A candidate may cost `dearer` and take
    `slower` more, as shares of what the live system does, and refuse and fail in `refusals` and
    `failures` more of all calls; None where that is not watched. `planned` is the number of pairs
    at which the verdict should be sharpest.
    """

    basis: TrialBasis = "agreement"
    margin: float = 0.05
    dearer: float | None = 0.1
    slower: float | None = 0.5
    refusals: float | None = 0.05
    failures: float | None = 0.05
    alpha: float = 0.05
    planned: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The terms, the sequences so far, and the word once one was reached.

    `pairs` counts pairs, `waiting` those that are not judged yet, `unscored` those that cannot be.
    """

    terms: Terms
    bets: tuple[tuple[GuardName, betting.State], ...]
    means: tuple[tuple[GuardName, asymptotic.State], ...]
    pairs: int = 0
    scored: int = 0
    unscored: int = 0
    micro_dollars: float = 0.0
    word: TrialWord = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One thing that a candidate is held to: how much more than the live system, and the limit.

    Quality is the mean difference of scores, which must not lie below minus the limit; cost is in
    micro-dollars a call beyond what is allowed, latency the logarithm of the ratio beyond it.
    """

    name: GuardName
    state: GuardState
    interval: Interval | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The word with what it rests on."""

    word: TrialWord
    guards: tuple[Guard, ...]
    pairs: int
    scored: int
    unscored: int
    micro_dollars: float

    @property
    def broken(self) -> tuple[GuardName, ...]:
        """What was shown not to be kept."""
        return tuple(guard.name for guard in self.guards if guard.state == "broken")


def init(terms: Terms) -> State:
    """Before the first pair."""
    limits = {"refusals": terms.refusals, "failures": terms.failures}
    shares: list[tuple[GuardName, float]] = [
        (name, limit) for name, limit in _bounded(limits) if limit is not None
    ]
    means = [name for name, limit in _unbounded(terms) if limit is not None]
    part = terms.alpha / 2 / max(1, len(shares) + len(means))
    bets: list[tuple[GuardName, betting.State]] = [
        (name, _bet(part, terms.planned, (limit,))) for name, limit in shares
    ]
    if terms.basis != "none":
        nulls = (-terms.margin, 0.0)
        bets.insert(0, ("quality", _bet(terms.alpha / 2, terms.planned, nulls)))
    return State(
        terms=terms,
        bets=tuple(bets),
        means=tuple((name, _mean(name, part, terms.planned)) for name in means),
    )


def update(state: State, events: Sequence[TrialEvent]) -> State:
    """The state after further events of the trial, in the order of the journal.

    Nothing changes once a word was reached. Raises ValueError for scores outside [0, 1].
    """
    if state.word != "open":
        return state
    pairs = [event for event in events if isinstance(event, Paired)]
    quality, unscored = _quality(state.terms.basis, events)
    bets = []
    for name, held in state.bets:
        values = quality if name == "quality" else [*_differences(name, pairs)]
        bets.append((name, betting.update(held, values) if values else held))
    means = []
    for name, sums in state.means:
        values = [*_excesses(name, state.terms, pairs)]
        means.append((name, asymptotic.update(sums, values) if values else sums))
    paid = (pair.candidate.micro_dollars or 0.0 for pair in pairs if pair.kind == "shadow")
    found = replace(
        state,
        bets=tuple(bets),
        means=tuple(means),
        pairs=state.pairs + len(pairs),
        scored=state.scored + len(quality),
        unscored=state.unscored + unscored,
        micro_dollars=state.micro_dollars + math.fsum(paid),
    )
    return replace(found, word=_word(_guards(found), found.terms))


def read(state: State) -> Verdict:
    """What the pairs so far say."""
    return Verdict(
        word=state.word,
        guards=_guards(state),
        pairs=state.pairs,
        scored=state.scored,
        unscored=state.unscored,
        micro_dollars=state.micro_dollars,
    )


def replay(terms: Terms, trial: str, events: Iterable[TrialEvent]) -> Verdict:
    """The verdict of a trial from everything that was recorded, pair by pair as it came."""
    state = init(terms)
    for event in events:
        if isinstance(event, Paired | PairJudged) and event.trial == trial:
            state = update(state, [event])
    return read(state)


# Below: private.

_CELLS = 400
_FLOORS: dict[GuardName, float] = {"cost": 1.0, "latency": 0.02}


def _bounded(limits: dict[str, float | None]) -> list[tuple[GuardName, float | None]]:
    return [("refusals", limits["refusals"]), ("failures", limits["failures"])]


def _unbounded(terms: Terms) -> list[tuple[GuardName, float | None]]:
    return [("cost", terms.dearer), ("latency", terms.slower)]


def _bet(alpha: float, planned: int, nulls: tuple[float, ...]) -> betting.State:
    plan = betting.Plan(alpha=alpha, planned=planned, nulls=nulls, cells=_CELLS)
    return betting.init(plan)


def _mean(name: GuardName, alpha: float, planned: int) -> asymptotic.State:
    plan = asymptotic.Plan(planned=planned, floor=_FLOORS[name], alpha=alpha, warm_up=WARM_UP)
    return asymptotic.init(plan)


def _quality(basis: TrialBasis, events: Sequence[TrialEvent]) -> tuple[list[float], int]:
    """Differences of scores, and how many pairs can have none.

    Where only agreement is known, answers that differ count as if the candidate lost all: what is
    shown then holds whatever the scores are, as long as equal answers score alike.
    """
    found, unscored = [], 0
    for event in events:
        if basis == "none" or not isinstance(event, Paired | PairJudged):
            continue
        if basis == "agreement":
            if isinstance(event, Paired):
                if event.agreement is None:
                    unscored += 1
                else:
                    found.append(event.agreement - 1)
        elif event.live_score is not None and event.candidate_score is not None:
            found.append(event.candidate_score - event.live_score)
        elif isinstance(event, PairJudged):
            unscored += 1
    return found, unscored


def _differences(name: GuardName, pairs: Iterable[Paired]) -> Iterable[float]:
    for pair in pairs:
        if name == "failures":
            yield pair.candidate.failed - pair.live.failed
        elif pair.candidate.failed < 1 and pair.live.failed < 1:
            yield pair.candidate.refused - pair.live.refused


def _excesses(name: GuardName, terms: Terms, pairs: Iterable[Paired]) -> Iterable[float]:
    """What the candidate took beyond what is allowed."""
    for pair in pairs:
        found = _cost(terms, pair) if name == "cost" else _latency(terms, pair)
        if found is not None:
            yield found


def _cost(terms: Terms, pair: Paired) -> float | None:
    live, candidate = pair.live.micro_dollars, pair.candidate.micro_dollars
    if live is None or candidate is None:
        return None
    return candidate - (1 + (terms.dearer or 0.0)) * live


def _latency(terms: Terms, pair: Paired) -> float | None:
    live, candidate = _seconds(pair.live), _seconds(pair.candidate)
    if live is None or candidate is None:
        return None
    return math.log(candidate / live) - math.log1p(terms.slower or 0.0)


def _seconds(taken: Taken) -> float | None:
    return None if taken.seconds is None else max(taken.seconds, 1e-4)


def _guards(state: State) -> tuple[Guard, ...]:
    terms, bets, means = state.terms, dict(state.bets), dict(state.means)
    found = [_of_quality(terms, bets.get("quality"))]
    for name, limit in _unbounded(terms):
        found.append(_guard(name, means.get(name), limit, bound=0.0))
    limits = {"refusals": terms.refusals, "failures": terms.failures}
    for name, limit in _bounded(limits):
        found.append(_guard(name, bets.get(name), limit, bound=limit or 0.0))
    return tuple(found)


def _of_quality(terms: Terms, held: betting.State | None) -> Guard:
    if held is None:
        return Guard(name="quality", state="not watched", interval=None, limit=None)
    interval = betting.read(held).interval
    said = noninferiority.judge(
        estimate=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        margin=terms.margin,
    )
    state: GuardState = "kept" if said.non_inferior else "open"
    if said.regressed and terms.basis == "scores":
        state = "broken"
    return Guard(name="quality", state=state, interval=interval, limit=terms.margin)


def _guard(
    name: GuardName,
    held: betting.State | asymptotic.State | None,
    limit: float | None,
    *,
    bound: float,
) -> Guard:
    """Kept where the whole interval is at or below *bound*, broken where it is above."""
    if held is None:
        return Guard(name=name, state="not watched", interval=None, limit=limit)
    interval = (
        betting.read(held) if isinstance(held, betting.State) else asymptotic.read(held)
    ).interval
    state: GuardState = "open"
    if interval.lower > bound:
        state = "broken"
    elif interval.upper <= bound:
        state = "kept"
    return Guard(name=name, state=state, interval=interval, limit=limit)


def _word(guards: Sequence[Guard], terms: Terms) -> TrialWord:
    states = {guard.state for guard in guards}
    if "broken" in states:
        return "broken"
    settled = states <= {"kept", "not watched"} and terms.basis != "none"
    return "fit" if settled else "open"
