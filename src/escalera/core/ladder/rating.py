"""The learning rate of a recipe that leaves it open: found once for a model and its levers."""

from __future__ import annotations

import math
from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.finetuning import rates
from escalera.core.finetuning.rates import RateTrial, TriedRate
from escalera.core.ladder.steps import TryRate
from escalera.domain.identity import digest_of
from escalera.domain.project import RungName
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import RateTried
from escalera.errors import TrainingError


def question(recipe: TrainingRecipe) -> str:
    """What a rate is found for: all of a recipe but its data."""
    levers = replace(recipe.levers, learning_rate=None)
    asked = [recipe.model, recipe.revision, recipe.trainable, levers, recipe.objective, recipe.beta]
    return digest_of([*asked, recipe.softened] if recipe.softened is not None else asked)


def settled(evidence: Evidence, recipe: TrainingRecipe) -> TrainingRecipe:
    """*recipe* with the rate that was found, or as it is while there is none."""
    if recipe.levers.learning_rate is not None or recipe.hosted is not None:
        return recipe
    if _following(evidence, recipe) is not None:
        return recipe
    grid = rates.grid(recipe.trainable, recipe.levers)
    found = rates.chosen(grid, _tried(evidence, recipe))
    return replace(recipe, levers=replace(recipe.levers, learning_rate=found))


def step(evidence: Evidence, rung: RungName, recipe: TrainingRecipe) -> TryRate | None:
    """The next trial for a recipe whose rate is open; None when it is settled.

    Raises `TrainingError` when every rate diverged.
    """
    if recipe.levers.learning_rate is not None or recipe.hosted is not None:
        return None
    trial = _following(evidence, recipe)
    if trial is None:
        lowest = rates.grid(recipe.trainable, recipe.levers)[0]
        raise TrainingError(
            f"every learning rate from {lowest:g} on diverged. Look at the training examples "
            "(`escalera data check`) and at the model, or set training.learning_rate."
        )
    return TryRate(rung=rung, recipe=recipe, trial=trial)


# Below: private.


def _following(evidence: Evidence, recipe: TrainingRecipe) -> RateTrial | None:
    return rates.following(rates.grid(recipe.trainable, recipe.levers), _tried(evidence, recipe))


def _tried(evidence: Evidence, recipe: TrainingRecipe) -> list[TriedRate]:
    return [_read(event) for event in evidence.rates.get(question(recipe), [])]


def _read(event: RateTried) -> TriedRate:
    return TriedRate(
        trial=RateTrial(rate=event.rate, share=event.share),
        loss=math.inf if event.loss is None else event.loss,
    )
