"""What a rung will cost, from what calls have cost so far: told before the rung is climbed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from escalera.core.answers import Measures
from escalera.core.evaluation import judge, orders
from escalera.core.ladder import hosting
from escalera.core.ladder.case import Case
from escalera.core.stats import clustering
from escalera.core.stats.clustering import Interval
from escalera.domain.event import Priced
from escalera.domain.project import RungName
from escalera.domain.recipe import TrainingRecipe

BACKWARD = 3
"""A training step costs about three forward passes (forward, and backward twice that)."""

DECODE = 10
"""An answer's token takes about as long as ten of a prompt, which are read in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """Means over the calls made so far, per call."""

    prompt_tokens: float
    completion_tokens: float
    micro_dollars: Interval | None
    seconds: Interval

    @property
    def seconds_per_token(self) -> float:
        """Seconds to read one token of a prompt."""
        tokens = self.prompt_tokens + DECODE * self.completion_tokens
        return self.seconds.estimate / max(tokens, 1.0)


def price(
    case: Case,
    rung: RungName,
    *,
    calls: int,
    fewest: int | None = None,
    recipes: Sequence[TrainingRecipe] = (),
    besides: int | None = 0,
) -> Priced:
    """The price of at most *calls* more answers and of the trainings, at the rates seen so far.

    *besides* are micro-dollars that other models are likely to take at most, None where unknown.

    Where judges grade, what they took per grade is added, for as many grades as an answer needs by
    what is known of their position biases, and their calls are counted: at most so many turns for
    each grade, and at the least one order of each. Where embeddings are compared, at most one call
    for each answer is counted; what it costs is not in the price.

    Minutes are of model time; they rest on clock readings, everything else does not. Trainings
    are timed at the rate of those that ran before, and the first at three times what reading its
    tokens takes (forward once, backward twice); of the first at a provider no time is known, and
    what it costs there is in the price.
    """
    rates = _with_judges(_rates(case.evidence.answers.measures()), case)
    project, tasks = case.project, [task.name for task in case.project.tasks]
    panels = [project.panel(task.scorer) for task in project.tasks]
    grades = [0 if panel is None else orders.fewest(panel) for panel in panels]
    most = max(judge.TURNS * project.grades(task) + project.reads(task) for task in tasks)
    training = sum(_training_tokens(case, recipe, rates) for recipe in recipes)
    teaching = training * _seconds_per_trained_token(case, rates)
    jobs = hosting.charge(project, training) if any(one.hosted for one in recipes) else 0
    fixed = None if jobs is None or besides is None else jobs + besides
    fewest = calls if fewest is None else min(fewest, calls)
    money = rates.micro_dollars
    return Priced(
        rung=rung,
        calls=calls * (1 + most),
        fewest_calls=fewest * (1 + min(grades)),
        prompt_tokens=round(calls * rates.prompt_tokens),
        completion_tokens=round(calls * rates.completion_tokens),
        training_tokens=training,
        micro_dollars=None
        if money is None or fixed is None
        else round(calls * money.estimate) + fixed,
        micro_dollars_range=None
        if money is None or jobs is None or fixed is None
        else (math.floor(fewest * money.lower) + jobs, math.ceil(calls * money.upper) + fixed),
        minutes=(calls * rates.seconds.estimate + teaching) / 60,
        minutes_range=(
            (fewest * rates.seconds.lower + teaching) / 60,
            (calls * rates.seconds.upper + teaching) / 60,
        ),
    )


# Below: private.


def _rates(seen: Measures) -> _Rates:
    count = max(len(seen.seconds), 1)
    money = seen.micro_dollars
    return _Rates(
        prompt_tokens=int(seen.prompt_tokens.sum()) / count,
        completion_tokens=int(seen.completion_tokens.sum()) / count,
        micro_dollars=_mean(money.tolist()) if bool((money >= 0).all()) else None,
        seconds=_mean(seen.seconds.tolist()),
    )


def _with_judges(rates: _Rates, case: Case) -> _Rates:
    """*rates* per answer with what its judges took."""
    judged = case.evidence.judged
    if not judged.calls:
        return rates
    count = max(len(case.evidence.answers), 1) / orders.sparing(case.project, case.evidence)
    money = None
    if rates.micro_dollars is not None and judged.micro_dollars is not None:
        money = _shifted(rates.micro_dollars, judged.micro_dollars / count)
    return _Rates(
        prompt_tokens=rates.prompt_tokens + judged.prompt_tokens / count,
        completion_tokens=rates.completion_tokens + judged.completion_tokens / count,
        micro_dollars=money,
        seconds=_shifted(rates.seconds, judged.seconds / count),
    )


def _shifted(found: Interval, by: float) -> Interval:
    return replace(
        found, estimate=found.estimate + by, lower=found.lower + by, upper=found.upper + by
    )


def _mean(values: Sequence[float]) -> Interval:
    """The mean of what is not negative, with its interval; 0 before there is a value."""
    if not values:
        return Interval(estimate=0.0, lower=0.0, upper=0.0, alpha=0.05, method="no calls")
    found = clustering.robust_mean(sorted(values))
    lower, upper = clustering.t_interval(found) if len(values) > 1 else (found.value, found.value)
    return Interval(
        estimate=found.value, lower=max(lower, 0.0), upper=upper, alpha=0.05, method="mean-t"
    )


def _seconds_per_trained_token(case: Case, rates: _Rates) -> float:
    runs = [run for parts in case.evidence.trained.values() for run in parts if run.tokens]
    if runs:
        return sum(run.seconds for run in runs) / sum(run.tokens for run in runs)
    if case.project.hosting is not None:
        return 0.0
    return BACKWARD * rates.seconds_per_token


def _training_tokens(case: Case, recipe: TrainingRecipe, rates: _Rates) -> int:
    """Tokens of all epochs, at what the prompt of each ingredient took when it was measured."""
    tokens = 0.0
    for part in recipe.ingredients:
        system = case.system(case.project.task(part.task), part.prompt).digest
        seen = case.evidence.answers.measures(system)
        used = _rates(seen) if len(seen.seconds) else rates
        tokens += part.examples * (used.prompt_tokens + used.completion_tokens)
    return round(tokens * recipe.levers.epochs)
