"""Ever a false win? Looking all the time at differences whose true mean is 0.

plain     differences of a random pair of systems in random order, each with a random sign.
clusters  a whole cluster gets one sign. Clusters are blocks of a subject's consecutive questions
          (MMLU-Pro), or made alike: items sorted by their difference plus noise, cut into clusters
          of 1 to 8 (AlpacaEval). Clusters come in random order, their items together.
judge     one system scored twice by a noisy judge: each score is, with probability 0.3, that of
          another item of the system (graded) or turned round (right or wrong). Equal systems.
whole     for the finite-population rule the claim is about the items at hand: half of them enter
          with their difference, and the same again with its opposite, so that the mean is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats
from bench.decisions import agreement, deviate, rules
from bench.decisions.data import Board
from bench.decisions.deviate import Floats, Runs

_PART = 1000
_ITEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """False verdicts of a rule in a scenario, ever, and the upper 99 % bound of their rate.

    `wins`: those that are for the first system, as when only a candidate can win.
    """

    board: str
    scenario: str
    rule: str
    runs: int
    errors: int
    wins: int
    ours: bool

    @property
    def rate(self) -> float:
        return self.errors / self.runs

    @property
    def bound(self) -> float:
        return upper_bound(self.errors, self.runs)


def upper_bound(errors: int, runs: int) -> float:
    """Clopper and Pearson's upper 99 % bound of a rate."""
    return float(scipy.stats.beta.ppf(0.99, errors + 1, runs - errors)) if errors < runs else 1.0


def run(board: Board, *, nulls: int, seed: int) -> tuple[list[Row], int]:
    """Return the rows of every scenario, and how many runs were compared with the library."""
    rows, compared = [], 0
    for number, (scenario, draw) in enumerate(SCENARIOS.items()):
        rng = np.random.default_rng([seed, number, board.items])
        counts: dict[str, np.ndarray] = {}
        found = _rules(scenario)
        for start in range(0, nulls, _PART):
            runs = draw(board, min(_PART, nulls - start), rng)
            if start == 0:
                compared += agreement.check(runs, (0.0,), sample=2)
            for name, rule in found.items():
                words = rules.apply(rule, runs).words
                wrong = np.array([(words != rules.UNDECIDED).sum(), (words == rules.BETTER).sum()])
                counts[name] = counts.get(name, np.zeros(2, dtype=int)) + wrong
        ours = {*rules.ours(), rules.FINITE}
        rows += [
            Row(
                board=board.name,
                scenario=scenario,
                rule=name,
                runs=nulls,
                errors=int(errors),
                wins=int(wins),
                ours=name in ours,
            )
            for name, (errors, wins) in counts.items()
        ]
    return rows, compared


def _rules(scenario: str) -> dict[str, rules.Rule]:
    if scenario == "whole":
        return {rules.FINITE: _before_the_end}
    return {**rules.ours(), **rules.others()}


def _before_the_end(runs: Runs, margin: float) -> rules.Answers:
    """Without the last item, at which the mean is known but for its rounding."""
    found = rules.finite(runs, margin)
    return rules.Answers(
        above=found.above[:, :-1],
        below=found.below[:, :-1],
        above_margin=found.above_margin[:, :-1],
        below_margin=found.below_margin[:, :-1],
        items=found.items[:, :-1],
    )


def plain(board: Board, count: int, rng: np.random.Generator) -> Runs:
    """Random signs, item by item."""
    values = _differences(board, count, rng)
    return deviate.unclustered(_flipped(values, rng), binary=board.binary)


def clusters(board: Board, count: int, rng: np.random.Generator) -> Runs:
    """Random signs, cluster by cluster."""
    if board.clusters is None:
        values = _differences(board, count, rng)
        noise = rng.normal(size=values.shape) * values.std(axis=1, keepdims=True)
        values = np.take_along_axis(values, np.argsort(values + noise, axis=1), axis=1)
        sizes = _sizes(values.shape[1], rng)
    else:
        chosen = _some_clusters(board.clusters, rng)
        values = _pairwise(board, count, rng)[:, np.concatenate(chosen)]
        sizes = np.array([len(c) for c in chosen])
    return arranged(values, sizes, rng, binary=board.binary)


def judge(board: Board, count: int, rng: np.random.Generator) -> Runs:
    """One system, scored twice with independent noise."""
    system = rng.integers(len(board.systems), size=count)
    true = board.scores[system]
    order = np.argsort(rng.random(true.shape), axis=1)[:, :_ITEMS]
    true = np.take_along_axis(true, order, axis=1)

    def judged() -> Floats:
        hit = rng.random(true.shape) < 0.3
        return np.where(hit, 1.0 - true if board.binary else rng.permuted(true, axis=1), true)

    return deviate.unclustered(judged() - judged(), binary=board.binary)


def whole(board: Board, count: int, rng: np.random.Generator) -> Runs:
    """Every difference and its opposite, in random order."""
    half = _differences(board, count, rng)[:, : min(board.items, _ITEMS) // 2]
    both = rng.permuted(np.concatenate([half, -half], axis=1), axis=1)
    return deviate.unclustered(both, binary=board.binary)


SCENARIOS = {"plain": plain, "clusters": clusters, "judge noise": judge, "whole": whole}


# Private.


def arranged(values: Floats, sizes: np.ndarray, rng: np.random.Generator, *, binary: bool) -> Runs:
    """Give each cluster, contiguous in `values`, one sign per run and a random place."""
    count, groups = len(values), len(sizes)
    member = np.repeat(np.arange(groups), sizes)
    sign = rng.choice([-1.0, 1.0], (count, groups))
    values = values * sign[:, member]
    order = np.argsort(rng.random((count, groups)), axis=1)
    rank = np.argsort(order, axis=1)
    items = np.take_along_axis(values, np.argsort(rank[:, member], axis=1, kind="stable"), axis=1)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def summed(x: Floats) -> Floats:
        return np.take_along_axis(np.add.reduceat(x, starts, axis=1), order, axis=1)

    return Runs(
        items=items,
        sums=summed(values),
        sizes=sizes.astype(np.float64)[order],
        gains=summed(np.maximum(values, 0.0)),
        losses=summed(np.maximum(-values, 0.0)),
        binary=binary,
        largest=int(sizes.max()),
    )


def _pairwise(board: Board, count: int, rng: np.random.Generator) -> Floats:
    pairs = np.array(list(board.pairs()))[rng.integers(_pair_count(board), size=count)]
    found: Floats = board.scores[pairs[:, 0]] - board.scores[pairs[:, 1]]
    return found


def _differences(board: Board, count: int, rng: np.random.Generator) -> Floats:
    return rng.permuted(_pairwise(board, count, rng), axis=1)[:, :_ITEMS]


def _pair_count(board: Board) -> int:
    return len(board.systems) * (len(board.systems) - 1) // 2


def _flipped(values: Floats, rng: np.random.Generator) -> Floats:
    return values * rng.choice([-1.0, 1.0], values.shape)


def _sizes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Sizes of 1 to 8 that add up to n."""
    sizes = rng.integers(1, 9, n)
    ends = np.cumsum(sizes)
    kept = sizes[ends <= n]
    rest = n - int(kept.sum())
    return np.concatenate([kept, [rest]]) if rest else kept


def _some_clusters(labels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Random whole clusters, about as many items as the other scenarios have."""
    every = rng.permutation(np.unique(labels))
    chosen, total = [], 0
    for label in every.tolist():
        members = np.flatnonzero(labels == label)
        if total + len(members) > _ITEMS:
            break
        chosen.append(members)
        total += len(members)
    return chosen
