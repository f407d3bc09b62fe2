"""Looks at skewed scores: how often is a system at its bar, or a fall of the margin, misjudged?

    python -m bench.decisions.skewed --runs 20000 --output bench/results/skewed.md

Most answers score in full and some lose: all of the score (right/wrong), a quarter to all of it
(grades), or a little (small losses: exponential with a mean of 0.15, at most 1). Looks are those of
`few_clusters`: by items in an order that does not know clusters, a quarter at a time or twenty.

bar       one system whose mean is the bar: "adequate" or "inadequate", ever
margin    a fall of exactly the margin, of losses alone, or with gains of the same kind: it is said
          to be smaller ("passed"), or larger ("regressed"), ever

Each is promised for at most 2.5 %, both together for 5 %. The earlier rule is the library's until
November 2026: Wilson's form for the bar, t without skewness for grades. Both spend nine tenths of
alpha, as looks do now.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from bench.decisions import deviate, few_clusters, nulls
from bench.decisions.deviate import Floats, Held, Prefixes
from bench.decisions.few_clusters import PLANS, SPENDINGS
from bench.decisions.tables import percent, table

Kind = Literal["right/wrong", "grades", "small losses"]
Question = Literal["bar", "margin"]
UNITS = ((20, 1), (50, 1), (150, 1), (12, 10), (20, 10), (50, 10))
"""Clusters and items in each."""
LOST = (0.02, 0.05, 0.1, 0.2, 0.5)
MIXED = ((0.16, 0.06), (0.3, 0.2))
"""Shares of losses and gains, beside losses alone."""
RULES: dict[Held, str] = {"both": "earlier", "skew": "now"}
_SMALL = 0.15
_PART = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is simulated, and what is asked about it."""

    question: Question
    kind: Kind
    loss: float
    gain: float
    clusters: int
    size: int
    alike: float

    @property
    def truth(self) -> float:
        """The mean difference from full marks, or between the systems."""
        return (self.gain - self.loss) * amount(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """False words of a rule in a case, of so many runs: ever up, ever down, ever either."""

    case: Case
    looks: int
    rule: Held
    runs: int
    up: int
    down: int
    either: int


def main() -> None:
    """Print, or write, the worst cases of both rules."""
    parser = argparse.ArgumentParser(prog="bench.decisions.skewed")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    rows: list[Row] = []
    for number, case in enumerate(cases()):
        rows += run(case, runs=given.runs, rng=np.random.default_rng([given.seed, 97, number]))
    text = summary(rows)
    if given.output:
        head = (__doc__ or "").split("\n\n", 2)
        title = head[0].splitlines()[0]
        asked = f"{given.runs:,} runs a case, seed {given.seed}. `bench/decisions/skewed.py`."
        given.output.write_text(f"# {title}\n\n{asked}\n\n{head[2].strip()}\n\n{text}\n")
    else:
        print(text)


def cases() -> Iterator[Case]:
    """Every case: alike items where clusters have several."""
    for (clusters, size), kind in itertools.product(UNITS, get_args(Kind)):
        for alike in (0.0, 0.3, 0.5) if size > 1 else (0.0,):
            of = {"kind": kind, "clusters": clusters, "size": size, "alike": alike}
            for loss in LOST:
                yield Case(question="bar", loss=loss, gain=0.0, **of)
            for loss, gain in [(loss, 0.0) for loss in LOST] + list(MIXED):
                yield Case(question="margin", loss=loss, gain=gain, **of)


def run(case: Case, *, runs: int, rng: np.random.Generator) -> list[Row]:
    """Return the rows of a case: both plans of looks, each rule; the worse of both spendings."""
    counts: dict[tuple[int, Held, str], np.ndarray] = {}
    items = case.clusters * case.size
    for start in range(0, runs, _PART):
        values = drawn(case, min(_PART, runs - start), rng)
        place = np.argsort(np.argsort(rng.random((len(values), items)), axis=1), axis=1)
        for plan in PLANS:
            limits = {kind: few_clusters.boundaries(plan, kind, items) for kind in SPENDINGS}
            looks = limits[SPENDINGS[0]][0]
            at = few_clusters.prefixes(values, place, looks)
            whole = few_clusters.whole(values, place, looks)
            for rule in RULES:
                z = np.where(whole, *(deviates(case, at, rule, whole=it) for it in (True, False)))
                for kind in SPENDINGS:
                    key = plan, rule, kind
                    counts[key] = counts.get(key, np.zeros(3, int)) + _words(z, limits[kind][1])
    rows = []
    for plan, rule in itertools.product(PLANS, RULES):
        worse = max((counts[plan, rule, kind] for kind in SPENDINGS), key=lambda c: int(c[2]))
        up, down, either = (int(count) for count in worse)
        rows.append(
            Row(case=case, looks=plan, rule=rule, runs=runs, up=up, down=down, either=either)
        )
    return rows


def amount(kind: Kind) -> float:
    """What a loss costs on the mean."""
    if kind == "small losses":
        return float(_SMALL * -np.expm1(-1.0 / _SMALL))
    return 1.0 if kind == "right/wrong" else 0.625


def drawn(case: Case, count: int, rng: np.random.Generator) -> Floats:
    """Differences from full marks, or between the systems: runs by clusters by items."""
    shape = few_clusters.Case(
        loss=case.loss, gain=case.gain, clusters=case.clusters, size=case.size, alike=case.alike
    )
    signs = few_clusters.drawn(shape, count, rng)
    if case.kind == "grades":
        return signs * rng.integers(1, 5, size=signs.shape) / 4.0
    if case.kind == "small losses":
        return signs * np.minimum(1.0, rng.exponential(_SMALL, size=signs.shape))
    return signs


def deviates(case: Case, at: Prefixes, rule: Held, *, whole: bool) -> Floats:
    """What the library says of a case at every look; `whole`: read as right or wrong."""
    if case.question == "bar":
        z = _of_shares(at, 1.0 + case.truth, rule) if whole else _of_means(at, case.truth, rule)
    else:
        read = deviate.binary if whole else deviate.graded
        z = read(at, case.truth, rule=rule)
    return np.where((at.steps == 1.0) & (at.n > 1.0), 0.0, z)


def summary(rows: list[Row]) -> str:
    """Per question, kind, items, looks and rule the worst and mean rates, and how many too many."""
    lines = []
    for question, kind, (clusters, size), looks, rule in itertools.product(
        get_args(Question), get_args(Kind), UNITS, PLANS, RULES
    ):
        mine = [
            row
            for row in rows
            if (row.case.question, row.case.kind) == (question, kind)
            and (row.looks, row.rule) == (looks, rule)
            and (row.case.clusters, row.case.size) == (clusters, size)
        ]
        units = f"{clusters} x {size}"
        lines.append((question, kind, units, looks, RULES[rule], *_worst(mine)))
    head = (
        "question", "scores", "clusters x items", "looks", "rule", "cases",
        "ever up: worst", "mean", "ever down: worst", "mean", "ever either: worst",
        "bound above 5 %",
    )  # fmt: skip
    return table(head, lines)


# Private.


def _share_z(share: Floats, size: Floats, bar: float, rule: Held) -> Floats:
    wilson = (share - bar) / np.sqrt(bar * (1.0 - bar) / size)
    if rule != "skew":
        return wilson
    exact = deviate.mid_p_z(np.minimum(share * size, size), size, bar)
    nearer = np.where(np.abs(exact) < np.abs(wilson), exact, wilson)
    return np.where(wilson * exact > 0.0, nearer, 0.0)


def _of_means(found: Prefixes, null: float, rule: Held) -> Floats:
    """`mean.z_statistic` of 1 + the differences, where they are graded."""
    z = deviate.graded(found, null, rule=rule)
    share = np.minimum(1.0, found.mean + 1.0)
    return np.where(found.fragile, _share_z(share, found.steps, 1.0 + null, rule), z)


def _of_shares(found: Prefixes, bar: float, rule: Held) -> Floats:
    """`mean.z_statistic` of 1 + the differences, where they are right or wrong."""
    share = np.clip(found.mean + 1.0, 0.0, 1.0)
    variance = share * (1.0 - share)
    nothing, single = variance <= 1e-15, found.steps == found.n
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.maximum(1.0, found.error**2 * found.n / variance)
    size = np.where(single, found.n, np.where(nothing, found.steps, found.n / effect))
    t = (share - bar) / np.sqrt(bar * (1.0 - bar) / size)
    freedom = np.maximum(1.0, np.minimum(found.steps - 1.0, 2.0 * found.informative))
    if rule == "skew":
        t = deviate.allowed(t, deviate.beyond_noise(found.skewness, found.steps), found.steps)
    clustered = deviate.z_from_t(t, freedom)
    return np.where(single | nothing, _share_z(share, size, bar, rule), clustered)


def _words(z: Floats, limits: Floats) -> np.ndarray:
    up, down = z >= limits, z <= -limits
    return np.array([word.any(axis=1).sum() for word in (up, down, up | down)])


def _worst(rows: list[Row]) -> tuple[object, ...]:
    shown: list[object] = [len(rows)]
    for word in ("up", "down"):
        rates = [getattr(row, word) / row.runs for row in rows]
        shown += [percent(max(rates), 2), percent(float(np.mean(rates)), 2)]
    over = sum(nulls.upper_bound(row.either, row.runs) > 0.05 for row in rows)
    return *shown, percent(max(row.either / row.runs for row in rows), 2), over


if __name__ == "__main__":
    main()
