"""What is made of the wish for a job: a recipe, and the reason for whatever was left open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from escalera.core.finetuning import effort, rates
from escalera.core.finetuning.rates import RateTrial, TriedRate
from escalera.domain.job import JobWish
from escalera.domain.levers import ADAPTERS, BETA, Effort, Levers, Method, Trainable
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.domain.training import RateTried

OWN_WEIGHTS = (
    "What learns are weights of the model itself: every state that is published takes the disk of "
    "those weights, and while it answers their memory."
)
MOST_EVENTS = 500
"""Steps of a job that are told one by one; of more, evenly spread ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What the project says of trainings: levers by name, those that differ where all weights
    learn, and its effort. None is what it does not say.
    """

    levers: Mapping[str, Any]
    full: Mapping[str, Any] = field(default_factory=dict)
    effort: Effort = "normal"


def recipe(
    wish: JobWish, usual: Usual, *, revision: str, file: str, examples: int
) -> tuple[TrainingRecipe, tuple[str, ...]]:
    """The recipe of a wish, and in words why it is as it is.

    What the wish says goes before what is *usual*. *file* is the digest of the training file, which
    has so many *examples*. A learning rate that nobody says is None: it is to be found.
    """
    asked = wish.hyperparameters
    notes = []
    said = _levers_said(usual, wish.trainable)
    if asked.n_epochs is not None:
        said["epochs"] = asked.n_epochs
    found = effort.settings(wish.effort or usual.effort, said)
    levers = effort.levers(found, seed=wish.seed)
    reasons = {one.lever: one.reason for one in found}
    if asked.n_epochs is None:
        notes.append(f"n_epochs is {levers.epochs}: {reasons['epochs']}.")
    if asked.batch_size is None:
        notes.append(
            f"batch_size: as many examples as have {levers.batch_tokens} tokens together "
            f"({reasons['batch_tokens']}){_fewer(levers)}."
        )
    if wish.objective == "preference" and asked.beta is None:
        notes.append(f"beta is {BETA:g}, which Rafailov et al. 2023 took.")
    trainable = wish.trainable or effort.trainable(found)
    if wish.origin is not None:
        notes.append(f"The job goes on from {wish.model}: {_kind(trainable)}.")
    if not trainable.factors:
        notes.append(OWN_WEIGHTS)
    elif wish.trainable is None:
        notes.append(f"The adapter has the rank {_value(found, 'rank')}: {reasons['rank']}.")
    multiplier = asked.learning_rate_multiplier or 1.0
    rate = None if levers.learning_rate is None else levers.learning_rate * multiplier
    notes.append(_of_rate(rate, multiplier, reasons["learning_rate"]))
    made = TrainingRecipe(
        model=wish.base,
        revision=revision,
        ingredients=(
            Ingredient(task="", prompt=Prompt(), examples=examples, data=file, file=file),
        ),
        trainable=trainable,
        levers=replace(levers, learning_rate=rate, batch_examples=asked.batch_size),
        objective=wish.objective,
        beta=asked.beta or BETA,
        origin="" if wish.origin is None else wish.origin.adapter,
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


def _fewer(levers: Levers) -> str:
    least = levers.fewest_steps
    return f", or fewer where that makes less than {least} steps" if least else ""


def _levers_said(usual: Usual, wanted: Trainable | None) -> dict[str, Any]:
    """The levers that the project says. A rate that it says holds for weights of the same kind."""
    said = {name: value for name, value in usual.levers.items() if value is not None}
    theirs: Method = said.get("method", "lora")
    method = theirs if wanted is None else wanted.method
    if method != theirs and not (method in ADAPTERS and theirs in ADAPTERS):
        for name in ("learning_rate", "weight_decay"):
            said.pop(name, None)
        if method == "full":
            said |= {name: value for name, value in usual.full.items() if value is not None}
    return said | {"method": method}


def _kind(trainable: Trainable) -> str:
    if trainable.factors:
        return f"its adapter by {trainable.method!r}, of rank {trainable.rank}, learns on"
    return f"its weights take the place of the base's, and {trainable.method!r} says which learn"


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
