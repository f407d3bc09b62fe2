"""What coverage any interval can have where few clusters differ: a bound for clusters and grades.

    python -m bench.decisions.cluster_limits --draws 200000

As in `coverage_limits`, a gate relies on each end alone: whatever the distribution of clusters is,
an end passes the true difference in at most 2.5 %. Rules are monotone (no end rises when a
difference falls) and know no order of clusters or of their items. They may use all they see.

Take the outcomes whose upper end lies below the truth. With an outcome the set holds every lower
one. So let a pattern of gains be one item, some or all with a gain of some size, and a pattern of
losses likewise: with an outcome of which N clusters are above the one, and m clusters have a loss
and all of these lie above the other, the set holds the outcome of N and m clusters with just these
patterns and the rest without a difference. Clusters that have no other outcomes than the two
patterns are a distribution, too, with shares so that the truth is the mean. What the set can be
worth under a cell of the grid is then at most an integer program over the outcomes (N, m) of every
pair of patterns. The same holds for the lower end, mirrored. The chances of all N and m in the cell
are simulated, hence a standard error, which is that of what ours covers or less. Ours itself passes
the truth in more than 2.5 % where clusters are at their worst, so that it may cover less than the
least; what could be had if each end might do so in 5 % is told, too.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from bench.decisions import coverage, coverage_limits, deviate
from bench.decisions.coverage_limits import SIDE, Ints, Outcomes
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table

Name = tuple[str, int, int, float, float]
CELLS: tuple[Name, ...] = (
    *(("right/wrong", 20, 3, alike, rate) for rate in (0.02, 0.1, 0.5) for alike in (0, 0.3, 0.5)),
    *(("right/wrong", 20, 10, alike, 0.02) for alike in (0.0, 0.3, 0.5)),
    *(("right/wrong", 20, 10, 0.0, rate) for rate in (0.1, 0.5)),
    ("right/wrong", 50, 1, 0.0, 0.02),
    *(("right/wrong", 50, 3, alike, 0.02) for alike in (0.0, 0.3, 0.5)),
    ("right/wrong", 50, 10, 0.0, 0.02),
    *(("five grades", 20, 3, alike, 0.02) for alike in (0.0, 0.3, 0.5)),
    ("five grades", 20, 10, 0.5, 0.02),
    ("five grades", 50, 1, 0.0, 0.02),
    ("continuous", 20, 3, 0.5, 0.02),
)
"""Those that cover more than 96.5 % in a run of the grid, or did."""

SIZES = {
    "right/wrong": (1.0,),
    "five grades": (0.25, 0.5, 1.0),
    "continuous": (0.05, 0.1, 0.2, 0.4, 1.0),
}
"""Of the losses of patterns. Gains are of 1: the fewest such gains make up for the losses."""
ITEMS = (1, 2, 3, 5, 10)
_PART = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A cell: clusters that differ on average, what ours covers, and the least possible.

    `least_twice`: if each end might pass the truth in twice as many.
    """

    name: Name
    draws: int
    differing: float
    covered: float
    least: float
    least_twice: float


@dataclass(frozen=True, slots=True, order=True)
class Pattern:
    """So many items of a cluster with a gain, or a loss, of a size."""

    items: int
    size: float

    @property
    def total(self) -> float:
        return self.items * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Of gains and of losses, in clusters of so many items."""

    gains: tuple[Pattern, ...]
    losses: tuple[Pattern, ...]
    items: int


def main() -> None:
    """Print what is covered, and what can be."""
    parser = argparse.ArgumentParser(prog="bench.decisions.cluster_limits")
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = []
    for number, name in enumerate(CELLS):
        rng = np.random.default_rng([given.seed, 97, number])
        found = limit(name, given.draws, rng)
        error = np.sqrt(max(found.covered * (1.0 - found.covered), 1e-9) / found.draws)
        rows.append(
            (
                *found.name,
                f"{found.differing:.1f}",
                f"{percent(found.covered, 2)} +- {percent(float(error), 2)}",
                percent(found.least, 2),
                percent(found.least_twice, 2),
            )
        )
    head = (
        "scores", "clusters", "items each", "ICC", "base rate", "clusters that differ",
        "ours", "at the least", "ends of 5 %",
    )  # fmt: skip
    print(table(head, rows))


def limit(name: Name, draws: int, rng: np.random.Generator) -> Limit:
    """What ours covers in a cell, and the least that an interval can."""
    kind, clusters, size, alike, rate = name
    better = rate + 0.2 * rate * (1.0 - rate)
    truth, kinds = better - rate, patterns(kind, size)
    inside, differing = 0, 0.0
    counted: dict[float, Counter[tuple[int, ...]]] = {1.0: Counter(), -1.0: Counter()}
    for start in range(0, draws, _PART):
        count = min(_PART, draws - start)
        values = coverage.drawn(kind, clusters, size, alike, (better, rate), count, rng)
        runs = coverage.steps(values, clusters, size, binary=kind == "right/wrong")
        last = deviate.prefixes(runs, np.array([clusters]))
        inside += int((np.abs(deviate.z(last, truth)) <= coverage.CRITICAL).sum())
        split = values.reshape(count, clusters, size)
        differing += float((np.abs(split) > deviate.TIED).any(axis=2).sum())
        for sign, found in counted.items():
            found.update(map(tuple, seen(sign * split, kinds).tolist()))

    def least(side: float) -> float:
        passes = (
            most(found, sign * truth, kinds, clusters=clusters, alpha=side)
            for sign, found in counted.items()
        )
        return 1.0 - sum(min(side, share) for share in passes)

    return Limit(
        name=name,
        draws=draws,
        differing=differing / draws,
        covered=inside / draws,
        least=least(SIDE),
        least_twice=least(2.0 * SIDE),
    )


def patterns(kind: str, items: int) -> Patterns:
    """Those that a bound is made of: one item, some, all."""
    some = [many for many in ITEMS if many <= items]
    few = some if kind == "right/wrong" else sorted({1, 3 if items > 3 else 1, items})
    return Patterns(
        gains=tuple(Pattern(many, 1.0) for many in few),
        losses=tuple(Pattern(many, size) for many in some for size in SIZES[kind]),
        items=items,
    )


def seen(values: Floats, kinds: Patterns) -> Ints:
    """Per run by clusters by items what a rule is told, as a row of numbers.

    Clusters with a loss; for every pattern of gains how many lie above it; for every pattern of
    losses whether all with a loss lie above it.
    """
    ordered = np.sort(values, axis=2)
    lost = ordered[:, :, 0] < -deviate.TIED
    found = [lost.sum(axis=1)]
    for gain in kinds.gains:
        # The items with most of a cluster are as high as the gain, and no other is a loss.
        above = ordered[:, :, kinds.items - gain.items] > gain.size - deviate.TIED
        found.append((above & ~lost).sum(axis=1))
    for loss in kinds.losses:
        above = ordered[:, :, 0] > -loss.size - deviate.TIED
        if loss.items < kinds.items:
            above &= ordered[:, :, loss.items] > -deviate.TIED
        found.append((above | ~lost).all(axis=1).astype(int))
    return np.stack(found, axis=1)


def most(
    counted: Counter[tuple[int, ...]],
    truth: float,
    kinds: Patterns,
    *,
    clusters: int,
    alpha: float = SIDE,
    grid: int = 60,
) -> float:
    """The most probability of a set of outcomes whose upper ends may lie below the truth.

    *counted* is how often a row of `seen` came in the cell.
    """
    found = coverage_limits.outcomes(clusters)
    seats = zip(found.gains.tolist(), found.losses.tolist(), strict=True)
    place = {seat: k for k, seat in enumerate(seats)}
    pairs = list(itertools.product(range(len(kinds.gains)), range(len(kinds.losses))))
    first = {pair: k * len(place) for k, pair in enumerate(pairs)}
    edges, after = _couplings(kinds, found, first), len(pairs) * len(place)
    keys = list(counted)
    for k, (lost, *told) in enumerate(keys):
        above, within = told[: len(kinds.gains)], told[len(kinds.gains) :]
        edges += [
            (after + k, first[gain, loss] + place[above[gain], lost])
            for gain, loss in pairs
            if within[loss]
        ]
    blocks = [
        _under(found, kinds.items * truth, kinds.gains[gain].total, kinds.losses[loss].total, grid)
        for gain, loss in pairs
    ]
    parts = [scipy.sparse.coo_array(part) for part in (*blocks, np.zeros((1, len(keys))))]
    chances = scipy.sparse.block_diag(parts, format="csr")
    total = sum(counted.values())
    worth = np.concatenate([np.zeros(after), [counted[key] / total for key in keys]])
    return coverage_limits.program(
        worth, chances, coverage_limits.implied(edges, len(worth)), alpha=alpha
    )


# Private.


def _under(found: Outcomes, mean: float, gain: float, loss: float, grid: int) -> Floats:
    """Chances of (gaining, losing) where a cluster gains or loses so much, with this mean."""
    fewest = max(0.0, -mean / loss)
    # Shares of gains and losses add up to at most 1.
    room = (gain - mean - fewest * (gain + loss)) / (gain + loss)
    downs = fewest + room * np.linspace(0.0005, 0.999, grid) ** 2
    ups = np.maximum(0.0, (mean + loss * downs) / gain)
    return np.array([found.chance(up, down) for up, down in zip(ups, downs, strict=True)])


def _couplings(
    kinds: Patterns, found: Outcomes, first: dict[tuple[int, int], int]
) -> list[tuple[int, int]]:
    """Places of outcomes, each with one that is lower: by a step, or with lower patterns."""
    steps = [(high, low) for low, high in coverage_limits.better(found)]
    edges = [(at + high, at + low) for at in first.values() for high, low in steps]
    for (gain, loss), at in first.items():
        for (other, more), to in first.items():
            lower = _within(kinds.gains[other], kinds.gains[gain])
            lower = lower and _within(kinds.losses[loss], kinds.losses[more])
            if lower and (gain, loss) != (other, more):
                edges += [(at + k, to + k) for k in range(len(found.gains))]
    return edges


def _within(small: Pattern, large: Pattern) -> bool:
    return small.items <= large.items and small.size <= large.size


if __name__ == "__main__":
    main()
