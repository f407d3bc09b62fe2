"""Which base to finetune: what small trainings forecast of each, and what one more would be worth.

Answers are options: what answers now, which stays as it is, and each base finetuned on all
examples. An option's utility is the worth of its score less its prices; forecasts are taken as
normal and as independent of each other, given the items, which all share.

Pilots are nested subsets that double. Every base begins with the three smallest; of B bases the
best B / 2, B / 4 and so on by their forecasts may go on to the next sizes (successive halving:
Jamieson and Talwalkar 2016, arXiv 1502.07943). Of those that may, the next pilot is the one that is
worth the most over its price, and none where no pilot is: the expected value of the best option
after it, less that of the best one now (Raiffa and Schlaifer 1961, section 4.5; as the knowledge
gradient of Frazier, Powell and Dayanik 2008, doi 10.1137/070693424, equation 3.7):

    E[max(d + s Z, 0)] - max(d, 0) = s (phi(z) + z Phi(z)),   z = -|d| / s,

where d is the lead of the base over the best other option and s the standard deviation by which
the pilot is expected to move its utility (`data_plan.explained`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from escalera.core.finetuning import curve_prior, data_plan, futures, posterior, trainings
from escalera.core.finetuning.data_plan import Planned, Prices
from escalera.core.finetuning.posterior import Posterior
from escalera.core.finetuning.trainings import FEWEST_SIZES, Training
from escalera.errors import InputError

HALVINGS = 7
SMALLEST = 4
"""Examples of a pilot at the least. The opening of 512 examples or more is then within `SHARE`."""

SHARE = 0.1
"""What all pilots may read, as a share of what finetuning every base on all examples would."""

LEAST = 0.0002
"""Expected gain in score below which a pilot is not run where money is no part of the question."""

STAY = "stay"
"""The name of the answer that nothing is changed."""

FREE = Prices(fixed=0.0, per_example=0.0)
"""What pilots cost where money is left out."""

Reason = Literal["nothing is worth its price", "budget"]
_FIRST_CHAIN = 1
_CHAINS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the question is: examples at hand, and the worth of a score of 1 in money.

    `worth` None leaves money out: scores alone are compared, and `LEAST` stops the pilots. `share`
    bounds what pilots read, but for the first three of every base; None is no bound.
    """

    pool: int
    worth: float | None = None
    share: float | None = SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What answers now: its score on the items, the standard error, and what serving it costs."""

    score: float
    error: float
    price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base model and the pilots that were measured for it, in the order of their plan.

    `price` is that of finetuning it on all examples and of serving it for the time that counts;
    `pilots` is what further pilots cost. In money; 0 where money is left out.
    """

    name: str
    pilots: tuple[Training, ...]
    price: float = 0.0
    prices: Prices = FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer: its score with all examples, an 80 % interval of it, and its utility.

    `deviation` is that of the score for the items at hand; the interval is for all items of the
    kind. `best` is the probability that no other option has a higher utility.
    """

    name: str
    score: float
    deviation: float
    interval: tuple[float, float]
    price: float
    utility: float
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPilot:
    """The pilot to run next, with what it is worth and its price, or why there is none.

    Worth and price are in money, or the worth in score where money is left out.
    """

    base: str | None
    plan: Planned | None
    reason: Reason | None
    worth: float
    price: float


def sizes(pool: int) -> tuple[int, ...]:
    """The sizes of pilots: all examples, halved up to seven times.

    InputError where three sizes of at least four examples cannot be had.
    """
    found = tuple(pool // 2**i for i in range(HALVINGS, -1, -1) if pool // 2**i >= SMALLEST)
    if len(found) < FEWEST_SIZES:
        raise InputError(
            f"{pool!r} examples are too few for pilots: gather at least "
            f"{SMALLEST * 2 ** (FEWEST_SIZES - 1)}"
        )
    return found


def opening(pool: int) -> tuple[Planned, ...]:
    """The pilots that every base begins with: the three smallest, since fewer forecast nothing."""
    return tuple(Planned(examples=n, chain=_FIRST_CHAIN) for n in sizes(pool)[:FEWEST_SIZES])


def options(bases: Sequence[Base], standing: Standing, terms: Terms) -> tuple[Option, ...]:
    """Every answer, the best first; of equals the one that changes nothing, then the earlier.

    InputError for a base without pilots of three sizes.
    """
    rows = [_standing(standing, terms), *(_option(base, terms) for base in bases)]
    chances = _chances([(u, d * _worth(terms)) for _, _, d, _, _, u in rows])
    found = [
        Option(
            name=name,
            score=score,
            deviation=deviation,
            interval=interval,
            price=price,
            utility=utility,
            best=chance,
        )
        for (name, score, deviation, interval, price, utility), chance in zip(
            rows, chances, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda option: -option.utility))


def following(bases: Sequence[Base], standing: Standing, terms: Terms) -> NextPilot:
    """The pilot that is worth the most over its price, or why to stop."""
    found = {option.name: option for option in options(bases, standing, terms)}
    candidates = [(base, plan) for base in bases for plan in _open(base, bases, found, terms)]
    read = sum(one.examples for base in bases for one in base.pilots)
    share = math.inf if terms.share is None else terms.share
    left = share * len(bases) * terms.pool - read
    rated = [(base, plan, _gain(base, plan, found, terms)) for base, plan in candidates]
    useful = [one for one in rated if one[2] > _price(one[0], one[1], terms)]
    if not useful:
        return _stop("nothing is worth its price")
    paid = [one for one in useful if one[1].examples <= left]
    if not paid:
        return _stop("budget")
    base, plan, gain = max(paid, key=lambda one: _over(one[0], one[1], one[2], terms))
    price = 0.0 if terms.worth is None else base.prices.of(plan.examples)
    return NextPilot(base=base.name, plan=plan, reason=None, worth=gain, price=price)


def regret(found: Sequence[Option], worth: float | None) -> float:
    """What knowing every score would be worth: the expected best utility less the best expected.

    The expected value of perfect information, in the unit of the utilities: no pilot is worth more.
    """
    scale = 1.0 if worth is None else worth
    best = max(option.utility for option in found)
    grid = _grid([(o.utility, o.deviation * scale) for o in found])
    below = np.ones_like(grid)
    for option in found:
        below *= _cumulative(grid, option.utility, option.deviation * scale)
    expected = float(grid[0] + np.trapezoid(1.0 - below, grid))
    return max(0.0, expected - best)


def break_even(option: Option, best: Option, worth: float | None) -> float:
    """The score with which *option* would be as good as the best."""
    scale = 1.0 if worth is None else worth
    return (best.utility + option.price) / scale


# Private.

_Row = tuple[str, float, float, tuple[float, float], float, float]
_TAIL = 1.2815515655446004  # of a standard normal, above which a tenth lies


def _worth(terms: Terms) -> float:
    return 1.0 if terms.worth is None else terms.worth


def _standing(standing: Standing, terms: Terms) -> _Row:
    """Its score on the items at hand is known; other items would move it."""
    far = _TAIL * standing.error
    ends = max(0.0, standing.score - far), min(1.0, standing.score + far)
    price = 0.0 if terms.worth is None else standing.price
    return STAY, standing.score, 0.0, ends, price, _worth(terms) * standing.score - price


def _option(base: Base, terms: Terms) -> _Row:
    mean, deviation, interval = _outlook(base.pilots, terms.pool)
    price = 0.0 if terms.worth is None else base.price
    return base.name, mean, deviation, interval, price, _worth(terms) * mean - price


@functools.lru_cache(maxsize=512)
def _fitted(pilots: tuple[Training, ...], pool: int) -> Posterior:
    return posterior.fit(trainings.points(pilots, pool=pool), curve_prior.LEARNED)


@functools.lru_cache(maxsize=512)
def _outlook(pilots: tuple[Training, ...], pool: int) -> tuple[float, float, tuple[float, float]]:
    """Mean and deviation of the score with all examples, and its 80 % interval for all items."""
    drawn = futures.draw(_fitted(pilots, pool), [pool], item_error=futures.item_error(pilots))
    here, everywhere = drawn.expected[:, 0], drawn.population()[:, 0]
    low, high = np.quantile(everywhere, [0.1, 0.9])
    return float(here.mean()), float(here.std()), (float(low), float(high))


def _open(
    base: Base, bases: Sequence[Base], found: Mapping[str, Option], terms: Terms
) -> list[Planned]:
    """The next size where the base may go on to it, and another chain of its largest one.

    `sizes` are numbered: the size k behind the opening is for the best B / 2^k bases, two at least.
    """
    ladder = sizes(terms.pool)
    largest = max(one.examples for one in base.pilots)
    ranked = sorted(bases, key=lambda one: -found[one.name].utility)
    place = [one.name for one in ranked].index(base.name)
    stage = ladder.index(largest) - FEWEST_SIZES + 1
    candidates = []
    if largest < ladder[-1] and place < _survivors(len(bases), stage + 1):
        candidates.append(Planned(examples=ladder[ladder.index(largest) + 1], chain=_FIRST_CHAIN))
    chains = {one.chain for one in base.pilots if one.examples == largest}
    free = [c for c in range(_FIRST_CHAIN, _FIRST_CHAIN + _CHAINS) if c not in chains]
    if free and place < _survivors(len(bases), max(stage, 1)):
        candidates.append(Planned(examples=largest, chain=free[0]))
    return candidates


def _survivors(bases: int, stage: int) -> int:
    return max(2, -(-bases // (1 << stage)))


def _gain(base: Base, plan: Planned, found: Mapping[str, Option], terms: Terms) -> float:
    """What the best option is expected to gain by the pilot."""
    explained = data_plan.explained(_fitted(base.pilots, terms.pool), plan, terms.pool)
    own = found[base.name]
    moved = _worth(terms) * min(math.sqrt(explained), own.deviation)
    if moved <= 0.0:
        return 0.0
    others = max(option.utility for name, option in found.items() if name != base.name)
    z = -abs(own.utility - others) / moved
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return moved * (density + z * 0.5 * math.erfc(-z / math.sqrt(2.0)))


def _price(base: Base, plan: Planned, terms: Terms) -> float:
    return LEAST if terms.worth is None else base.prices.of(plan.examples)


def _over(base: Base, plan: Planned, gain: float, terms: Terms) -> float:
    """Gain per example where money is left out, else what is left of it behind the price."""
    if terms.worth is None:
        return gain / plan.examples
    return gain - base.prices.of(plan.examples)


def _stop(reason: Reason) -> NextPilot:
    return NextPilot(base=None, plan=None, reason=reason, worth=0.0, price=0.0)


def _chances(normals: Sequence[tuple[float, float]]) -> list[float]:
    """Of every normal (mean, deviation) the probability that it is the highest; ties are shared."""
    grid = _grid(normals)
    below = np.array([_cumulative(grid, mean, deviation) for mean, deviation in normals])
    found = []
    for place in range(len(normals)):
        others = np.prod(np.delete(below, place, axis=0), axis=0)
        own = np.diff(below[place], prepend=0.0)
        found.append(float(own @ (0.5 * (others + np.concatenate([[0.0], others[:-1]])))))
    total = sum(found)
    return [chance / total for chance in found]


def _grid(normals: Sequence[tuple[float, float]]) -> np.ndarray:
    low = min(mean - 6.0 * deviation for mean, deviation in normals)
    high = max(mean + 6.0 * deviation for mean, deviation in normals)
    room = 1e-6 * max(1.0, abs(high))
    return np.linspace(low - room, high + room, 4001)


def _cumulative(grid: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    if deviation <= 0.0:
        return (grid >= mean).astype(np.float64)
    scaled = (grid - mean) / (deviation * math.sqrt(2.0))
    return np.array([0.5 * math.erfc(-value) for value in scaled.tolist()])
