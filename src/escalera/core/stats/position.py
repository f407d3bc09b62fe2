"""Whether a judge's position bias is small, read as often as wanted while pairs come.

Every pair that was judged in both orders tells the bias once, d = (f - s) / 2 in [-1/2, 1/2]
(`judging`). A stretch of pairs has a confidence sequence for the mean of d (`betting`), which holds
at all readings together. When it lies within the limit, the bias is small; when it lies beyond,
large; either ends the stretch, and the next one begins from nothing. So a bias that drifts is
found by pairs that came after it, however long it had been small before. Of a stretch whose bias is
at the limit or beyond, "small" is said with probability at most alpha / 2, whenever it is read.

Pairs of one cluster are alike, so the first of each in a stretch counts.

A small bias does not mean that one order is enough: where the order changes many verdicts one way
and as many the other, a verdict in one order is mostly noise. `Stretch.noise` is what the draw of
the order adds to the variance of verdicts in a random order, the mean of d^2, and `Stretch.spread`
the variance over pairs of the means of both orders.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from escalera.core.stats import betting
from escalera.core.stats.clustering import Interval

BiasWord = Literal["open", "small", "large"]

EVERY = 8
"""Pairs between two readings: the interval hardly moves in fewer."""

WORTH = 0.5
"""Noise as a share of the spread up to which one order is enough.

With it, intervals are at most sqrt(1.5) = 1.22 times as wide, at about half the judge's calls: a
call then says at least 2 / 1.5 = 1.33 times as much as where both orders are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How small is small: the bias lies in (-limit, limit), with the error of each stretch.

    ValueError unless 0 < limit < 0.5 and 0 < alpha < 1.
    """

    limit: float
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.limit < 0.5:
            raise ValueError(
                f"limit {self.limit!r} must lie between 0 and 0.5, the ends of a position bias: "
                "pass e.g. 0.1"
            )
        self.bets()

    def bets(self) -> betting.Plan:
        """How each stretch is read: sharpest at the pairs that a good judge needs."""
        return betting.Plan(
            alpha=self.alpha,
            low=-0.5,
            high=0.5,
            planned=8 * EVERY,
            nulls=(-self.limit, self.limit),
            cells=200,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One answer's grades in [0, 1], shown first and shown second, and its cluster."""

    first: float
    second: float
    cluster: Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Pairs since the bias was last called small or large; sums are of d^2, m and m^2.

    `clusters` are those that count already; a stretch that a word rests on needs them no more.
    """

    bets: betting.State
    clusters: frozenset[Hashable] = frozenset()
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def pairs(self) -> int:
        """How many count."""
        return self.bets.capital.steps

    @property
    def noise(self) -> float:
        """The variance that a random order adds to a verdict; 0 without a pair."""
        return self.sums[0] / max(self.pairs, 1)

    @property
    def spread(self) -> float:
        """The variance over pairs of the mean of both orders; 0 without a pair."""
        _, total, squares = self.sums
        count = max(self.pairs, 1)
        return max(0.0, squares / count - (total / count) ** 2)

    @property
    def interval(self) -> Interval:
        """Of the position bias."""
        return betting.read(self.bets).interval


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known after all pairs so far: the word, the stretch that it rests on, the next one.

    Equal pairs in equal order give equal states. `rests_on` is None while nothing was said.
    """

    plan: Plan
    word: BiasWord
    rests_on: Stretch | None
    now: Stretch

    @property
    def one_order(self) -> bool:
        """Whether a verdict in one random order is enough: a small bias, and little noise."""
        found = self.rests_on
        return self.word == "small" and found is not None and found.noise <= WORTH * found.spread


def init(plan: Plan) -> State:
    """Return the state before the first pair: nothing is known, so both orders are needed."""
    return State(plan=plan, word="open", rests_on=None, now=Stretch(bets=betting.init(plan.bets())))


def update(state: State, pairs: Iterable[Pair]) -> State:
    """Return the state after further pairs, in their order; a block is as its pairs one by one.

    ValueError for a grade outside [0, 1].
    """
    seen, new = set(state.now.clusters), []
    for pair in pairs:
        if not (0.0 <= pair.first <= 1.0 and 0.0 <= pair.second <= 1.0):
            raise ValueError(
                f"grades {pair.first!r} and {pair.second!r} must lie in [0, 1]: leave out pairs "
                "that could not be read"
            )
        if pair.cluster in seen:
            continue
        seen.add(pair.cluster)
        new.append(pair)
        if len(seen) % EVERY == 0:
            state = _read(replace(state, now=_longer(state.now, new)))
            new = []
            if not state.now.pairs:
                seen.clear()
    now = replace(_longer(state.now, new), clusters=frozenset(seen))
    return replace(state, now=now)


# Private.


def _longer(now: Stretch, new: Sequence[Pair]) -> Stretch:
    if not new:
        return now
    biases = [0.5 * (pair.first - pair.second) for pair in new]
    squares, total, moments = now.sums
    for bias, pair in zip(biases, new, strict=True):
        middle = 0.5 * (pair.first + pair.second)
        squares, total, moments = squares + bias**2, total + middle, moments + middle**2
    return replace(now, bets=betting.update(now.bets, biases), sums=(squares, total, moments))


def _read(state: State) -> State:
    """The state at a reading: a new word, and a new stretch, where it says one."""
    word = _word(state.now.interval, state.plan.limit)
    if word == "open":
        return state
    fresh = Stretch(bets=betting.init(state.plan.bets()))
    ended = replace(state.now, clusters=frozenset())
    return State(plan=state.plan, word=word, rests_on=ended, now=fresh)


def _word(found: Interval, limit: float) -> BiasWord:
    if -limit < found.lower and found.upper < limit:
        return "small"
    return "large" if found.lower > limit or found.upper < -limit else "open"
