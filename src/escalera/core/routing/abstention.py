"""When a router should not choose: for strangers, and where a mistake would cost too much.

Strangers are told by a threshold of familiarity that keeps a stated share of familiar messages. It
is an order statistic of messages that nothing was learned from, so that it holds whatever their
distribution (split conformal prediction: Vovk, Gammerman and Shafer 2005, proposition 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.routing.features import Floats
from escalera.core.stats import distributions


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A router abstains below `familiarity`, or where the expected loss exceeds `refusal`.

    `errors` is what it costs to take a message of each type for another, `refusal` what it costs to
    abstain, in the same unit; without `errors` every mistake costs 1 (Chow 1970). None never.
    """

    familiarity: float | None = None
    refusal: float | None = None
    errors: tuple[float, ...] = ()

    def too_strange(self, familiarity: float) -> bool:
        """Whether a message is to be taken for one of no type."""
        return self.familiarity is not None and familiarity < self.familiarity

    def too_risky(self, odds: Floats, best: int) -> bool:
        """Whether choosing type *best* is worse than abstaining."""
        return self.refusal is not None and self.expected_loss(odds, best) > self.refusal

    def expected_loss(self, odds: Floats, best: int) -> float:
        """What choosing type *best* costs on average, given the types' probabilities."""
        if not self.errors:
            return 1 - float(odds[best])
        costs = odds * np.asarray(self.errors, dtype=np.float32)
        return float(costs.sum() - costs[best])


NEVER = Rule()
"""Never abstains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A threshold with what it promises.

    Of familiar messages a share of at least `coverage` is kept on average over samples of `n`, and
    with probability 1 - `risk` over samples at least `assured`. `value` is None, and all is kept,
    where `n` is too small to promise `coverage` by any threshold.
    """

    value: float | None
    coverage: float
    assured: float
    risk: float
    n: int


def threshold(familiarity: Sequence[float], *, coverage: float, risk: float = 0.05) -> Threshold:
    """The largest threshold that keeps *coverage* of messages like those given.

    It is the k-th smallest value for k = floor((1 - coverage) (n + 1)): a further message lies
    below it with probability at most k / (n + 1). Given the sample, the share below is at most
    Beta(k, n - k + 1) (Vovk 2012, section 2), which gives `assured`. ValueError unless
    0 < coverage < 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie strictly between 0 and 1, not {coverage!r}")
    n = len(familiarity)
    k = math.floor((1 - coverage) * (n + 1) + 1e-9)
    if k == 0:
        return Threshold(value=None, coverage=coverage, assured=1.0, risk=risk, n=n)
    return Threshold(
        value=sorted(familiarity)[k - 1],
        coverage=coverage,
        assured=1 - upper_share(k - 1, n, risk=risk),
        risk=risk,
        n=n,
    )


def upper_share(events: int, n: int, *, risk: float) -> float:
    """The share that *events* of *n* leave possible at level *risk*: Clopper and Pearson 1934.

    The p with P(Binomial(n, p) <= events) = risk, to 1e-12; 1 where all are events.
    """
    if events >= n:
        return 1.0
    low, high = events / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if distributions.binomial_cdf(events, n, middle) > risk:
            low = middle
        else:
            high = middle
    return high


def costs(values: Sequence[float]) -> tuple[float, ...]:
    """Costs of mistakes from what a point of each task is worth, 1 on average; () for none."""
    total = math.fsum(values)
    if total <= 0:
        return ()
    return tuple(value * len(values) / total for value in values)
