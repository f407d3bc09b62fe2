"""The best of K under a budget of 20 calls per arm, and what is then reported of it.

Arms are the board's systems; where K exceeds their number (and in the "close" field) further arms
answer each item as one of two systems does, at a share drawn per arm: systems in between, as prompt
variants are. Selection draws items without replacement. Fresh items are drawn from all items
independently, so that their mean is the whole board's: a split of a finite board would leave the
rest of the items poorer by what the winner had luck with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from bench.decisions.data import Board
from bench.decisions.deviate import Floats

from escalera.core.stats import best_of, halving, rejects

CLOSE = 0.01
EARLY = "halving, clear losers leave early"
PLAIN = "sequential halving"
REJECTS = "continuous rejects, clear losers leave"
Choose = Callable[[Floats, int, np.random.Generator], tuple[int, Floats]]
"""From scores, calls per arm and a generator: the winner and its scores in the selection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to choose: how often it is near the best, and the error of what is reported."""

    board: str
    field: str
    rule: str
    arms: int
    calls_per_arm: int
    races: int
    near: float
    regret: float
    selection_bias: float
    fresh: int
    fresh_bias: float
    fresh_bias_error: float
    coverage: float
    selection_coverage: float


def run(board: Board, *, races: int, seed: int, arms: int = 32, fresh: int = 200) -> list[Row]:
    """Return a row per field of arms and way to choose."""
    rows = []
    for field, (make, count) in fields(board, arms).items():
        for rule, (choose, calls) in _ways().items():
            rng = np.random.default_rng([seed, 72, board.items, len(rows)])
            rows.append(_race(board, field, rule, make, choose, count, calls, races, fresh, rng))
    return rows


def mixed(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    """A random draw from the systems and twice as many blends."""
    pool = np.concatenate([scores, _blended(scores, 2 * len(scores), rng)])
    return pool[rng.permutation(len(pool))[:count]]


def close(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Blends of the five best systems."""
    best = scores[np.argsort(-scores.mean(axis=1))[:5]]
    return _blended(best, count, rng)


def fields(board: Board, arms: int) -> dict[str, tuple[Callable[..., Floats], int]]:
    """Ways to draw arms, and how many."""
    systems = len(board.systems)
    return {
        "all systems": (_systems, systems),
        f"all systems and {arms - systems} blends": (_filled, arms),
        f"{arms} of systems and twice as many blends": (mixed, arms),
        f"{arms} blends of the five best": (close, arms),
    }


def early(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    """Halving whose arms leave early when they are clearly behind (`halving.contenders`)."""
    arms, pool = len(scores), scores.shape[1]
    order = rng.permutation(pool)
    alive, seen, left = list(range(arms)), 0, calls * arms
    while one := halving.following(arms=len(alive), calls=left, pool=pool - seen):
        seen, left = seen + one.new_items, left - one.calls
        found = scores[np.ix_(alive, order[:seen])]
        alive = [alive[i] for i in halving.contenders(list(found), keep=one.survivors)]
    return alive[0], scores[alive[0], order[:seen]]


def by_rejects(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    """Arms leave a few at a time (`rejects`), or when they are clearly behind."""
    arms, pool = len(scores), scores.shape[1]
    order = rng.permutation(pool)
    alive, seen, left = list(range(arms)), 0, calls * arms
    while one := rejects.following(arms=len(alive), seen=seen, calls=left, pool=pool - seen):
        seen, left = seen + one.new_items, left - one.calls
        found = scores[np.ix_(alive, order[:seen])]
        alive = [alive[i] for i in halving.contenders(list(found), keep=one.survivors)]
    return alive[0], scores[alive[0], order[:seen]]


# Private.


def _ways() -> dict[str, tuple[Choose, int]]:
    return {
        EARLY: (early, 20),
        PLAIN: (_halving, 20),
        REJECTS: (by_rejects, 20),
        "uniform, common items": (_common, 20),
        "uniform, unpaired": (_unpaired, 20),
        "uniform, unpaired, five times the calls": (_unpaired, 100),
        f"{EARLY}, twice the calls": (early, 40),
    }


def _race(board, field, rule, make, choose, count, calls, races, fresh, rng) -> Row:  # noqa: PLR0913
    near, regret, optimism, errors, covered, covered_selection = [], [], [], [], [], []
    for number in range(races):
        scores = make(board.scores, count, rng)
        truth = scores.mean(axis=1)
        winner, chosen = choose(scores, calls, rng)
        regret.append(truth.max() - truth[winner])
        near.append(regret[-1] <= CLOSE + 1e-12)
        optimism.append(chosen.mean() - truth[winner])
        drawn = scores[winner, rng.integers(board.items, size=fresh)]
        selected = best_of.select([float(chosen.mean())], [("selection", number)])
        found = best_of.confirm(selected, list(range(fresh)), drawn).reported
        errors.append(found.estimate - truth[winner])
        covered.append(found.lower <= truth[winner] <= found.upper)
        half = 1.96 * chosen.std(ddof=1) / math.sqrt(len(chosen)) if len(chosen) > 1 else 1.0
        covered_selection.append(abs(optimism[-1]) <= half)
    return Row(
        board=board.name,
        field=field,
        rule=rule,
        arms=count,
        calls_per_arm=calls,
        races=races,
        near=float(np.mean(near)),
        regret=float(np.mean(regret)),
        selection_bias=float(np.mean(optimism)),
        fresh=fresh,
        fresh_bias=float(np.mean(errors)),
        fresh_bias_error=float(np.std(errors) / math.sqrt(races)),
        coverage=float(np.mean(covered)),
        selection_coverage=float(np.mean(covered_selection)),
    )


def _systems(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    return scores[rng.permutation(len(scores))[:count]]


def _filled(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Every system, and blends up to the count."""
    every = np.concatenate([scores, _blended(scores, count - len(scores), rng)])
    return every[rng.permutation(count)]


def _blended(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    first, second = (rng.integers(len(scores), size=count) for _ in range(2))
    share = rng.random((count, 1))
    take = rng.random((count, scores.shape[1])) < share
    return np.where(take, scores[first], scores[second])


def _halving(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    arms = len(scores)
    order = rng.permutation(scores.shape[1])
    alive, seen = list(range(arms)), 0
    for one in halving.schedule(arms=arms, calls=calls * arms, pool=scores.shape[1]):
        seen += one.new_items
        means = scores[np.ix_(alive, order[:seen])].mean(axis=1)
        alive = [alive[i] for i in halving.survivors(means.tolist(), keep=one.survivors)]
    return alive[0], scores[alive[0], order[:seen]]


def _common(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    items = rng.permutation(scores.shape[1])[:calls]
    winner = int(scores[:, items].mean(axis=1).argmax())
    return winner, scores[winner, items]


def _unpaired(scores: Floats, calls: int, rng: np.random.Generator) -> tuple[int, Floats]:
    items = rng.integers(scores.shape[1], size=(len(scores), calls))
    drawn = np.take_along_axis(scores, items, axis=1)
    winner = int(drawn.mean(axis=1).argmax())
    return winner, drawn[winner]
