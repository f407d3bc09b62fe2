"""Which training to run next, for a narrower forecast at the least cost, and when to stop.

The subsets are nested halves of the examples at hand. A training is worth the share by which it is
expected to lower the variance of the forecast, per unit of its price: under every curve that is
still possible, forecast and new score are jointly normal, so that the variance which the new score
explains has a closed form (linear Bayes: Cov^2 / Var; Goldstein and Wooff 2007, chapter 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from escalera.core.finetuning import curve_prior, posterior, trainings
from escalera.core.finetuning.curve_prior import CurvePrior
from escalera.core.finetuning.posterior import Posterior
from escalera.core.finetuning.shapes import Floats
from escalera.core.finetuning.trainings import Points, Training
from escalera.errors import InputError

HALVINGS = 4
CHAINS = 5
SMALLEST = 8
LEAST_GAIN = 0.05

StopReason = Literal["narrow enough", "nothing helps", "budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A training to run: so many examples of the nested subsets of a chain."""

    examples: int
    chain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do next.

    `training`: None where it is time to stop, with the `reason`. `deviation`: standard deviation
    of the forecast now; `afterwards`: what it is expected to be.
    """

    training: Planned | None
    reason: StopReason | None
    price: float
    deviation: float
    afterwards: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a training costs: `fixed` (its evaluation among it) and for every example.

    In minutes or in money.
    """

    fixed: float
    per_example: float

    def of(self, examples: int) -> float:
        """Return the price of a training on so many examples."""
        return self.fixed + self.per_example * examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the forecast shall be like: its standard deviation at `target` examples, and the budget.

    `budget`: what may still be spent, in the unit of the prices; None is no limit.
    """

    target: int
    deviation: float
    budget: float | None = None


def sizes(pool: int) -> tuple[int, ...]:
    """Return the sizes of nested subsets: the examples at hand, halved up to four times.

    InputError where three sizes of at least eight examples cannot be had.
    """
    found = tuple(pool // 2**i for i in range(HALVINGS, -1, -1) if pool // 2**i >= SMALLEST)
    if len(found) < trainings.FEWEST_SIZES:
        raise InputError(
            f"{pool!r} examples are too few for a learning curve: gather at least "
            f"{SMALLEST * 2 ** (trainings.FEWEST_SIZES - 1)}"
        )
    return found


def opening(pool: int) -> tuple[Planned, ...]:
    """Return the trainings to begin with: one of each size, and one more chain below the largest.

    The second chain tells noise from curve; with one, nothing does but the prior.
    """
    some = sizes(pool)
    first = [Planned(examples=n, chain=0) for n in some]
    return (*first, *(Planned(examples=n, chain=1) for n in some[:-1]))


def advise(
    measured: Sequence[Training],
    wish: Wish,
    prices: Prices,
    *,
    pool: int | None = None,
    prior: CurvePrior = curve_prior.LEARNED,
) -> Advice:
    """Return the training that narrows the forecast most for its price, or why to stop.

    It is time to stop where the forecast is as narrow as wished, where no training lowers its
    deviation by a twentieth, or where none is within the budget. `pool`: as in `trainings.points`.
    """
    points = trainings.points(measured, pool=pool)
    found = posterior.fit(points, prior)
    mean, within = _target(found, wish.target)
    variance = float(found.weight @ (within + (mean - found.weight @ mean) ** 2))
    deviation = variance**0.5
    if deviation <= wish.deviation:
        return _stop("narrow enough", deviation)
    options = [
        (plan, explained(found, plan, wish.target), prices.of(plan.examples))
        for plan in _candidates(points)
    ]
    useful = [o for o in options if o[1] >= (1.0 - (1.0 - LEAST_GAIN) ** 2) * variance]
    if not useful:
        return _stop("nothing helps", deviation)
    paid = [o for o in useful if wish.budget is None or o[2] <= wish.budget]
    if not paid:
        return _stop("budget", deviation)
    plan, lowered, price = max(paid, key=lambda o: o[1] / o[2] if o[2] > 0 else np.inf)
    return Advice(
        training=plan,
        reason=None,
        price=price,
        deviation=deviation,
        afterwards=max(0.0, variance - lowered) ** 0.5,
    )


def explained(found: Posterior, plan: Planned, target: int) -> float:
    """Return the variance of the forecast at *target* that a training is expected to explain."""
    height = found.shapes.relative_error(np.array([float(target)]))[:, 0]
    mean, variance, passed = _score(found, plan)
    weight, goal = found.weight, np.clip(found.level * height, 0.0, 1.0)
    middle, aim = float(weight @ mean), float(weight @ goal)
    shared = float(weight @ (height * passed * found.spread**2 + (goal - aim) * (mean - middle)))
    total = float(weight @ (variance + (mean - middle) ** 2))
    return shared**2 / total


# Private.


def _stop(reason: StopReason, deviation: float) -> Advice:
    return Advice(
        training=None, reason=reason, price=0.0, deviation=deviation, afterwards=deviation
    )


def _candidates(points: Points) -> list[Planned]:
    """Of every size the next chain; the pool itself again, which tells the luck of a seed."""
    found = []
    for size in sizes(int(points.pool)):
        used = {int(c) for c, n in zip(points.chain, points.examples, strict=True) if n == size}
        free = [c for c in range(CHAINS) if c not in used]
        if free:
            found.append(Planned(examples=size, chain=free[0]))
    return found


def _target(found: Posterior, target: int) -> tuple[Floats, Floats]:
    """Mean and variance, under each curve, of the expected error at the target."""
    height = found.shapes.relative_error(np.array([float(target)]))[:, 0]
    error = np.clip(found.level * height, 0.0, 1.0)
    steps = max(0.0, float(np.log2(target / found.points.largest)))
    walk = (found.wander * error * (1.0 - error)) ** 2 * steps**3 / 3.0
    return error, (height * found.spread) ** 2 + walk


def _score(found: Posterior, plan: Planned) -> tuple[Floats, Floats, Floats]:
    """Error of a training still to be run, under each curve: mean, variance, and what of A it has.

    The covariances are those of all trainings with the new one as the last.
    """
    together = _with(found.points, plan)
    sources = posterior.parts(together, found.flips)
    seen = found.shapes.relative_error(found.points.examples)
    new = found.shapes.relative_error(np.array([float(plan.examples)]))[:, 0]
    mean, variance, passed = (np.empty_like(found.weight) for _ in range(3))
    scales = np.stack([found.wander, found.noise], axis=1)
    for wander, noise in np.unique(scales, axis=0):
        which = np.flatnonzero((found.wander == wander) & (found.noise == noise))
        cov = wander**2 * sources[0] + noise**2 * sources[1] + sources[2]
        gain = np.linalg.solve(cov[:-1, :-1], cov[:-1, -1])
        passed[which] = new[which] - seen[which] @ gain
        mean[which] = found.level[which] * passed[which] + gain @ found.points.error
        rest = float(cov[-1, -1] - gain @ cov[:-1, -1])
        variance[which] = (passed[which] * found.spread[which]) ** 2 + rest
    return mean, variance, passed


def _with(points: Points, plan: Planned) -> Points:
    """The points and one more as the last, whose error is not known; its level is read off."""
    size = float(plan.examples)
    level = float(np.interp(np.log(size), np.log(points.examples), points.level))
    return replace(
        points,
        examples=np.append(points.examples, size),
        chain=np.append(points.chain, plan.chain),
        error=np.append(points.error, np.nan),
        level=np.append(points.level, level),
    )
