"""Forecasts of the score with all the data, beside what it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bench.data_need.curves import Curve

from escalera.core.finetuning import futures, posterior, trainings
from escalera.core.finetuning.curve_prior import CurvePrior
from escalera.core.finetuning.trainings import Training

LEVELS = (0.5, 0.8, 0.95)
TIMES = (4, 2)
"""Multiples of what is seen that are forecast."""

OURS = "Escalera"
BASELINES = ("last value", "power law, least squares", "log-linear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One forecast: error of the middle, whether intervals held the truth, and their widths."""

    task: str
    way: str
    resample: int
    times: int
    forecast: float
    truth: float
    held: tuple[bool, ...] = ()
    width: tuple[float, ...] = ()


def seen(curve: Curve, *, most: int | None = None) -> list[Training]:
    """Return the trainings that a forecast may use."""
    most = curve.full // 4 if most is None else most
    return [
        trainings.of_scores(int(size), int(chain), scores.tolist())
        for size, chain, scores in zip(curve.sizes, curve.chains, curve.same, strict=True)
        if size <= most
    ]


def ours(curve: Curve, prior: CurvePrior, *, times: int = 4) -> list[Outcome]:
    """Forecast `times` the largest size, on the items at hand and on others."""
    some = seen(curve)
    found = posterior.fit(trainings.points(some), prior)
    size = curve.full * times // 4
    drawn = futures.draw(found, [size], item_error=futures.item_error(some))
    at = int(np.flatnonzero(curve.sizes == size)[0])
    elsewhere = drawn.expected + drawn.luck + 2.0**0.5 * drawn.elsewhere
    return [
        _judged(curve, OURS, times, drawn.measured()[:, 0], curve.same[at].mean()),
        _judged(
            curve,
            f"{OURS}, fresh items",
            times,
            np.clip(elsewhere[:, 0], 0.0, 1.0),
            curve.fresh[at].mean(),
        ),
    ]


def baselines(curve: Curve, *, times: int = 4) -> list[Outcome]:
    """Forecast by the last value, one power law and a line in the logarithm of the size."""
    some = seen(curve)
    sizes = np.array(sorted({t.examples for t in some}), dtype=float)
    means = np.array([np.mean([t.score for t in some if t.examples == n]) for n in sizes])
    size = curve.full * times // 4
    truth = curve.same[np.flatnonzero(curve.sizes == size)[0]].mean()
    slope, level = np.polyfit(np.log(sizes), means, 1)
    told = (means[-1], power_law(sizes, means, float(size)), slope * np.log(size) + level)
    return [
        Outcome(
            task=curve.task,
            way=way,
            resample=curve.resample,
            times=times,
            forecast=float(np.clip(value, 0.0, 1.0)),
            truth=float(truth),
        )
        for way, value in zip(BASELINES, told, strict=True)
    ]


def power_law(sizes: np.ndarray, means: np.ndarray, size: float) -> float:
    """Return c - a n^-b at a size, of least squares over b in (0, 3] with c at most 1, a >= 0."""
    best, told = np.inf, float(means[-1])
    for exponent in np.geomspace(0.02, 3.0, 200):
        basis = (sizes / sizes[-1]) ** -exponent
        slope = float(np.polyfit(basis, means, 1)[0])
        level = float(np.mean(means) - slope * np.mean(basis))
        if level > 1.0:
            level = 1.0
            slope = float(basis @ (means - 1.0) / (basis @ basis))
        slope = min(slope, 0.0)
        if slope == 0.0:
            level = float(np.mean(means))
        misfit = float(((means - level - slope * basis) ** 2).sum())
        if misfit < best:
            best, told = misfit, level + slope * (size / sizes[-1]) ** -exponent
    return told


# Private.


def _judged(curve: Curve, way: str, times: int, drawn: np.ndarray, truth: float) -> Outcome:
    ends = [np.quantile(drawn, [0.5 - 0.5 * level, 0.5 + 0.5 * level]) for level in LEVELS]
    slack = 1e-9
    return Outcome(
        task=curve.task,
        way=way,
        resample=curve.resample,
        times=times,
        forecast=float(np.median(drawn)),
        truth=float(truth),
        held=tuple(bool(low - slack <= truth <= high + slack) for low, high in ends),
        width=tuple(float(high - low) for low, high in ends),
    )
