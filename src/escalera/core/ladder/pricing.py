"""What a rung will cost, from what calls have cost so far: told before the rung is climbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.ladder.case import Case
from escalera.domain.event import Observed, Priced
from escalera.domain.project import RungName
from escalera.domain.recipe import TrainingRecipe

BACKWARD = 3
"""A training step costs about three forward passes (forward, and backward twice that)."""

DECODE = 10
"""An answer's token takes about as long as ten of a prompt, which are read in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """Means over the calls made so far."""

    prompt_tokens: float
    completion_tokens: float
    micro_dollars: float | None
    seconds: float

    @property
    def seconds_per_token(self) -> float:
        """Seconds to read one token of a prompt."""
        return self.seconds / max(self.prompt_tokens + DECODE * self.completion_tokens, 1.0)


def price(
    case: Case, rung: RungName, *, calls: int, recipes: Sequence[TrainingRecipe] = ()
) -> Priced:
    """The price of *calls* more calls and of the trainings, at the rates seen so far.

    Minutes are of model time; they rest on clock readings, everything else does not. Trainings
    are timed at the rate of those that ran before, and the first at three times what reading its
    tokens takes (forward once, backward twice).
    """
    rates = _rates(list(case.evidence.observed.values()))
    training = sum(_training_tokens(case, recipe, rates) for recipe in recipes)
    seconds = calls * rates.seconds + training * _seconds_per_trained_token(case, rates)
    money = None if rates.micro_dollars is None else round(calls * rates.micro_dollars)
    return Priced(
        rung=rung,
        calls=calls,
        prompt_tokens=round(calls * rates.prompt_tokens),
        completion_tokens=round(calls * rates.completion_tokens),
        training_tokens=training,
        micro_dollars=money,
        minutes=seconds / 60,
    )


# Below: private.


def _rates(seen: Sequence[Observed]) -> _Rates:
    count = max(len(seen), 1)
    costs = [entry.micro_dollars for entry in seen]
    known = [cost for cost in costs if cost is not None]
    return _Rates(
        prompt_tokens=sum(entry.usage.prompt_tokens for entry in seen) / count,
        completion_tokens=sum(entry.usage.completion_tokens for entry in seen) / count,
        micro_dollars=sum(known) / count if len(known) == len(costs) else None,
        seconds=sum(sorted(entry.seconds for entry in seen)) / count,
    )


def _seconds_per_trained_token(case: Case, rates: _Rates) -> float:
    runs = [run for run in case.evidence.trained.values() if run.tokens]
    if runs:
        return sum(run.seconds for run in runs) / sum(run.tokens for run in runs)
    return BACKWARD * rates.seconds_per_token


def _training_tokens(case: Case, recipe: TrainingRecipe, rates: _Rates) -> int:
    """Tokens of all epochs, at what the prompt of each ingredient took when it was measured."""
    tokens = 0.0
    for part in recipe.ingredients:
        system = case.system(case.project.task(part.task), part.prompt).digest
        seen = [entry for entry in case.evidence.observed.values() if entry.system == system]
        used = _rates(seen) if seen else rates
        tokens += part.examples * (used.prompt_tokens + used.completion_tokens)
    return round(tokens * recipe.levers.epochs)
