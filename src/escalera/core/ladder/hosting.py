"""Trainings at the model's provider: what a job is asked for, and the most that it can cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from escalera.core.ladder import teaching
from escalera.core.ladder.caps import MILLION, NOTHING, PER_TURN, Cost
from escalera.core.ladder.case import Case
from escalera.domain.levers import Levers, Trainable
from escalera.domain.project import Project
from escalera.domain.recipe import Ingredient, TrainingPair, TrainingRecipe


def recipe(project: Project, ingredients: Sequence[Ingredient]) -> TrainingRecipe:
    """A training by a job; which weights learn and how fast is the provider's own choice."""
    hosting = project.hosting
    if hosting is None:
        raise AssertionError("the model of this project is trained here")
    return TrainingRecipe(
        model=project.model.name,
        revision=project.model.revision,
        ingredients=tuple(ingredients),
        trainable=Trainable(),
        levers=Levers(
            learning_rate=None,
            epochs=hosting.hyperparameters.n_epochs or 1,
            seed=project.policy.seed,
        ),
        objective=project.objective,
        hosted=hosting.hyperparameters,
    )


def most(case: Case, made_from: TrainingRecipe) -> Cost:
    """An upper bound of what a job still to be begun costs; nothing of a training on this machine.

    Where a teacher's answers are taught, the items' own stand for them: the engine, which has them,
    reckons anew before the job is begun.
    """
    begun = case.evidence.hosted.get(made_from.digest)
    if made_from.hosted is None or (begun is not None and begun.state == "begun"):
        return NOTHING
    pairs = teaching.pairs(case.project, case.evidence, made_from, _own)
    return Cost(micro_dollars=charge(case.project, tokens(pairs, made_from)) or 0)


def tokens(pairs: Sequence[TrainingPair], made_from: TrainingRecipe) -> int:
    """At most so many tokens are trained on: one for each byte, in every epoch."""
    once = sum(
        sum(len(turn.content.encode()) + PER_TURN for turn in pair.messages)
        + len(pair.target.encode())
        + len((pair.rejected or "").encode())
        + 2 * PER_TURN
        for pair in pairs
    )
    return once * made_from.levers.epochs


def charge(project: Project, trained: int) -> int | None:
    """Micro-dollars of so many training tokens, rounded up; None where the price is unknown."""
    price = None if project.hosting is None else project.hosting.price
    return None if price is None else -(-trained * price // MILLION)


# Below: private.


def _own(answers: str) -> Mapping[str, str]:
    del answers
    return {}
