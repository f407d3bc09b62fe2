"""What is believed of learning curves before one is measured, learned from other tasks.

The prior speaks of shapes relative to the largest size measured, so that it carries over from task
to task. `LEARNED` is what `python -m bench.data_need` learns from all tasks on real data: the row
"support" of the last table in bench/results/data_need.md, which was judged on the generator's tasks
only. The other figures there are of priors learned without the data set judged.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import shapes
from escalera.core.finetuning.shapes import FLOORS, Floats, Shapes

WANDERS: tuple[float, ...] = (0.0, 0.03, 0.06, 0.12, 0.24)
"""Standard deviations, in logits per doubling of the data, by which curves leave their family."""

NOISES: tuple[float, ...] = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Standard deviations that the choice of examples gives, as in `CurvePrior.noise`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePrior:
    """Beliefs about a curve.

    `power`, `stretched`: log-odds of the families against hill. `exponent`, `scale`, `wander` and
    `noise` are log-normal: median and standard deviation of the logarithm. `floor`: Beta
    distribution of the asymptotic error's share of the error at the largest size. `flat`:
    probability that nothing is left to be learned. `noise` is the standard deviation due to which
    examples were drawn, at the largest size, as a share of sqrt(error (1 - error)). `flips`: the
    variance of one item over trainings as a share of error (1 - error), where it was not measured.
    """

    power: float = 0.0
    stretched: float = 0.0
    exponent: tuple[float, float] = (0.6, 0.7)
    scale: tuple[float, float] = (0.2, 2.0)
    floor: tuple[float, float] = (1.0, 2.0)
    flat: float = 0.02
    wander: tuple[float, float] = (0.06, 0.7)
    noise: tuple[float, float] = (0.03, 0.7)
    flips: float = 0.35


LEARNED = CurvePrior(
    power=0.78,
    stretched=-0.72,
    exponent=(0.998, 0.513),
    scale=(0.238, 2.16),
    floor=(2.15, 4.92),
    wander=(0.035, 0.576),
    noise=(0.0253, 0.717),
)


def log_weights(prior: CurvePrior, curves: Shapes) -> Floats:
    """Return the logarithm of every curve's prior probability, for `shapes.grid`."""
    family = np.array([prior.power, prior.stretched, 0.0])[curves.family]
    weight: Floats = family - _log_total(np.array([prior.power, prior.stretched, 0.0]))
    weight = weight + _log_normal(curves.exponent, prior.exponent, shapes.EXPONENTS)
    weight = weight + _log_normal(curves.scale, prior.scale, shapes.SCALES)
    inner = np.array(FLOORS[:-1])
    shares = _beta_shares(prior.floor)
    weight = weight + np.log(shares)[np.minimum(np.searchsorted(inner, curves.floor), 8)]
    weight = weight + math.log1p(-prior.flat)
    flat = curves.floor == FLOORS[-1]
    weight[flat] = math.log(prior.flat)
    return weight


def log_scales(prior: CurvePrior) -> tuple[Floats, Floats]:
    """Return the log prior probabilities of `WANDERS` and of `NOISES`."""
    tiny = WANDERS[1] / 2.0
    wanders = np.maximum(np.array(WANDERS), tiny)
    return (
        _log_normal(wanders, prior.wander, tuple(wanders.tolist())),
        _log_normal(np.array(NOISES), prior.noise, NOISES),
    )


# Private.


def _log_normal(values: Floats, belief: tuple[float, float], cells: tuple[float, ...]) -> Floats:
    """Of values on a grid that is even in the logarithm: normalised over its cells."""
    median, spread = belief
    total = _log_total(-0.5 * (np.log(np.array(cells) / median) / spread) ** 2)
    found: Floats = -0.5 * (np.log(values / median) / spread) ** 2 - total
    return found


def _log_total(logs: Floats) -> float:
    peak = float(logs.max())
    return peak + math.log(float(np.exp(logs - peak).sum()))


@functools.lru_cache(maxsize=256)
def _beta_shares(belief: tuple[float, float]) -> Floats:
    """Mass of a Beta distribution nearest to each floor below 1, by the midpoint rule."""
    middles = (np.arange(2000) + 0.5) / 2000.0
    first, second = belief
    logs = (first - 1.0) * np.log(middles) + (second - 1.0) * np.log1p(-middles)
    mass = np.exp(logs - logs.max())
    inner = np.array(FLOORS[:-1])
    edges = 0.5 * (inner[1:] + inner[:-1])
    found = np.bincount(np.searchsorted(edges, middles), mass, minlength=len(inner))
    shares: Floats = np.maximum(found / mass.sum(), 1e-12)
    return shares
