"""What was to be shown, what was measured, and whether that is it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.decisions import best_of_k, coverage, judges, nulls, pairs, rules
from bench.decisions.tables import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One row of the list of targets."""

    asked: str
    measured: str
    met: bool


def of_nulls(rows: Sequence[nulls.Row]) -> list[Target]:
    """Ever-false verdicts of every mode of ours, worst scenario."""
    found = []
    for rule in dict.fromkeys(row.rule for row in rows if row.ours):
        worst = max((row for row in rows if row.rule == rule), key=lambda row: row.bound)
        found.append(
            Target(
                asked=f"ever a false verdict in at most 5 %, upper 99 % bound: {rule}",
                measured=f"{percent(worst.rate, 2)}, bound {percent(worst.bound, 2)} "
                f"({worst.board}, {worst.scenario}); for one named system "
                f"{percent(worst.wins / worst.runs, 2)}",
                met=worst.bound <= 0.05,
            )
        )
    return found


def of_pairs(rows: Sequence[pairs.Row]) -> list[Target]:
    """Recall and calls of the looks, decisions with a margin, the finite population."""
    found = []
    for rule in (rules.OBF, pairs.STRICT):
        for row in _of(rows, rule, 0.0):
            recall = row.found / row.significant
            found.append(
                Target(
                    asked=f"97 % of the significant pairs at 50 % of the calls, no wrong sign: "
                    f"{rule}, {row.board}",
                    measured=f"{percent(recall)} at {percent(row.used)}, {_wrong(row)}",
                    met=recall >= 0.97 and row.used <= 0.5 and row.wrong_signs == 0,
                )
            )
    for rule in (rules.POCOCK, pairs.OFTEN):
        found += [_equivalence(row) for row in _of(rows, rule, pairs.MARGIN)]
    for rule in (rules.FINITE, pairs.FINITE_STRICT):
        found += [_this_data_set(row) for row in _of(rows, rule, 0.0)]
    return found


def of_best(rows: Sequence[best_of_k.Row]) -> list[Target]:
    """The best of K at 20 calls per arm, and the figure that is reported."""
    found = []
    for rule in (best_of_k.REJECTS, best_of_k.EARLY, best_of_k.PLAIN):
        found += [
            Target(
                asked=f"best of K at 20 calls per arm, within 0.01 in 94 %: {rule}, {row.board}, "
                f"{row.field} (K = {row.arms})",
                measured=f"{percent(row.near)} of {row.races}",
                met=row.near >= 0.94,
            )
            for row in rows
            if row.rule == rule
        ]
    if rows:
        worst = max(rows, key=lambda row: abs(row.fresh_bias))
        least = min(rows, key=lambda row: row.coverage)
        found += [
            Target(
                asked="the winner's reported score is unbiased within 0.003, worst of "
                f"{len(rows)} rows",
                measured=f"{worst.fresh_bias:+.4f} +- {worst.fresh_bias_error:.4f}",
                met=abs(worst.fresh_bias) <= 0.003,
            ),
            Target(
                asked=f"its interval covers in 94 %, least of {len(rows)} rows",
                measured=percent(least.coverage),
                met=least.coverage >= 0.94,
            ),
        ]
    return found


def of_coverage(rows: Sequence[coverage.Row]) -> list[Target]:
    """The grid, by kind of score."""
    found = []
    for kind in dict.fromkeys(row.kind for row in rows):
        cells = [row for row in rows if row.kind == kind]
        low = [row for row in cells if row.covered < 0.94]
        high = [row for row in cells if row.covered > 0.965]
        ends = min(row.covered for row in cells), max(row.covered for row in cells)
        found.append(
            Target(
                asked=f"coverage 94 to 96.5 % over the grid: {kind}",
                measured=f"{len(cells) - len(low) - len(high)} of {len(cells)} cells; "
                f"{len(low)} below, {len(high)} above; {percent(ends[0])} to {percent(ends[1])}",
                met=not low and not high,
            )
        )
    return found


def of_judges(rows: Sequence[judges.Row]) -> list[Target]:
    """Coverage and width at 30 labels."""
    if not rows:
        return []
    least = min(rows, key=lambda row: row.covered)
    widest = max(rows, key=lambda row: row.width / row.ideal)
    return [
        Target(
            asked=f"judge-corrected coverage 94 % at {judges.LABELS} labels, least of "
            f"{len(rows)} cases",
            measured=f"{percent(least.covered)} ({least.case})",
            met=least.covered >= 0.94,
        ),
        Target(
            asked="width at most 1.1 sqrt(1 - r^2) of that of the labels alone, widest case",
            measured=f"{widest.width / widest.ideal:.2f} ({widest.case}); met in "
            f"{sum(row.width <= 1.1 * row.ideal for row in rows)} of {len(rows)}",
            met=widest.width <= 1.1 * widest.ideal,
        ),
    ]


def _equivalence(row: pairs.Row) -> Target:
    return Target(
        asked=f"margin 0.05: 99 % decided at 20 % of the calls: {row.rule}, {row.board}",
        measured=f"{percent(row.decided / row.runs)} at {percent(row.used)}; {_wrong(row)}, "
        f"{row.wrong_equivalents} of {row.equivalents} equivalents have a full-run difference of "
        "the margin or more",
        met=row.decided >= 0.99 * row.runs and row.used <= 0.2,
    )


def _this_data_set(row: pairs.Row) -> Target:
    return Target(
        asked="this data set: 95 % decided at 36 % of the calls, no wrong sign: "
        f"{row.rule}, {row.board}",
        measured=f"{percent(row.early / row.runs)} before the last item, {percent(row.used)} of "
        f"the calls, {_wrong(row)}",
        met=row.early >= 0.95 * row.runs and row.used <= 0.36 and row.wrong_signs == 0,
    )


def _wrong(row: pairs.Row) -> str:
    return (
        f"{row.wrong_signs} wrong signs of {row.directed} ({row.wrong_significant} where the full "
        "run is significant)"
    )


def _of(rows: Sequence[pairs.Row], rule: str, margin: float) -> list[pairs.Row]:
    return [row for row in rows if row.rule == rule and row.margin == margin]
