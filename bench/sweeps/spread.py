"""How sure a mean over sweeps is that share their trainings, and a mean over tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from escalera.core.stats import distributions

Ends = tuple[float, float, float]
"""A mean, and the ends of its 95 % interval."""


def over_trainings(values: np.ndarray, orders: Sequence[Sequence[int]], *, many: int) -> Ends:
    """The mean over sweeps, as an estimate for other trainings of the task.

    Leaves out one of the `many` trainings after the other (the jackknife): a mean over sweeps that
    are drawn without return is a U-statistic, and the jackknife of these errs on the wide side
    (Efron & Stein 1981, The jackknife estimate of variance). What the number of sweeps adds to it
    is taken out, but never more than can be told from that noise. Nothing is said where all values
    are the same.
    """
    inside = np.zeros((len(orders), many), dtype=bool)
    for place, order in enumerate(orders):
        inside[place, list(order)] = True
    means = np.array([values[~inside[:, one]].mean() for one in range(many)])
    spread = ((means - means.mean()) ** 2).sum()
    noise = (values.var() / (~inside).sum(axis=0)).sum()
    told = max(spread - noise, noise * math.sqrt(2 / (many - 1)))
    half = 1.96 * math.sqrt(told * (many - 1) / many + values.var() / len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def over_tasks(means: Sequence[float]) -> Ends:
    """The mean over tasks, as an estimate for other tasks: Student's t."""
    found = np.array(means)
    half = (
        distributions.student_t_quantile(0.975, len(found) - 1)
        * found.std(ddof=1)
        / len(found) ** 0.5
    )
    return float(found.mean()), float(found.mean() - half), float(found.mean() + half)
