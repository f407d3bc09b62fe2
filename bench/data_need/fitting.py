"""Learning the prior: what makes forecasts on other tasks' curves likeliest.

Every curve gives two cases: seen to a quarter of the data, and to an eighth. Of each, half and all
of the data are forecast. The prior is chosen to give the measured scores the highest probability
(the log predictive density, a proper score, so that intervals are fitted along with the middle),
with every task weighing the same and a weak pull towards `CurvePrior()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.data_need import judging
from bench.data_need.curves import Curve
from scipy.optimize import minimize

from escalera.core.finetuning import posterior, shapes, trainings
from escalera.core.finetuning.curve_prior import NOISES, WANDERS, CurvePrior

START = np.array([0.0, 0.0, np.log(0.6), np.log(0.7), np.log(0.2), np.log(2.0), 0.0, np.log(2.0),
                  np.log(0.06), np.log(0.7), np.log(0.03), np.log(0.7)])  # fmt: skip
PULL = np.array([1.5, 1.5, 0.7, 0.5, 1.5, 0.5, 0.7, 0.7, 0.8, 0.5, 0.8, 0.5])
STRENGTH = 0.01
"""Of the pull, against the mean log density over tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Components with their log likelihood and log density of each score to forecast."""

    task: str
    component: np.ndarray
    log_likelihood: np.ndarray
    log_density: np.ndarray


def prior_of(numbers: np.ndarray) -> CurvePrior:
    """Return the prior that a vector of the search stands for."""
    e = np.exp(numbers)
    return CurvePrior(
        power=float(numbers[0]),
        stretched=float(numbers[1]),
        exponent=(float(e[2]), float(e[3])),
        scale=(float(e[4]), float(e[5])),
        floor=(float(e[6]), float(e[7])),
        wander=(float(e[8]), float(e[9])),
        noise=(float(e[10]), float(e[11])),
    )


def cases(curve: Curve) -> list[Case]:
    """Return the two cases of a curve."""
    return [_case(curve, curve.full // 4), _case(curve, curve.full // 8)]


def fitted(some: Sequence[Case], *, evaluations: int = 600) -> CurvePrior:
    """Return the prior of the highest score over these cases."""
    weight = {task: 1.0 / sum(c.task == task for c in some) for task in {c.task for c in some}}
    of_task = np.array([weight[c.task] for c in some]) / len(weight)

    def loss(numbers: np.ndarray) -> float:
        logs = posterior.combined_log_prior(prior_of(numbers), shapes.grid(1.0)).ravel()
        found = np.array([_score(case, logs) for case in some])
        return float(STRENGTH * (((numbers - START) / PULL) ** 2).sum() - of_task @ found)

    simplex = np.vstack([START, START + np.diag(0.7 * PULL)])
    options = {"initial_simplex": simplex, "maxfev": evaluations, "adaptive": True, "fatol": 1e-4}
    return prior_of(minimize(loss, START, method="Nelder-Mead", options=options).x)


# Private.


def _case(curve: Curve, most: int) -> Case:
    points = trainings.points(judging.seen(curve, most=most))
    grid = shapes.grid(points.largest)
    flips = posterior.flips_used(points, CurvePrior())
    evidence = posterior.Evidence.of(points, grid, flips)
    targets = [curve.full // 2, curve.full]
    heights = grid.relative_error(np.array(targets, dtype=float))
    logs = evidence.log_likelihood.ravel()
    kept = np.flatnonzero(logs > logs.max() - 13.0)
    wander, noise, shape = np.unravel_index(kept, evidence.log_likelihood.shape)
    level, spread = evidence.level.ravel()[kept], evidence.spread.ravel()[kept]
    densities = []
    for i, size in enumerate(targets):
        truth = 1.0 - curve.same[np.flatnonzero(curve.sizes == size)[0]].mean()
        height, ratio = heights[shape, i], size / points.largest
        error = np.clip(level * height, 1e-6, 1.0 - 1e-6)
        spare = error * (1.0 - error)
        variance = (height * spread) ** 2 + flips * spare / points.items + 1e-8
        variance += (spare * np.array(WANDERS)[wander]) ** 2 * np.log2(ratio) ** 3 / 3.0
        variance += np.array(NOISES)[noise] ** 2 * spare / ratio
        densities.append(-0.5 * ((truth - error) ** 2 / variance + np.log(2 * np.pi * variance)))
    return Case(
        task=curve.task,
        component=kept.astype(np.int32),
        log_likelihood=logs[kept].astype(np.float32),
        log_density=np.array(densities, dtype=np.float32),
    )


def _score(case: Case, logs: np.ndarray) -> float:
    """Mean log density of the scores, under the posterior of a prior."""
    weight = logs[case.component] + case.log_likelihood
    weight = np.exp(weight - weight.max())
    density = (weight * np.exp(case.log_density)).sum(axis=1) / weight.sum()
    return float(np.log(np.maximum(density, 1e-12)).mean())
