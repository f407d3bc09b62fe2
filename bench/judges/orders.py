"""Real judges asked in one order where that is enough: calls left out, width, and what is covered.

    python -m bench.judges.orders --data DATA --output bench/results/judge_orders.md

Pairs of LLMBar are drawn with replacement, each an item of its own, and judged in the order in
which they were drawn, by the product's rule: both orders until the position bias is shown to be
small, then one that a coin draws. What is to be covered is the mean of both orders over all pairs.
Beside it stands the first order alone, which is what asking less costs without a coin.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.decisions.tables import percent, signed, table
from bench.judges import data
from numpy.typing import NDArray

from escalera.core.evaluation import orders
from escalera.core.stats import mean, position
from escalera.core.stats.position import Pair, Plan

STRATEGIES = ("Vanilla", "CoT", "Swap")
LIMIT, SHARE = 0.1, 0.1
"""The defaults of `[judges.NAME]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One judge: its bias, how often the order changes its verdict, and shares over the runs."""

    judge: str
    bias: float
    flips: float
    spared: float
    saved: float
    width: float
    covered: float
    first_covered: float


def main(arguments: list[str] | None = None) -> int:
    """Print and write the table; the exit code is 2 without data."""
    parser = argparse.ArgumentParser(prog="bench.judges.orders")
    parser.add_argument("--data", type=Path, required=True, help="folder of the judge sets")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args(arguments)
    try:
        judges = data.llmbar(given.data)
    except FileNotFoundError as error:
        print(f"bench.judges.orders: {error}", file=sys.stderr)
        return 2
    found = []
    for number, ((name, strategy), pairs) in enumerate(sorted(judges.items())):
        if strategy in STRATEGIES:
            verdicts = np.array([p.verdicts for p in pairs if None not in p.verdicts], dtype=float)
            rng = np.random.default_rng([1, number])
            found.append(_row(f"{name}, {strategy}", verdicts, given.answers, given.runs, rng))
    text = _text(found, given)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0


def replay(
    verdicts: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], int]:
    """The scores of answers with these verdicts in both orders, and how many calls they took."""
    count = len(verdicts)
    kept, heads = rng.random(count) < SHARE, rng.random(count) < 0.5
    scores, calls, begin = np.empty(count), 0, 0
    state = position.init(Plan(limit=LIMIT))
    while begin < count:
        end = min(count, orders.epoch(begin)[1])
        part = verdicts[begin:end]
        both = kept[begin:end] if state.one_order else np.ones(len(part), dtype=bool)
        single = np.where(heads[begin:end], part[:, 0], part[:, 1])
        scores[begin:end] = np.where(both, part.mean(axis=1), single)
        state = position.update(
            state,
            [
                Pair(first=float(part[n, 0]), second=float(part[n, 1]), cluster=begin + n)
                for n in np.flatnonzero(both)
            ],
        )
        calls += len(part) + int(both.sum())
        begin = end
    return scores, calls


# Private.


def _row(
    name: str, verdicts: NDArray[np.float64], answers: int, runs: int, rng: np.random.Generator
) -> Row:
    truth = float(verdicts.mean())
    spared = covered = first = calls = 0
    widths = []
    for _ in range(runs):
        drawn = verdicts[rng.integers(len(verdicts), size=answers)]
        scores, taken = replay(drawn, rng)
        found, whole = mean.interval(scores), mean.interval(drawn.mean(axis=1))
        alone = mean.interval(drawn[:, 0])
        spared += taken < 1.9 * answers
        calls += taken
        widths.append((found.upper - found.lower) / (whole.upper - whole.lower))
        covered += found.lower <= truth <= found.upper
        first += alone.lower <= truth <= alone.upper
    return Row(
        judge=name,
        bias=float((verdicts[:, 0] - verdicts[:, 1]).mean()) / 2.0,
        flips=float((verdicts[:, 0] != verdicts[:, 1]).mean()),
        spared=spared / runs,
        saved=1.0 - calls / (2.0 * answers * runs),
        width=float(np.mean(widths)),
        covered=covered / runs,
        first_covered=first / runs,
    )


def _text(rows: list[Row], given: argparse.Namespace) -> str:
    head = (
        "# Real judges asked in one order, where that is enough\n\n"
        f"`python -m bench.judges.orders --data DATA --runs {given.runs}`. Recorded verdicts of "
        f"LLMBar's judges (Zeng et al. 2024) on {given.answers} pairs drawn with replacement, "
        "asked as the product asks: both orders until the position bias is shown to be smaller "
        f"than {LIMIT}, then one by a coin, and both about {percent(SHARE, 0)}. Calls left out are "
        "shares of all; the width of the 95 % interval is to that with both orders; covered is the "
        "mean of both orders over all pairs.\n\n"
    )
    columns = (
        "judge",
        "position bias",
        "order changes",
        "spared in",
        "calls left out",
        "width",
        "covered",
        "first order alone covers",
    )
    cells = [
        (
            row.judge,
            signed(row.bias),
            percent(row.flips),
            percent(row.spared),
            percent(row.saved),
            f"{row.width:.3f} x",
            percent(row.covered),
            percent(row.first_covered),
        )
        for row in rows
    ]
    return head + table(columns, cells)


if __name__ == "__main__":
    raise SystemExit(main())
