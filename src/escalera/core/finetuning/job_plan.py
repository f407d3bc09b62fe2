"""What is made of the wish for a job: a recipe, and the reason for whatever was left open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from escalera.core.finetuning import effort, rates
from escalera.core.finetuning.rates import RateTrial, TriedRate
from escalera.domain.job import JobWish
from escalera.domain.levers import ADAPTERS, Effort
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.domain.training import RateTried

BETA = 0.1
"""How strongly a preference holds to the model before, unless it is said: what the paper took."""
MOST_EVENTS = 500
"""Steps of a job that are told one by one; of more, evenly spread ones."""


def recipe(
    wish: JobWish,
    given: Mapping[str, Any],
    dial: Effort,
    *,
    revision: str,
    file: str,
    examples: int,
) -> tuple[TrainingRecipe, tuple[str, ...]]:
    """The recipe of a wish, and in words why it is as it is.

    *given* are the levers that the project says, by name, and *dial* its effort; what the wish says
    goes before. *file* is the digest of the training file, which has so many *examples*. A learning
    rate that nobody says is None: it is to be found.
    """
    asked = wish.hyperparameters
    said = {name: value for name, value in given.items() if value is not None}
    notes = []
    if said.get("method", "lora") not in ADAPTERS:
        notes.append(
            f"The method is 'lora' and not {said['method']!r}, as the project says: what a job "
            "learns is kept beside the weights, so that it can be served with others."
        )
        said["method"] = "lora"
    if asked.n_epochs is not None:
        said["epochs"] = asked.n_epochs
    found = effort.settings(wish.effort or dial, said)
    levers = effort.levers(found, seed=wish.seed)
    reasons = {one.lever: one.reason for one in found}
    if asked.n_epochs is None:
        notes.append(f"n_epochs is {levers.epochs}: {reasons['epochs']}.")
    if asked.batch_size is None:
        notes.append(
            f"batch_size: as many examples as have {levers.batch_tokens} tokens together "
            f"({reasons['batch_tokens']})."
        )
    if wish.objective == "preference" and asked.beta is None:
        notes.append(f"beta is {BETA:g}, which Rafailov et al. 2023 took.")
    if wish.trainable is None:
        notes.append(f"The adapter has the rank {_value(found, 'rank')}: {reasons['rank']}.")
    multiplier = asked.learning_rate_multiplier or 1.0
    rate = None if levers.learning_rate is None else levers.learning_rate * multiplier
    notes.append(_of_rate(rate, multiplier, reasons["learning_rate"]))
    made = TrainingRecipe(
        model=wish.model,
        revision=revision,
        ingredients=(
            Ingredient(task="", prompt=Prompt(), examples=examples, data=file, file=file),
        ),
        trainable=wish.trainable or effort.trainable(found),
        levers=replace(levers, learning_rate=rate, batch_examples=asked.batch_size),
        objective=wish.objective,
        beta=asked.beta or BETA,
    )
    return made, tuple(notes)


def trial(made: TrainingRecipe, tried: Sequence[RateTried]) -> RateTrial | None:
    """The next learning rate to be tried; None where the rate is said, or is settled."""
    if made.levers.learning_rate is not None:
        return None
    return rates.following(rates.grid(made.trainable, made.levers), [_read(one) for one in tried])


def rated(
    made: TrainingRecipe, tried: Sequence[RateTried], multiplier: float | None
) -> TrainingRecipe | None:
    """The recipe with the rate that the trials came to; None where every rate diverged."""
    if made.levers.learning_rate is not None:
        return made
    grid = rates.grid(made.trainable, made.levers)
    found = rates.chosen(grid, [_read(one) for one in tried])
    if found is None:
        return None
    levers = replace(made.levers, learning_rate=found * (multiplier or 1.0))
    return replace(made, levers=levers)


def pauses(epochs: int, most: int) -> tuple[float, ...]:
    """After which shares of the steps a state of the model is kept, the last of them the end.

    These are the ends of the last epochs, or, where there are fewer of those, evenly spread.
    """
    if epochs >= most:
        return tuple(epoch / epochs for epoch in range(epochs - most + 1, epochs + 1))
    return tuple(place / most for place in range(1, most + 1))


def is_told(step: int, planned: int) -> bool:
    """Whether a step is told by itself: the first, the last, and evenly spread ones between."""
    return step in (1, planned) or step % math.ceil(planned / MOST_EVENTS) == 0


# Below: private.


def _value(found: Sequence[effort.Setting], lever: str) -> Any:
    return next(one.value for one in found if one.lever == lever)


def _of_rate(rate: float | None, multiplier: float, reason: str) -> str:
    times = "" if multiplier == 1.0 else f", times {multiplier:g} as the job says"
    if rate is None:
        return f"The learning rate is looked for in short trainings before{times}."
    return f"The learning rate is {rate:g} {reason}{times}."


def _read(event: RateTried) -> TriedRate:
    return TriedRate(
        trial=RateTrial(rate=event.rate, share=event.share),
        loss=math.inf if event.loss is None else event.loss,
    )
