"""Replay every part on the data at hand and write the tables.

    python -m bench.decisions --data DATA --output bench/results/decisions.md

`--parts` runs some of them. The exit code is 2 when there are no data, 0 otherwise, whether the
targets are met or not: that is what the table says.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.decisions import (
    agreement,
    best_of_k,
    corrected,
    coverage,
    data,
    judges,
    nulls,
    pairs,
    targets,
)
from bench.decisions.tables import percent, signed, table
from bench.decisions.targets import Target

ROOT = Path(__file__).resolve().parents[2]
MANY_SYSTEMS = 10

Found = tuple[str, list[Target]]
"""A part's text and its targets."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts, print and write what they found."""
    given = _parser().parse_args(arguments)
    try:
        boards = data.load(given.data)
    except FileNotFoundError as error:
        print(f"bench.decisions: {error}", file=sys.stderr)
        return 2
    found = []
    for name, part in PARTS.items():
        if name in given.parts:
            began = time.monotonic()
            found.append(part(boards, given))
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    text = _document(given, boards, found)
    print(text)
    if given.output is not None:
        given.output.write_text(text, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.decisions")
    parser.add_argument("--data", type=Path, required=True, help="folder of the replay data")
    parser.add_argument("--output", type=Path, help="file to write the tables to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nulls", type=int, default=100_000, help="per scenario")
    parser.add_argument("--corrected", type=int, default=60_000, help="nulls that labels correct")
    parser.add_argument("--orders", type=int, default=20, help="of every pair")
    parser.add_argument("--races", type=int, default=10_000, help="per field and rule")
    parser.add_argument("--runs", type=int, default=20_000, help="per cell of the coverage grid")
    parser.add_argument("--draws", type=int, default=2_000, help="per judge")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    return parser


def _document(given: argparse.Namespace, boards: list[data.Board], found: list[Found]) -> str:
    rows = [
        (one.asked, one.measured, "yes" if one.met else "**no**")
        for _, every in found
        for one in every
    ]
    sizes = "; ".join(f"{b.name}: {len(b.systems)} systems, {b.items} common items" for b in boards)
    command = (
        f"python -m bench.decisions --data DATA --seed {given.seed} --nulls {given.nulls} "
        f"--corrected {given.corrected} --orders {given.orders} --races {given.races} "
        f"--runs {given.runs} --draws {given.draws}"
    )
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    head = (
        f"# Decisions replayed on real results\n\n`{command}`, {today}. {sizes}. Every rule at 5 "
        "%, two-sided, where it does not say otherwise. Runs computed many at once are checked, "
        "on a sample, to give the verdicts and stops of the library's functions."
    )
    return "\n\n".join(
        [head, "## Targets", table(("target", "measured", "met"), rows), *(t for t, _ in found)]
    ) + "\n"  # fmt: skip


# The parts.


def _nulls(boards: list[data.Board], given: argparse.Namespace) -> Found:
    rows: list[nulls.Row] = []
    compared = 0
    for board in boards:
        if len(board.systems) >= MANY_SYSTEMS:
            more, count = nulls.run(board, nulls=given.nulls, seed=given.seed)
            rows, compared = rows + more, compared + count
    with_package = " and with evalsig 0.1.2 itself" if agreement.evalsig_installed() else ""
    text = (
        "## Ever a false verdict, looking all the time\n\n"
        f"{given.nulls} nulls per scenario: rate, and Clopper-Pearson's upper 99 % bound. Either "
        "system may win falsely; a single named one wins in half of these. Scenarios: "
        "`bench/decisions/nulls.py`. In `clusters` the rules of others take items for independent, "
        f"as they do. {compared} runs compared with the library{with_package}.\n\n" + _rates(rows)
    )
    return text, targets.of_nulls(rows)


def _corrected(boards: list[data.Board], given: argparse.Namespace) -> Found:
    rows = [
        row
        for board in boards
        if len(board.systems) >= MANY_SYSTEMS
        for row in corrected.run(board, count=given.corrected, seed=given.seed)
    ]
    text = (
        "## Ever a false verdict where labels correct a judge\n\n"
        f"{given.corrected} nulls per scenario ({corrected.FEW} of the judge alone) by the "
        "library's own intervals: a judge that leans to one side, and people's labels for "
        f"{percent(corrected.LABELLED, 0)} of the items. Scenarios: "
        "`bench/decisions/corrected.py`.\n\n" + _rates(rows)
    )
    return text, targets.of_nulls(rows)


def _rates(rows: list[nulls.Row]) -> str:
    columns = list(dict.fromkeys((row.board, row.scenario) for row in rows))
    cells = {(row.rule, row.board, row.scenario): row for row in rows}
    body = [
        [rule, *(_rate(cells.get((rule, *column))) for column in columns)]
        for rule in dict.fromkeys(row.rule for row in rows)
    ]
    return table(("rule", *(f"{board}, {scenario}" for board, scenario in columns)), body)


def _rate(row: nulls.Row | None) -> str:
    return "" if row is None else f"{percent(row.rate, 2)} ({percent(row.bound, 2)})"


def _pairs(boards: list[data.Board], given: argparse.Namespace) -> Found:
    rows: list[pairs.Row] = []
    compared = 0
    for board in boards:
        more, count = pairs.run(board, orders=given.orders, seed=given.seed)
        rows, compared = rows + more, compared + count
    parts = []
    for margin in (0.0, pairs.MARGIN):
        for board in boards:
            some = [row for row in rows if row.board == board.name and row.margin == margin]
            parts.append(_pair_table(board, margin, some, given.orders))
    text = (
        "## Pairs of systems: found, calls, wrong signs\n\n"
        "Yardstick: the paired t test on all items. `decided` counts verdicts, `early` those "
        "before the last item; `wrong signs` go against the mean of all items, by whatever little "
        "that differs from 0 (in brackets: where it differs significantly); `wrong equivalents` "
        "have a difference of the margin or more there. The mixture e-process asks about 0 alone, "
        "MLflow has no equivalence. "
        f"{compared} runs compared with the library.\n\n" + "\n\n".join(parts)
    )
    return text, targets.of_pairs(rows)


def _pair_table(board: data.Board, margin: float, rows: list[pairs.Row], orders: int) -> str:
    pair_count = len(list(board.pairs()))
    title = f"### {board.name}, {pair_count} pairs x {orders} orders, " + (
        f"margin {margin}" if margin else "no margin"
    )
    head = [
        "rule",
        "significant pairs found",
        "decided",
        "early",
        "calls used",
        "wrong signs (of significant)",
    ]
    body = [
        [
            row.rule,
            percent(row.found / row.significant) if row.significant else "",
            percent(row.decided / row.runs),
            percent(row.early / row.runs),
            percent(row.used),
            f"{row.wrong_signs} of {row.directed} ({row.wrong_significant})",
            f"{row.wrong_equivalents} of {row.equivalents}",
        ]
        for row in rows
    ]
    if margin:
        return f"{title}\n\n" + table((*head, "wrong equivalents"), body)
    return f"{title}\n\n" + table(head, [line[:-1] for line in body])


def _best(boards: list[data.Board], given: argparse.Namespace) -> Found:
    rows = [
        row
        for board in boards
        if len(board.systems) >= MANY_SYSTEMS
        for row in best_of_k.run(board, races=given.races, seed=given.seed)
    ]
    body = [
        [
            row.board,
            row.field,
            row.rule,
            row.arms,
            row.calls_per_arm,
            percent(row.near),
            f"{row.regret:.4f}",
            signed(row.selection_bias),
            percent(row.selection_coverage),
            f"{row.fresh_bias:+.4f} +- {row.fresh_bias_error:.4f}",
            percent(row.coverage),
        ]
        for row in rows
    ]
    head = (
        "board", "arms", "rule", "K", "calls per arm", "within 0.01", "regret",
        "bias of the selection score", "its 95 % interval covers", "bias of the fresh score",
        "its interval covers",
    )  # fmt: skip
    text = (
        "## The best of K\n\n"
        f"{given.races} races each; the winner is confirmed on {rows[0].fresh if rows else 0} "
        "fresh items. Blends answer each item as one of two systems does "
        "(`bench/decisions/best_of_k.py`).\n\n" + table(head, body)
    )
    return text, targets.of_best(rows)


def _coverage(boards: list[data.Board], given: argparse.Namespace) -> Found:
    del boards
    rows = coverage.run(runs=given.runs, seed=given.seed)
    outside = [row for row in rows if not 0.94 <= row.covered <= 0.965]
    body = [
        [
            row.kind, row.clusters, row.size, row.alike, row.rate,
            percent(row.covered), percent(row.ignoring),
        ]
        for row in outside
    ]  # fmt: skip
    alike = [row for row in rows if row.alike > 0]
    ignoring = (min(row.ignoring for row in alike), max(row.ignoring for row in alike))
    head = ("scores", "clusters", "items each", "ICC", "base rate", "covered", "ignoring clusters")
    text = (
        "## Coverage of paired intervals\n\n"
        f"{given.runs} runs in each of {len(rows)} cells: 20, 50 or 200 clusters of 1, 3 or 10 "
        "items (at least 50 items), ICC 0, 0.3, 0.5, base rates 0.02, 0.1, 0.5 (0.9 and 0.98 are "
        "their mirrors), three kinds of scores. Three standard errors of a coverage are "
        f"{percent(rows[0].noise)}. Where items are alike, intervals that ignore it cover "
        f"{percent(ignoring[0])} to {percent(ignoring[1])}. The cells outside 94 to 96.5 %:\n\n"
        + table(head, body)
    )
    return text, targets.of_coverage(rows)


def _judges(boards: list[data.Board], given: argparse.Namespace) -> Found:
    rows = judges.run(given.data, boards, runs=given.draws, seed=given.seed)
    body = [
        [
            row.case,
            f"{row.correlation:+.2f}",
            signed(row.judge_bias),
            percent(row.judge_covered),
            percent(row.labels_covered),
            percent(row.covered),
            f"{row.width:.2f}",
            f"{row.ideal:.2f}",
        ]
        for row in rows
    ]
    head = (
        "case", "r", "bias of the judge", "judge alone covers", "labels alone cover",
        "corrected covers", "width to labels alone", "sqrt(1 - r^2)",
    )  # fmt: skip
    text = (
        f"## A judge and {judges.LABELS} labels\n\n"
        f"{given.draws} draws of {rows[0].items} items each. AlpacaEval has one annotator here; "
        "PandaLM and LLMBar have people and judges, and the rest is synthetic bias on real "
        "scores.\n\n" + table(head, body)
    )
    return text, targets.of_judges(rows)


PARTS: dict[str, Callable[[list[data.Board], argparse.Namespace], Found]] = {
    "nulls": _nulls,
    "corrected": _corrected,
    "pairs": _pairs,
    "best": _best,
    "coverage": _coverage,
    "judges": _judges,
}


if __name__ == "__main__":
    sys.exit(main())
