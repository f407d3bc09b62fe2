"""What coverage any interval of a paired difference can have where few pairs are discordant.

    python -m bench.decisions.coverage_limits

Right/wrong scores of independent items: what is seen is the number of gains and of losses among n,
so that every procedure can be enumerated. A gate relies on each end of an interval alone: whatever
the share of losses is, an end passes the true difference in at most 2.5 %. So at a cell's
difference, an interval is a set of outcomes whose lower end lies above it, and one whose upper end
lies below it, each of at most 2.5 % under every share of losses. How little it covers at most is
then an integer program for each set: the most probability, under the cell, that a set can have.

any        every rule without a coin, however odd
monotone   an outcome with one more gain or one loss fewer does not lower an end
a coin     the sets may be joined by chance: then 95 % is had exactly, and the verdict on the same
           answers depends on the coin

Constraints hold on a grid of shares: fewer of them than there are, so that the least coverage is a
bound for every procedure. A coverage "in the band" is one of 94 to 96.5 %.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse
import scipy.special
import scipy.stats
from bench.decisions import coverage, deviate, melded
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table
from numpy.typing import NDArray

SIDE = 0.025
CASES = (
    *((50, rate) for rate in (0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.5)),
    *((60, rate) for rate in (0.02, 0.1)),
)
Ints = NDArray[np.int_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """All numbers of gains and losses among n pairs."""

    n: int
    gains: Ints
    losses: Ints

    def chance(self, up: float, down: float) -> Floats:
        """The chance of each outcome with these shares of gains and losses."""
        same = self.n - self.gains - self.losses
        log = np.full(len(same), scipy.special.gammaln(self.n + 1.0))
        for count, share in ((self.gains, up), (self.losses, down), (same, 1.0 - up - down)):
            log += scipy.special.xlogy(count, share) - scipy.special.gammaln(count + 1.0)
        found: Floats = np.exp(log)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A cell: its discordant pairs on average, what intervals cover, and the least possible."""

    n: int
    rate: float
    discordant: float
    tango: float
    melded: float
    monotone: float
    any: float


def main() -> None:
    """Print what is covered, and what can be."""
    argparse.ArgumentParser(prog="bench.decisions.coverage_limits").parse_args()
    head = (
        "items", "base rate", "discordant", "Tango (ours)", "Fay and Lumbard",
        "at the least: monotone", "any", "a coin",
    )  # fmt: skip
    print(table(head, (_row(limit(n, rate)) for n, rate in CASES)))


def shares(rate: float) -> tuple[float, float]:
    """Gains and losses of the grid's systems without clusters (`coverage.drawn`)."""
    better = rate + 0.2 * rate * (1.0 - rate)
    normal = scipy.stats.multivariate_normal(cov=[[1.0, 0.5], [0.5, 1.0]])
    both = float(normal.cdf([scipy.stats.norm.ppf(better), scipy.stats.norm.ppf(rate)]))
    return better - both, rate - both


def outcomes(n: int) -> Outcomes:
    """Every outcome of n pairs."""
    gains, losses = (grid.ravel() for grid in np.mgrid[0 : n + 1, 0 : n + 1])
    keep = gains + losses <= n
    return Outcomes(n=n, gains=gains[keep], losses=losses[keep])


def limit(n: int, rate: float) -> Limit:
    """What is covered in a cell of independent items, and the least that can be."""
    up, down = shares(rate)
    found = outcomes(n)
    chance = found.chance(up, down)
    counts = (found.gains.astype(float), found.losses.astype(float), np.full(len(chance), float(n)))
    tango = np.abs(deviate.tango(*counts, up - down)) <= coverage.CRITICAL
    likely = np.flatnonzero(chance > 1e-9)
    held = [k for k in likely if melded.covers(*_at(found, k), n, up - down)]

    def least(*, monotone: bool) -> float:
        return 1.0 - most(n, up, down, monotone=monotone) - most(n, down, up, monotone=monotone)

    return Limit(
        n=n,
        rate=rate,
        discordant=n * (up + down),
        tango=float(chance[tango].sum()),
        melded=float(chance[held].sum()),
        monotone=least(monotone=True),
        any=least(monotone=False),
    )


def most(
    n: int, up: float, down: float, *, monotone: bool, alpha: float = SIDE, grid: int = 80
) -> float:
    """The most probability of a set of outcomes that may lie above the difference up - down.

    At most alpha under every share of losses on a grid that has that difference. A bound: the
    solver's, which is not below what was found.
    """
    found, null = outcomes(n), up - down
    least = max(0.0, -null)
    downs = least + 0.5 * (1.0 - abs(null)) * np.linspace(0.0005, 0.999, grid) ** 2
    rows = np.array([found.chance(d + null, d) for d in (*downs, down)])
    edges = _edges(found) if monotone else None
    return program(found.chance(up, down), rows, edges, alpha=alpha)


def program(
    worth: Floats, chances: Floats, edges: scipy.sparse.csr_matrix | None, *, alpha: float = SIDE
) -> float:
    """The most that a set of outcomes is worth whose every row of *chances* is at most alpha.

    The solver's bound, which is not below what was found. Rows of *edges* hold outcomes that are
    in the set only if another is: their difference is at most 0.
    """
    constraints = [
        scipy.optimize.LinearConstraint(scipy.sparse.csr_matrix(chances), -np.inf, alpha)
    ]
    if edges is not None:
        constraints.append(scipy.optimize.LinearConstraint(edges, -np.inf, 0.0))
    solved = scipy.optimize.milp(
        -worth,
        constraints=constraints,
        integrality=np.ones(len(worth)),
        bounds=scipy.optimize.Bounds(0.0, 1.0),
        options={"time_limit": 300.0, "mip_rel_gap": 1e-4},
    )
    return float(-solved.mip_dual_bound)


def implied(pairs: list[tuple[int, int]], count: int) -> scipy.sparse.csr_matrix:
    """Rows that hold x[first] - x[second] <= 0 of every pair of places."""
    row = np.repeat(np.arange(len(pairs)), 2)
    values = np.tile([1.0, -1.0], len(pairs))
    shape = (len(pairs), count)
    return scipy.sparse.csr_matrix((values, (row, np.array(pairs).ravel())), shape=shape)


def better(found: Outcomes) -> list[tuple[int, int]]:
    """Places of outcomes, each with that of one with one more gain, one loss fewer, or both."""
    place = {_at(found, k): k for k in range(len(found.gains))}
    return [
        (k, place[other])
        for (gains, losses), k in place.items()
        for other in ((gains + 1, losses), (gains, losses - 1), (gains + 1, losses - 1))
        if other in place
    ]


# Private.


def _at(found: Outcomes, k: int) -> tuple[int, int]:
    return int(found.gains[k]), int(found.losses[k])


def _edges(found: Outcomes) -> scipy.sparse.csr_matrix:
    return implied(better(found), len(found.gains))


def _row(found: Limit) -> tuple[str, ...]:
    figures = (found.tango, found.melded, found.monotone, found.any)
    return (
        str(found.n),
        str(found.rate),
        f"{found.discordant:.1f}",
        *(percent(figure, 2) for figure in figures),
        "95.00 %",
    )


if __name__ == "__main__":
    main()
