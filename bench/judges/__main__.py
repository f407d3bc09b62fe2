"""Calibrate real judges against real people and write the tables.

    python -m bench.judges --data DATA --output bench/results/judges.md

The exit code is 2 without data, 1 where a target is missed, 0 otherwise.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.decisions.tables import percent, signed, table
from bench.judges import coverage, data, published
from bench.judges.data import Pair

from escalera.core.evaluation import calibration, judge
from escalera.core.evaluation.calibration import Agreement, Graded
from escalera.core.evaluation.judge import Given, Grade
from escalera.core.stats.clustering import Interval
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding

STRATEGIES = ("Vanilla", "CoT")
"""Of LLMBar's, in the table of agreement: a rubric without reasons first, and with them."""

COVERED = 0.94


def main(arguments: list[str] | None = None) -> int:
    """Run everything, print and write what was found."""
    given = _parser().parse_args(arguments)
    try:
        llmbar, pandalm = data.llmbar(given.data), data.pandalm(given.data)
    except FileNotFoundError as error:
        print(f"bench.judges: {error}", file=sys.stderr)
        return 2
    figures = [*published.of_llmbar(llmbar), *published.of_pandalm(pandalm)]
    some = {
        f"LLMBar, {name}, {strategy}": pairs
        for (name, strategy), pairs in sorted(llmbar.items())
        if strategy in STRATEGIES
    } | {f"PandaLM, {name}": pairs for name, pairs in sorted(pandalm.items())}
    cases = [coverage.case(n, pairs) for n, pairs in some.items() if not n.endswith("CoT")]
    rows = coverage.run(cases, runs=given.runs, seed=given.seed)
    met = all(figure.same for figure in figures) and all(row.covered >= COVERED for row in rows)
    text = "\n\n".join(
        [_head(given, figures, rows), _published(figures), _agreement(some), _coverage(rows)]
    )
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0 if met else 1


# Private.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.judges")
    parser.add_argument("--data", type=Path, required=True, help="folder of the judge sets")
    parser.add_argument("--output", type=Path, help="file to write the tables to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=2_000, help="per cell of the coverage table")
    return parser


def _head(
    given: argparse.Namespace, figures: Sequence[published.Figure], rows: Sequence[coverage.Row]
) -> str:
    same = sum(figure.same for figure in figures)
    targets = [
        (
            "published agreement figures are reproduced to the digits that are given",
            f"{same} of {len(figures)}",
            "yes" if same == len(figures) else "**no**",
        ),
        *(_covered(way, [row for row in rows if row.way == way]) for way in coverage.WAYS),
    ]
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return (
        "# Real judges and real people\n\n"
        f"`python -m bench.judges --data DATA --seed {given.seed} --runs {given.runs}`, {today}. "
        "Pairs of answers that people compared, with the recorded verdicts of judges: LLMBar (Zeng "
        "et al. 2024, 419 pairs, both orders) and PandaLM (Wang et al. 2024, 999 pairs, three "
        "votes each).\n\n## Targets\n\n" + table(("target", "measured", "met"), targets)
    )


def _covered(way: str, rows: Sequence[coverage.Row]) -> tuple[str, str, str]:
    """The target for one way to come by labels."""
    worst = min(rows, key=lambda row: row.covered)
    below = sum(row.covered < COVERED for row in rows)
    return (
        f"corrected means and differences cover the human truth in {percent(COVERED, 0)}, at "
        f"{min(coverage.LABELS)} labels and more: {way}",
        f"{percent(worst.covered)} at the least ({worst.case}, {worst.labels} labels, "
        f"{worst.estimate}); below in {below} of {len(rows)} cells",
        "**no**" if below else "yes",
    )


def _published(figures: Sequence[published.Figure]) -> str:
    body = [
        (
            figure.source,
            figure.case,
            figure.what,
            f"{figure.published:.4f}",
            f"{figure.ours:.4f}",
            "yes" if figure.same else "**no**",
        )
        for figure in figures
    ]
    head = ("set", "judge", "figure", "published", "ours", "same")
    return (
        "## Published figures\n\n"
        "From the authors' repositories (`bench/judges/published.py` names the files), computed "
        "with the library. LLMBar's are given to all digits and agree to twelve, PandaLM's to four."
        "\n\n" + table(head, body)
    )


def _agreement(some: dict[str, list[Pair]]) -> str:
    body = []
    for name, pairs in some.items():
        found = _calibrated(name, pairs)
        position = found.position
        body.append(
            (
                name,
                f"{found.answers - found.unscored} of {found.answers}",
                _shown(found.same),
                _shown(found.kappa),
                _shown(found.people),
                _shown(found.tau),
                _shown(found.bias, sign=True),
                "" if position is None else _shown(position.position_bias, sign=True),
                "" if position is None else _shown(position.flip_rate),
                "" if found.label_worth is None else f"{found.label_worth:.2f}",
            )
        )
    head = (
        "judge", "scored", "same grade", "kappa", "people's alpha", "tau", "bias",
        "position bias", "flips", "one label is worth",
    )  # fmt: skip
    return (
        "## What `escalera judge` would say\n\n"
        "Each figure with its 95 % interval; unreadable verdicts are unscored, and both orders "
        "make one score. Kappa is weighted (squares). A label is worth 1 / (1 - r^2) of those "
        "without a judge.\n\n" + table(head, body)
    )


def _calibrated(name: str, pairs: Sequence[Pair]) -> Agreement:
    one = Judge(
        kind="pairwise",
        model=name,
        revision="",
        rubric="as published",
        scale=Scale(lowest=0, highest=1),
        reference=False,
        decoding=Decoding(),
        wording=judge.WORDING,
    )
    panel = Panel(name=name, judges=(one,))
    return calibration.calibrate(panel, [_graded(one, p) for p in pairs]).overall


def _graded(one: Judge, pair: Pair) -> Graded:
    orders = one.orders if len(pair.verdicts) == 2 else ("first",)
    read = [Grade(value=v, reason=None if v is not None else "unreadable") for v in pair.verdicts]
    given = tuple(
        Given(judge=one.digest, order=order, draw=0, grade=grade)
        for order, grade in zip(orders, read, strict=True)
    )
    values = [v for v in pair.verdicts if v is not None]
    score = Grade(value=None, reason="unreadable")
    if len(values) == len(pair.verdicts):
        score = Grade(value=sum(values) / len(values))
    return Graded(task=pair.subset, cluster=pair.id, people=pair.votes, given=given, score=score)


def _shown(found: Interval | None, *, sign: bool = False) -> str:
    if found is None:
        return ""
    said = signed if sign else "{:.3f}".format
    return f"{said(found.estimate)} [{said(found.lower)}, {said(found.upper)}]"


def _coverage(rows: Sequence[coverage.Row]) -> str:
    cells = {(row.case, row.way, row.estimate, row.labels): row for row in rows}
    body = []
    for case, way, estimate in dict.fromkeys((r.case, r.way, r.estimate) for r in rows):
        some = [cells[case, way, estimate, labels] for labels in coverage.LABELS]
        body.append(
            (
                case,
                way,
                estimate,
                percent(some[0].judge_alone),
                *(percent(row.alone) for row in some),
                *(percent(row.covered) for row in some),
                *(f"{row.width:.2f}" for row in some),
            )
        )
    head = ["judge", "way", "estimate", "judge alone"]
    for what in ("labels alone", "corrected", "width"):
        head += [f"{what}, {labels}" for labels in coverage.LABELS]
    error = (0.95 * 0.05 / rows[0].runs) ** 0.5
    return (
        "## Coverage of the corrected figure\n\n"
        f"Share of 95 % intervals that hold the human truth, at {coverage.LABELS[0]} labels and "
        f"more; widths are to those of labels alone. {rows[0].runs} runs in each cell: the "
        f"standard error of a coverage is {percent(error, 2)}. The ways are those of "
        "`bench/judges/coverage.py`. Where the pairs stay as they are, an interval for a "
        "population of such pairs is wider than it need be; labels with known chances are no "
        "random sample, so labels alone are biased there.\n\n" + table(head, body)
    )


if __name__ == "__main__":
    sys.exit(main())
