"""Top-two Thompson sampling on common items: the rule tried beside halving and continuous rejects.

Scores are an arm's mean, an item's ease and noise, all normal; arms answer the items in one order,
so that a lagging arm is compared on what the others had, too. Each step draws the means from what
is known of them; the best drawn arm, or as often the one that is best in another draw, answers two
more items (Russo 2016). At the end the arm with the highest expected mean wins.
"""

from __future__ import annotations

import numpy as np
from bench.decisions.deviate import Floats

FIRST, STEP, DRAWS = 4, 2, 64
NOISE, EASE, SPREAD = 0.12, 0.08, 0.05
"""Variances of noise, of items and of arms, for scores in [0, 1]."""


def choose(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    """The winner with so many calls per arm, and its scores."""
    arms, pool = scores.shape
    order = rng.permutation(pool)
    known = _Known(scores[:, order])
    while known.left(calls * arms) > 0:
        mean, spread = known.posterior()
        drawn = rng.multivariate_normal(mean, spread, size=DRAWS, method="cholesky").argmax(axis=1)
        arm = int(drawn[0])
        if rng.random() < 0.5:
            others = drawn[drawn != arm]
            arm = int(others[0]) if others.size else _challenger(mean, spread, arm)
        if known.seen[arm] == pool:
            break
        known.ask(arm, min(STEP, known.left(calls * arms), pool - int(known.seen[arm])))
    winner = int(known.posterior()[0].argmax())
    return winner, scores[winner, order[: known.seen[winner]]]


# Private.


class _Known:
    """The normal posterior of the arms' means, less what all have in common at first."""

    def __init__(self, scores: Floats) -> None:
        arms, pool = scores.shape
        self.seen = np.full(arms, FIRST)
        self._middle = float(scores[:, :FIRST].mean())
        self._scores = scores - self._middle
        self._asked = np.zeros((pool, arms))
        self._precision = np.eye(arms) / SPREAD
        self._shift = np.zeros(arms)
        for item in range(FIRST):
            self._asked[item] = 1.0
            self._add(item, 1.0)

    def left(self, budget: int) -> int:
        return budget - int(self.seen.sum())

    def posterior(self) -> tuple[Floats, Floats]:
        spread = np.linalg.inv(self._precision)
        return spread @ self._shift, spread

    def ask(self, arm: int, items: int) -> None:
        for item in range(self.seen[arm], self.seen[arm] + items):
            self._add(item, -1.0)
            self._asked[item, arm] = 1.0
            self._add(item, 1.0)
        self.seen[arm] += items

    def _add(self, item: int, sign: float) -> None:
        """What the answers to an item say of the arms, its ease integrated out."""
        asked = self._asked[item]
        scores = asked * self._scores[:, item]
        share = 1.0 / (asked.sum() + NOISE / EASE)
        self._precision += sign * (np.diag(asked) - share * np.outer(asked, asked)) / NOISE
        self._shift += sign * (scores - share * scores.sum() * asked) / NOISE


def _challenger(mean: Floats, spread: Floats, arm: int) -> int:
    """The arm of which it is least sure that it is worse."""
    variance = spread[arm, arm] + np.diag(spread) - 2.0 * spread[arm]
    behind = (mean[arm] - mean) / np.sqrt(np.maximum(variance, 1e-12))
    behind[arm] = np.inf
    return int(behind.argmin())
