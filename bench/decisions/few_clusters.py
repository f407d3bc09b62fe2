"""Looks at few clusters: how often do rules for right/wrong differences err?

    python -m bench.decisions.few_clusters --runs 20000

The climb's looks: a quarter of the items, half, three quarters, all, in an order that does not
know clusters. So a first look at 20 clusters of three has some 12 of them, most with one item, and
one at five clusters has three. Beside it twenty looks at the same items. Nothing ends at the first
word: what is counted is whether a false one was ever there.

equal       gains and losses alike: "better" or "worse", ever, at 5 %
margin      a fall of exactly the margin, of losses alone or with gains: it is said to be smaller
            ("passed", at 2.5 %), "equivalent", or larger ("regressed", at 2.5 %)

A cluster shares a part (ICC) of the normal variable that makes an item a gain, a loss or a tie, so
that gains and losses stand in different clusters. Rules are those of `deviate.binary`.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import scipy.special
from bench.decisions import deviate, nulls
from bench.decisions.deviate import Floats, Held, Prefixes
from bench.decisions.tables import percent, table

from escalera.core.evaluation.compare import spendable
from escalera.core.stats import spending
from escalera.core.stats.spending import Spending

CLUSTERS, SIZES, ALIKE = (5, 8, 12, 20, 50), (3, 10), (0.0, 0.3, 0.5)
TRUTHS = ((0.05, 0.05), (0.25, 0.25), (0.05, 0.0), (0.1, 0.0), (0.08, 0.03), (0.2, 0.1))
"""Shares of losses and gains; their difference, where there is one, is the margin."""
PLANS = (4, 20)
SPENDINGS: tuple[Spending, ...] = ("obrien-fleming", "pocock")
_PART = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is simulated."""

    loss: float
    gain: float
    clusters: int
    size: int
    alike: float

    @property
    def question(self) -> str:
        if self.loss == self.gain:
            return "equal"
        return "losses alone" if self.gain == 0 else "losses and gains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """False words of a rule in a case: ever up, ever down, ever either, ever equivalent."""

    case: Case
    looks: int
    spending: Spending
    rule: str
    runs: int
    up: int
    down: int
    either: int
    equivalent: int


def main() -> None:
    """Print the worst cases of each rule by number of clusters, and all of them with --all."""
    parser = argparse.ArgumentParser(prog="bench.decisions.few_clusters")
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    rules = get_args(Held)
    parser.add_argument("--rules", nargs="+", choices=rules, default=["t", "both", "skew"])
    parser.add_argument("--clusters", nargs="+", type=int, default=list(CLUSTERS))
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    rows: list[Row] = []
    for case in cases(given.clusters):
        shape = (TRUTHS.index((case.loss, case.gain)), case.clusters, case.size)
        rng = np.random.default_rng([given.seed, 91, *shape, round(10 * case.alike)])
        rows += run(case, runs=given.runs, rules=given.rules, rng=rng)
    print(summary(rows))
    if given.all:
        print(details(rows))


def cases(clusters: list[int]) -> Iterator[Case]:
    """Every case with one of these numbers of clusters."""
    for many, size, alike, (loss, gain) in itertools.product(clusters, SIZES, ALIKE, TRUTHS):
        yield Case(loss=loss, gain=gain, clusters=many, size=size, alike=alike)


def run(case: Case, *, runs: int, rules: list[Held], rng: np.random.Generator) -> list[Row]:
    """Return the rows of a case: both plans of looks, both spendings, each rule."""
    counts: dict[tuple[int, Spending, Held], np.ndarray] = {}
    limits = {
        (plan, kind): boundaries(plan, kind, case.clusters * case.size)
        for plan, kind in itertools.product(PLANS, SPENDINGS)
    }
    for start in range(0, runs, _PART):
        values = drawn(case, min(_PART, runs - start), rng)
        order = rng.random((len(values), case.clusters * case.size))
        seen = np.argsort(np.argsort(order, axis=1), axis=1)
        for plan in PLANS:
            at = prefixes(values, seen, limits[plan, SPENDINGS[0]][0])
            truth = case.gain - case.loss
            for rule in rules:
                here = deviate.binary(at, truth, rule=rule)
                there = deviate.binary(at, -truth, rule=rule) if truth else here
                for kind in SPENDINGS:
                    words = _words(here, there, limits[plan, kind][1])
                    counts[plan, kind, rule] = counts.get((plan, kind, rule), 0) + words
    return [
        Row(
            case=case,
            looks=plan,
            spending=kind,
            rule=rule,
            runs=runs,
            **dict(zip(("up", "down", "either", "equivalent"), map(int, words), strict=True)),
        )
        for (plan, kind, rule), words in counts.items()
    ]


def drawn(case: Case, count: int, rng: np.random.Generator) -> Floats:
    """Differences of runs by clusters by items."""
    latent = np.sqrt(case.alike) * rng.normal(size=(count, case.clusters, 1))
    shape = (count, case.clusters, case.size)
    latent = latent + np.sqrt(1.0 - case.alike) * rng.normal(size=shape)
    high, low = scipy.special.ndtri(1.0 - case.gain), scipy.special.ndtri(case.loss)
    return (latent > high).astype(float) - (latent < low).astype(float)


def prefixes(values: Floats, place: np.ndarray, counts: np.ndarray) -> Prefixes:
    """What the first items of every run add up to; `place` is each item's place in the order."""
    place = place.reshape(values.shape)
    looks: list[tuple[Floats, ...]] = []
    for count in counts:
        seen = place < count
        here = values * seen
        sums, sizes = here.sum(axis=2), seen.sum(axis=2)
        mean = sums.sum(axis=1) / count
        rests = sums - mean[:, None] * sizes
        squares, cubes = (rests**2).sum(axis=1), (rests**3).sum(axis=1)
        steps = (sizes > 0).sum(axis=1).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(steps / (steps - 1.0) * squares) / count
        differing = (here != 0).any(axis=2).sum(axis=1)
        up, down = np.maximum(here, 0.0).sum(axis=(1, 2)), -np.minimum(here, 0.0).sum(axis=(1, 2))
        n = np.full(len(values), float(count))
        skew = deviate.skewness(squares, cubes, steps)
        informative = steps - _tied(sums, sizes)
        looks.append((steps, n, mean, error, up, down, differing.astype(float), skew, informative))
    steps, n, mean, error, gains, losses, differing, skew, informative = (
        np.stack(part, axis=1) for part in zip(*looks, strict=True)
    )
    return Prefixes(
        steps=steps,
        n=n,
        mean=mean,
        error=error,
        gains=gains,
        losses=losses,
        informative=informative,
        differing=differing,
        skewness=skew,
        binary=True,
    )


def whole(values: Floats, place: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Whether all that is seen at a look is right or wrong: the library then reads it so."""
    between = (np.abs(values) != np.round(np.abs(values))).reshape(len(values), -1)
    first = np.where(between, place.reshape(between.shape), between.shape[1]).min(axis=1)
    return first[:, None] >= counts[None, :]


def summary(rows: list[Row]) -> str:
    """Per question, clusters and rule the worst rates over all cases, plans and spendings."""
    lines = []
    for question, many in itertools.product(
        ("equal", "losses alone", "losses and gains"), sorted({row.case.clusters for row in rows})
    ):
        for rule in dict.fromkeys(row.rule for row in rows):
            mine = [
                row
                for row in rows
                if (row.case.question, row.case.clusters, row.rule) == (question, many, rule)
            ]
            if mine:
                lines.append((question, many, rule, *_worst(mine)))
    head = (
        "truth", "clusters", "rule", "cases", "ever either: worst", "mean", "bound above 5 %",
        "ever up: worst", "mean", "bound above 2.5 %", "ever equivalent: worst",
    )  # fmt: skip
    return table(head, lines)


def details(rows: list[Row]) -> str:
    """Every case."""
    head = (
        "losses", "gains", "clusters", "items each", "ICC", "looks", "spending", "rule",
        "ever up", "ever down", "ever equivalent",
    )  # fmt: skip
    lines = (
        (
            row.case.loss,
            row.case.gain,
            row.case.clusters,
            row.case.size,
            row.case.alike,
            row.looks,
            row.spending,
            row.rule,
            *(percent(count / row.runs, 2) for count in (row.up, row.down, row.equivalent)),
        )
        for row in rows
    )
    return table(head, lines)


# Private.


def boundaries(plan: int, kind: Spending, items: int) -> tuple[np.ndarray, Floats]:
    """Numbers of items and boundaries; as `compare.cutoffs` rounds, and never twice the same."""
    shares = np.arange(1, plan + 1) / plan
    counts, first = np.unique(np.ceil(shares * items - 1e-9).astype(int), return_index=True)
    counts = np.maximum(counts, 1)
    limits = spending.boundaries(
        tuple(shares[first].tolist()), alpha=spendable(0.05), spending=kind
    )
    return counts, np.array(limits)


def _tied(sums: Floats, sizes: np.ndarray) -> Floats:
    """How many clusters of each run have the commonest mean."""
    empty = 10.0 + np.arange(sums.shape[1])  # no two alike
    means = np.where(sizes > 0, np.round(sums / np.maximum(sizes, 1), 12), empty)
    means.sort(axis=1)
    most = here = np.ones(len(means))
    for same in (means[:, 1:] == means[:, :-1]).T:
        here = np.where(same, here + 1.0, 1.0)
        most = np.maximum(most, here)
    return most


def _words(here: Floats, there: Floats, limits: Floats) -> np.ndarray:
    """Runs with an up, a down, either of them, an equivalent, at any look.

    `here` is the deviate at the truth, `there` at its mirror: the other margin.
    """
    up, down = here >= limits, here <= -limits
    equivalent = up & (there <= -limits)
    return np.array([word.any(axis=1).sum() for word in (up, down, up | down, equivalent)])


def _worst(rows: list[Row]) -> tuple[object, ...]:
    """Worst and mean rates, and how many cases are not shown to keep their error."""
    either = [row.either / row.runs for row in rows]
    up = [row.up / row.runs for row in rows]
    over = sum(nulls.upper_bound(row.either, row.runs) > 0.05 for row in rows)
    passed = sum(nulls.upper_bound(row.up, row.runs) > 0.025 for row in rows)
    return (
        len(rows),
        percent(max(either), 2),
        percent(float(np.mean(either)), 2),
        over,
        percent(max(up), 2),
        percent(float(np.mean(up)), 2),
        passed,
        percent(max(row.equivalent / row.runs for row in rows), 2),
    )


if __name__ == "__main__":
    main()
