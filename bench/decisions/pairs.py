"""Every pair of systems in random orders: what is found, at how many calls, and how wrong.

The yardstick is the full run: a pair is significant when the paired t test on all items is, at 5 %;
a wrong sign is a "better" or "worse" against the mean of all items; with a margin a wrong
"equivalent" has a mean difference of the margin or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from bench.decisions import agreement, deviate, rules
from bench.decisions.data import Board
from bench.decisions.deviate import Floats
from bench.decisions.rules import Rule

from escalera.core.stats.spending import Spending

MARGIN = 0.05
OFTEN = "Pocock, 40 looks"
STRICT = "O'Brien-Fleming, 20 looks, alpha 0.01"
FINITE_STRICT = "finite population, alpha 0.02"
SPENDING: dict[Spending, str] = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule on one board at one margin; counts are over pairs times orders."""

    board: str
    rule: str
    margin: float
    runs: int
    significant: int
    found: int
    decided: int
    early: int
    used: float
    wrong_signs: int
    wrong_significant: int
    directed: int
    wrong_equivalents: int
    equivalents: int


def run(board: Board, *, orders: int, seed: int) -> tuple[list[Row], int]:
    """Return the rows of all rules with and without a margin, and comparisons with the library."""
    rng = np.random.default_rng([seed, 71, board.items])
    pairs = np.array(list(board.pairs()))
    whole = board.scores[pairs[:, 0]] - board.scores[pairs[:, 1]]
    fixed = rules.others()[rules.FIXED]
    significant = rules.apply(fixed, deviate.unclustered(whole, binary=board.binary)).words != 0
    rows: dict[tuple[str, float], list[tuple[rules.Decisions, Floats]]] = {}
    compared = 0
    for order in range(orders):
        shuffled = deviate.unclustered(rng.permuted(whole, axis=1), binary=board.binary)
        if order == 0:
            compared = agreement.check(shuffled, (0.0, MARGIN), sample=3)
        for (name, margin), rule in _questions().items():
            found = rules.apply(rule, shuffled, margin=margin)
            rows.setdefault((name, margin), []).append((found, whole.mean(axis=1)))
    return [_row(board, *key, every, significant) for key, every in rows.items()], compared


def variants() -> dict[str, Rule]:
    """The same rules at other settings: what helps, and what does not."""
    looks = {
        f"{name}, {count} looks": partial(
            rules.group_sequential, looks=rules.Looks(looks=count, kind=kind)
        )
        for kind, name in SPENDING.items()
        for count in (5, 40)
    }
    strict = {
        f"O'Brien-Fleming, 20 looks, alpha {alpha}": partial(
            rules.group_sequential,
            looks=rules.Looks(looks=20, kind="obrien-fleming", alpha=alpha),
        )
        for alpha in (0.02, 0.01)
    }
    return (
        looks
        | strict
        | {
            "betting, planned 1/10 of the items": partial(rules.betting, horizon=0.1),
            "betting, planned 1/2": partial(rules.betting, horizon=0.5),
            "betting, planned all": partial(rules.betting, horizon=1.0),
            "betting, no plan": partial(rules.betting, horizon=None),
            "asymptotic, planned 1/2": partial(rules.asymptotic_sequence, horizon=0.5),
            "asymptotic, warm-up 100": partial(rules.asymptotic_sequence, warm_up=100),
            "finite, planned 1/10": partial(rules.finite, horizon=0.1),
            "finite, planned 1/2": partial(rules.finite, horizon=0.5),
            FINITE_STRICT: partial(rules.finite, alpha=0.02),
            "finite population, alpha 0.01": partial(rules.finite, alpha=0.01),
        }
    )


# Private.


def _questions() -> dict[tuple[str, float], Rule]:
    every = {**rules.ours(), rules.FINITE: rules.finite, **rules.others(), **variants()}
    silent = ("mixture", "MLflow", "fixed n")
    return {
        (name, margin): rule
        for margin in (0.0, MARGIN)
        for name, rule in every.items()
        if margin == 0.0 or not name.startswith(silent)
    }


def _row(
    board: Board,
    rule: str,
    margin: float,
    every: list[tuple[rules.Decisions, Floats]],
    significant: np.ndarray,
) -> Row:
    words = np.concatenate([found.words for found, _ in every])
    used = np.concatenate([found.used for found, _ in every])
    means = np.concatenate([mean for _, mean in every])
    full = np.tile(significant, len(every))
    directed = np.abs(words) == 1
    equal = words == rules.EQUIVALENT
    decided = words != rules.UNDECIDED
    return Row(
        board=board.name,
        rule=rule,
        margin=margin,
        runs=len(words),
        significant=int(full.sum()),
        found=int((decided & full).sum()),
        decided=int(decided.sum()),
        early=int((decided & (used < 1.0)).sum()),
        used=float(used.mean()),
        wrong_signs=int((directed & (words * means < 0)).sum()),
        wrong_significant=int((directed & full & (words * means < 0)).sum()),
        directed=int(directed.sum()),
        wrong_equivalents=int((equal & (np.abs(means) >= margin)).sum()),
        equivalents=int(equal.sum()),
    )
