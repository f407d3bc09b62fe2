"""Learning the prior of trends, as `fitting` learns that of the families.

The same curves, cut in the same two ways, the same score, and the same weight for every task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.data_need import judging
from bench.data_need.curves import Curve
from scipy.optimize import minimize

from escalera.core.finetuning import posterior, trainings, trends
from escalera.core.finetuning.curve_prior import CurvePrior
from escalera.core.finetuning.trainings import Points
from escalera.core.finetuning.trends import TrendPrior

START = np.array([-0.45, np.log(0.2), np.log(0.15), np.log(2.0), 0.7, 2.0, np.log(0.03),
                  np.log(0.7)])  # fmt: skip
PULL = np.array([0.3, 0.7, 0.7, 0.8, 0.8, 0.8, 0.6, 0.4])
STRENGTH = 0.01
"""Of the pull, against the mean log density over tasks."""

_LEAST = -9.0
_NEAR = 2e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was seen of a curve, and the errors to forecast at sizes ahead."""

    task: str
    points: Points
    flips: float
    sizes: np.ndarray
    errors: np.ndarray


def prior_of(numbers: np.ndarray) -> TrendPrior:
    """Return the prior that a vector of the search stands for."""
    e = np.exp(np.minimum(numbers, 5.0))
    return TrendPrior(
        slope=float(numbers[0]),
        between=float(e[1]),
        within=float(e[2]),
        length=float(e[3]),
        floor=(float(e[4]), float(e[5])),
        noise=(float(e[6]), float(e[7])),
    )


def cases(curve: Curve) -> list[Case]:
    """Return the two cases of a curve: seen to a quarter of the data, and to an eighth."""
    return [_case(curve, curve.full // 4), _case(curve, curve.full // 8)]


def fitted(some: Sequence[Case], *, evaluations: int = 300) -> TrendPrior:
    """Return the prior of the highest score over these cases."""
    weight = {task: 1.0 / sum(c.task == task for c in some) for task in {c.task for c in some}}
    of_task = np.array([weight[c.task] for c in some]) / len(weight)

    def loss(numbers: np.ndarray) -> float:
        found = np.array([score(case, prior_of(numbers)) for case in some])
        return float(STRENGTH * (((numbers - START) / PULL) ** 2).sum() - of_task @ found)

    simplex = np.vstack([START, START + np.diag(0.7 * PULL)])
    options = {"initial_simplex": simplex, "maxfev": evaluations, "adaptive": True, "fatol": 1e-4}
    return prior_of(minimize(loss, START, method="Nelder-Mead", options=options).x)


def score(case: Case, prior: TrendPrior) -> float:
    """Mean log density of the errors, with the luck of one training each."""
    found = trends.fit(case.points, case.sizes.tolist(), case.flips, prior)
    floor = found.floor[:, None]
    above = np.maximum(case.errors - floor, 1e-9)
    odds = np.exp(found.mean)
    middle = (odds + floor) / (1.0 + odds)
    steep = 1.0 / np.maximum(middle - floor, _NEAR) + 1.0 / (1.0 - middle)
    luck = found.noise[:, None] ** 2 * case.points.largest / case.sizes
    luck = (luck + case.flips / case.points.items) * middle * (1.0 - middle) * steep**2
    variance = found.deviation**2 + luck
    gap = np.log(above / (1.0 - case.errors)) - found.mean
    density = np.exp(-0.5 * gap**2 / variance) / np.sqrt(2.0 * np.pi * variance)
    density *= (1.0 / above + 1.0 / (1.0 - case.errors)) * (case.errors > floor)
    return float(np.maximum(np.log(found.weight @ density + 1e-300), _LEAST).mean())


# Private.


def _case(curve: Curve, most: int) -> Case:
    points = trainings.points(judging.seen(curve, most=most))
    sizes = np.array([2 * most, 4 * most])
    right = [curve.same[np.flatnonzero(curve.sizes == size)[0]].mean() for size in sizes]
    return Case(
        task=curve.task,
        points=points,
        flips=posterior.flips_used(points, CurvePrior()),
        sizes=sizes.astype(float),
        errors=((1.0 - np.array(right)) * points.items + 0.5) / (points.items + 1.0),
    )
