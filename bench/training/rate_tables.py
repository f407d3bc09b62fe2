"""The table of the search for a learning rate, and what may be said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

WITHIN, COST = 0.02, 0.10
"""The aim: so much below the best of the grid at most, at so much of its cost."""


def row(cell: dict[str, Any]) -> str:
    """One cell as a line of the table."""
    best = best_of(cell)
    found = "diverged" if cell["found"] is None else f"{cell['found']:.2g}"
    return (
        f"| {cell['task']} | {cell['way']} | {cell['steps']} | {cell['grid'][best]:.2g} | "
        f"{_mean(cell['shares'][best]):.3f} | {found} | {_mean(cell['at_found']):.3f} | "
        f"{100 * loss(cell):.1f} % | {100 * cell['cost']:.1f} % |"
    )


def best_of(cell: dict[str, Any]) -> int:
    """Place in the grid of the rate with the highest mean over all seeds."""
    most = max(len(shares) for shares in cell["shares"])
    return int(np.argmax([_mean(s) if len(s) == most else 0.0 for s in cell["shares"]]))


def loss(cell: dict[str, Any]) -> float:
    """What the rate that was found misses of the best of the grid, as a share of it."""
    best = _mean(cell["shares"][best_of(cell)])
    return (best - _mean(cell["at_found"])) / best


def excused(cell: dict[str, Any], spread: float) -> bool:
    """Whether the found rate is within the aim, or within what two means of seeds differ by.

    The limit is two standard errors of a difference of means over seeds. That the best is the
    highest of nine, and so flattered by luck, is not counted.
    """
    seeds = len(cell["at_found"])
    best = _mean(cell["shares"][best_of(cell)])
    return loss(cell) <= max(WITHIN, 2 * spread * math.sqrt(2 / seeds) / best)


def spread(cells: Sequence[dict[str, Any]]) -> float:
    """Standard deviation between seeds at the best rate, pooled over cells."""
    variances = [np.var(cell["shares"][best_of(cell)], ddof=1) for cell in cells]
    return float(np.mean(variances) ** 0.5)


def again(cells: Sequence[dict[str, Any]]) -> int:
    """In how many cells the grid chooses as well for itself: the best of one seed, on another."""
    good = 0
    for cell in cells:
        most = max(len(shares) for shares in cell["shares"])
        shares = np.array([shares for shares in cell["shares"] if len(shares) == most])
        chosen = shares[int(np.argmax(shares[:, 0])), 1:].mean()
        good += bool(chosen >= (1 - WITHIN) * shares[:, 1:].mean(axis=1).max())
    return good


def page(cells: Sequence[dict[str, Any]]) -> str:
    """The page, with what was aimed at."""
    noise = spread(cells)
    near = sum(loss(cell) <= WITHIN for cell in cells)
    lucky = sum(excused(cell, noise) for cell in cells)
    new = [cell for cell in cells if cell["fresh"]]
    fresh = f"{sum(loss(cell) <= WITHIN for cell in new)} of {len(new)}"
    cheap = sum(cell["cost"] <= COST for cell in cells)
    mean = sum(loss(cell) for cell in cells) / len(cells)
    cost = sum(cell["cost"] for cell in cells) / len(cells)
    lines = [
        "# The search for a learning rate beside its grid",
        "",
        "    make bench-rates",
        "",
        "A small Llama (238 thousand parameters, `bench/bases`) that was pretrained without the",
        "labels; 500 to 600 messages are taught in four epochs, 500 others asked. Rates of the",
        "grid that come within 5 % of the best are trained with two seeds; rates below one that",
        "learned less than half as much as the best are not trained. `missed` is what the found",
        "rate's share of right answers lacks of the best's; the cost is in tokens, as a share of",
        "nine trainings.",
        "",
        "| task | way | steps | best rate | right | found rate | right | missed | cost |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(row, cells),
        "",
        f"- Within 2 % of the best of the grid: **{near} of {len(cells)}** cells; "
        f"on the mean {100 * mean:.1f} % are missed.",
        *([f"- Of these, in ways added when the search was settled: **{fresh}**."] if new else []),
        f"- Cost: {100 * cost:.1f} % of the grid on the mean, at most 10 % in "
        f"**{cheap} of {len(cells)}** cells.",
        f"- Two seeds at the best rate differ by a standard deviation of {100 * noise:.1f} points. "
        f"Within 2 % or within two standard errors of a difference of such means: "
        f"{lucky} of {len(cells)}.",
        f"- The grid itself, chosen by one seed and judged by the other, is within 2 % of that "
        f"one's best in {again(cells)} of {len(cells)} cells.",
    ]
    return "\n".join(lines) + "\n"


# Private.


def _mean(shares: Sequence[float] | None) -> float:
    return sum(shares) / len(shares) if shares else 0.0
