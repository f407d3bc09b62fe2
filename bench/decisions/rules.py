"""When a run stops and what it then says: our rules, and those of others.

Every rule answers four questions at each of its looks: does the interval lie above -margin, above
0, below 0, below margin? `decide` turns them into the first verdict, as `noninferiority.judge`
would. Peers' rules are stated where they are implemented.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.stats
from bench.decisions import deviate
from bench.decisions.deviate import Floats, Runs
from numpy.typing import NDArray

from escalera.core.evaluation.compare import spendable
from escalera.core.stats import asymptotic, capital, spending
from escalera.core.stats.spending import Spending

Bools = NDArray[np.bool_]

ALPHA = 0.05
SPENT = spendable(ALPHA)
BETTER, WORSE, EQUIVALENT, UNDECIDED = 1, -1, 2, 0
_CHUNK = 250


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions:
    """Per run the verdict and the share of its items used until then."""

    words: NDArray[np.int8]
    used: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Runs by looks: where the interval lies; `items` seen at each look."""

    above_margin: Bools
    above: Bools
    below: Bools
    below_margin: Bools
    items: Floats


Rule = Callable[[Runs, float], Answers]

FIXED = "fixed n: paired t at the full run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How a group-sequential rule looks and spends."""

    looks: int
    kind: Spending
    alpha: float = SPENT


OBF, POCOCK = "O'Brien-Fleming, 20 looks", "Pocock, 20 looks"
ALL_SPENT = "O'Brien-Fleming, 20 looks, all of alpha spent"
BETTING, FINITE = "betting confidence sequence", "finite population"

GROUP_SEQUENTIAL = {
    "O'Brien-Fleming, 10 looks": Looks(looks=10, kind="obrien-fleming"),
    OBF: Looks(looks=20, kind="obrien-fleming"),
    "Pocock, 10 looks": Looks(looks=10, kind="pocock"),
    POCOCK: Looks(looks=20, kind="pocock"),
}
"""The library keeps a tenth of alpha back: a rule at 5 % exactly could show no bound of 5 %."""


def ours() -> dict[str, Rule]:
    """Our rules by name. Planned horizons are a quarter of the items, as `finite` has it."""
    found: dict[str, Rule] = {
        name: partial(group_sequential, looks=plan) for name, plan in GROUP_SEQUENTIAL.items()
    }
    found[BETTING] = betting
    found["mixture e-process"] = e_process
    found["asymptotic confidence sequence"] = asymptotic_sequence
    return found


def others() -> dict[str, Rule]:
    """Rules of others by name, and our looks without what they keep back."""
    return {
        ALL_SPENT: partial(
            group_sequential, looks=Looks(looks=20, kind="obrien-fleming", alpha=ALPHA)
        ),
        FIXED: partial(t_test, looks=lambda n: np.array([n])),
        "peeking: paired t after every item from 20": partial(
            t_test, looks=lambda n: np.arange(20, n + 1)
        ),
        "peeking: paired t every 50 items": partial(
            t_test, looks=lambda n: np.unique([*range(50, n, 50), n])
        ),
        "MLflow: candidate >= baseline, full run": partial(
            mlflow, change=0.0, looks=lambda n: np.array([n])
        ),
        "MLflow: candidate >= baseline + 0.02, full run": partial(
            mlflow, change=0.02, looks=lambda n: np.array([n])
        ),
        "MLflow: candidate >= baseline + 0.02, every 50 items": partial(
            mlflow, change=0.02, looks=lambda n: np.unique([*range(50, n, 50), n])
        ),
        "evalsig: sequential gate": evalsig,
    }


def apply(rule: Rule, runs: Runs, *, margin: float = 0.0) -> Decisions:
    """Return the first verdict of every run, chunk by chunk."""
    words, used = [], []
    for start in range(0, len(runs.items), _CHUNK):
        part = runs.part(slice(start, start + _CHUNK))
        found = decide(rule(part, margin), margin=margin)
        words.append(found.words)
        used.append(found.used / runs.items.shape[1])
    return Decisions(words=np.concatenate(words), used=np.concatenate(used))


def decide(answers: Answers, *, margin: float) -> Decisions:
    """Return the first verdict; `used` in items, all of them without a verdict."""
    equivalent = answers.above_margin & answers.below_margin & (margin > 0)
    any_word = equivalent | answers.above | answers.below
    decided = any_word.any(axis=1)
    first = np.where(decided, any_word.argmax(axis=1), any_word.shape[1] - 1)
    rows = np.arange(len(first))
    words = np.where(answers.above[rows, first], BETTER, UNDECIDED)
    words = np.where(answers.below[rows, first], WORSE, words)
    words = np.where(equivalent[rows, first], EQUIVALENT, words)
    return Decisions(words=words.astype(np.int8), used=answers.items[rows, first])


# Ours.


def look_times(steps: int, looks: int) -> NDArray[np.int_]:
    """Equally spaced numbers of steps, at least two, ending with all of them."""
    spaced = np.round(np.linspace(0, steps, looks + 1)[1:]).astype(int)
    return np.unique(np.maximum(2, spaced))


def group_sequential(runs: Runs, margin: float, *, looks: Looks) -> Answers:
    """`sequential` with `paired.z_statistic`, and its repeated confidence intervals."""
    times = look_times(runs.steps, looks.looks)
    shares = tuple((times / runs.steps).tolist())
    limits = np.array(spending.boundaries(shares, alpha=looks.alpha, spending=looks.kind))
    found = deviate.prefixes(runs, times)
    at_zero = deviate.z(found)
    return Answers(
        above=at_zero >= limits,
        below=at_zero <= -limits,
        above_margin=deviate.z(found, -margin) > limits if margin else at_zero >= limits,
        below_margin=deviate.z(found, margin) < -limits if margin else at_zero <= -limits,
        items=found.n,
    )


def betting(runs: Runs, margin: float, *, horizon: float | None = 0.25) -> Answers:
    """`betting`: hedged capital at 0 and the margins; claims are final."""
    planned = None if horizon is None else max(1, int(runs.steps * horizon))
    return _hedged(runs, margin, planned=planned, population=None)


def finite(runs: Runs, margin: float, *, horizon: float = 0.25, alpha: float = ALPHA) -> Answers:
    """`finite`: without replacement, about these items alone."""
    n = runs.items.shape[1]
    return _hedged(runs, margin, planned=max(1, int(n * horizon)), population=n, alpha=alpha)


def e_process(runs: Runs, margin: float) -> Answers:
    """`eprocess` at 0. It asks one question; with a margin it has no verdict of equivalence."""
    del margin
    bets = np.geomspace(0.01, 0.95, 24)
    steps = runs.sums / runs.largest
    up, down = (_mixture(sign * steps, bets) for sign in (1.0, -1.0))
    reached = np.logaddexp(up, down) - math.log(2.0) >= -math.log(ALPHA)
    return Answers(
        above=reached & (up >= down),
        below=reached & (up < down),
        above_margin=np.zeros_like(reached),
        below_margin=np.zeros_like(reached),
        items=np.cumsum(runs.sizes, axis=1),
    )


def asymptotic_sequence(
    runs: Runs, margin: float, *, horizon: float = 0.25, warm_up: int = 30
) -> Answers:
    """`asymptotic`, with the warm-up it names for differences that are about symmetric."""
    plan = asymptotic.Plan(
        planned=max(1, int(runs.steps * horizon)), floor=0.01, warm_up=warm_up, alpha=ALPHA
    )
    t = np.arange(1.0, runs.steps + 1.0)
    n, mean, deviation, skewness = _shape(runs, plan.floor)
    width = np.array([asymptotic.half_width(int(k), plan) for k in t])
    tail = skewness * (2.0 * width * width * t + 1.0) / (6.0 * t)
    lower = mean - deviation * (width + np.maximum(0.0, -tail))
    upper = mean + deviation * (width + np.maximum(0.0, tail))
    warm = t >= warm_up
    return Answers(
        above=warm & (lower > 0),
        below=warm & (upper < 0),
        above_margin=warm & (lower > -margin),
        below_margin=warm & (upper < margin),
        items=n,
    )


def _hedged(
    runs: Runs,
    margin: float,
    *,
    planned: int | None,
    population: int | None,
    alpha: float = ALPHA,
) -> Answers:
    below, above = (
        {m: _wealth(runs, m, side, planned, population, alpha) for m in {0.0, edge}}
        for side, edge in ((1.0, -margin), (-1.0, margin))
    )
    return Answers(
        above=below[0.0],
        below=above[0.0],
        above_margin=below[-margin if margin else 0.0],
        below_margin=above[margin],
        items=np.cumsum(runs.sizes, axis=1),
    )


def _wealth(
    runs: Runs,
    null: float,
    side: float,
    planned: int | None,
    population: int | None,
    alpha: float,
) -> Bools:
    """Whether "the mean is above the null" (side 1) or below (-1) ever held 2/alpha so far.

    "Below" is "above" of the mirrored differences, whose range [-1, 1] is its own mirror.
    """
    sums, counts, largest = side * runs.sums, runs.sizes, float(runs.largest)
    centre = 0.5 * (side * null + 1.0)
    totals, items = np.cumsum(sums, axis=1), np.cumsum(counts, axis=1)
    unit = 0.5 * (totals + items)
    scaled, sizes = 0.5 * (sums + counts) / largest, counts / largest
    means = (0.5 + unit / largest) / (1.0 + items / largest)
    spread = np.cumsum((scaled - sizes * means) ** 2, axis=1)
    t = np.arange(1.0, sums.shape[1] + 1.0)
    before = np.concatenate([np.zeros((len(sums), 1)), spread[:, :-1]], axis=1)
    clock = t * np.log1p(t) if planned is None else np.maximum(planned, t)
    stakes = np.sqrt(2.0 * math.log(2.0 / alpha) / ((0.25 + before) / t * clock))
    expected: float | Floats = centre
    if population is not None:
        drawn = np.concatenate([np.zeros((len(sums), 1)), unit[:, :-1]], axis=1)
        expected = (population * centre - drawn) / (population - items + 1.0)
    share = np.minimum(stakes, capital.CAP / np.maximum(expected, 1e-300))
    with np.errstate(invalid="ignore"):
        gains = np.log1p(share * (scaled - sizes * expected))
    gains = np.where(expected < -1e-9, np.inf, gains)
    reached = np.cumsum(gains, axis=1) >= math.log(2.0 / alpha)
    found: Bools = np.logical_or.accumulate(reached, axis=1)
    if population is not None:
        # What the items not seen could still be, and at the end the mean itself.
        least = np.round((totals - (population - items)) / population, 12)
        found |= least > side * null
    return found


def _mixture(steps: Floats, bets: Floats) -> Floats:
    """Log of the average wealth of the bets on "above 0"."""
    total = np.full(steps.shape, -np.inf)
    for bet in bets:
        np.logaddexp(total, np.cumsum(np.log1p(bet * steps), axis=1), out=total)
    found: Floats = total - math.log(len(bets))
    return found


def _shape(runs: Runs, floor: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Items, running mean, deviation and skewness of s - mean n, as in `asymptotic`."""
    s, k = runs.sums, runs.sizes
    t = np.arange(1.0, s.shape[1] + 1.0)
    n, total = np.cumsum(k, axis=1), np.cumsum(s, axis=1)
    mean = total / n

    def upto(values: Floats) -> Floats:
        found: Floats = np.cumsum(values, axis=1)
        return found

    square = upto(s * s) - 2.0 * mean * upto(s * k) + mean**2 * upto(k * k)
    cube = upto(s**3) - 3.0 * mean * upto(s * s * k) + 3.0 * mean**2 * upto(s * k * k)
    cube -= mean**3 * upto(k**3)
    square = np.maximum(square, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(square / (t - 1.0)) / (n / t)
        skewness = cube / t / (square / t) ** 1.5
    flat = ~(deviation > floor)
    return n, mean, np.where(flat, floor, deviation), np.where(flat, 0.0, skewness)


# Those of others. None of them knows clusters while it runs: steps are items.


def t_test(runs: Runs, margin: float, *, looks: Callable[[int], NDArray[np.int_]]) -> Answers:
    """The textbook paired t interval at 95 %, at every look anew, on items."""
    at, mean, error = _moments(runs.items, looks)
    half = scipy.stats.t.isf(0.5 * ALPHA, at - 1.0) * error
    return _around(mean, half, margin, at)


def mlflow(
    runs: Runs, margin: float, *, change: float, looks: Callable[[int], NDArray[np.int_]]
) -> Answers:
    """`mlflow.validate_evaluation_results` of 3.17: point estimate against a threshold.

    The candidate passes when its metric is at least the baseline's plus `min_absolute_change`, or
    with `min_relative_change=0.0` at least the baseline's; there is no error, no n and no notion of
    undecided. Both systems take the candidate's part, so a loss is the other one's pass.
    """
    del margin
    at, mean, _ = _moments(runs.items, looks)
    never = np.zeros(mean.shape, dtype=bool)
    return Answers(
        above=mean >= change,
        below=(mean <= -change) & ~(mean >= change),
        above_margin=never,
        below_margin=never,
        items=np.broadcast_to(at.astype(np.float64), mean.shape),
    )


def evalsig(runs: Runs, margin: float, *, rho: float = 1.0, least: int = 30) -> Answers:
    """`sequential_gate` of evalsig 0.1.2 (Apache-2.0), two-sided, at its defaults.

    mean -+ sd sqrt(2 (t + rho^2) ln(sqrt(t + rho^2) / (alpha rho))) / t after every item from 30;
    nothing is claimed while the standard deviation is 0.
    """
    at, mean, error = _moments(runs.items, lambda n: np.arange(least, n + 1))
    room = at + rho**2
    width = np.sqrt(2.0 * room * np.log(np.sqrt(room) / (ALPHA * rho))) / at
    deviation = error * np.sqrt(at)
    return _around(mean, np.where(deviation > 0, deviation * width, np.inf), margin, at)


def _moments(
    items: Floats, looks: Callable[[int], NDArray[np.int_]]
) -> tuple[NDArray[np.int_], Floats, Floats]:
    at = looks(items.shape[1])
    mean = np.cumsum(items, axis=1)[:, at - 1] / at
    squares = np.maximum(np.cumsum(items**2, axis=1)[:, at - 1] - at * mean**2, 0.0)
    return at, mean, np.sqrt(squares / (at - 1.0) / at)


def _around(mean: Floats, half: Floats, margin: float, at: NDArray[np.int_]) -> Answers:
    return Answers(
        above=mean - half > 0,
        below=mean + half < 0,
        above_margin=mean - half > -margin,
        below_margin=mean + half < margin,
        items=np.broadcast_to(at.astype(np.float64), mean.shape),
    )
