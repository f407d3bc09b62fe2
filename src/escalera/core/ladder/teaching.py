"""The conversations that a recipe teaches, from the tasks' items and the prompts around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.prompts import rendering
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.message import Message
from escalera.domain.project import Project
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.errors import EvidenceMissing

Answers = Callable[[str], Mapping[str, str]]
"""From the digest of answers that are taught instead of targets to these, by item."""


def pairs(
    project: Project, evidence: Evidence, recipe: TrainingRecipe, answers: Answers
) -> list[TrainingPair]:
    """The conversations of a recipe. Raises `EvidenceMissing` when the data have changed since.

    Where the prompt chooses passages for each query, it has chosen them for the `train` items too,
    and none that was made from them: an adapter is taught with the material that it will see, and
    not to read the answer off it (Zhang et al. 2024, arXiv 2403.10131).
    """
    found: list[TrainingPair] = []
    for ingredient in recipe.ingredients:
        items = materials.taught(project, ingredient)
        if digest_of([item.digest for item in items]) != ingredient.data:
            raise EvidenceMissing(
                f"the train items of {ingredient.task!r} are not those of the recipe "
                f"{recipe.digest[:12]}: restore the data file, or climb again"
            )
        told = answers(ingredient.answers)
        found.extend(
            TrainingPair(
                messages=_said(project, evidence, ingredient.prompt, item),
                target=told.get(item.id, item.target),
                rejected=item.rejected or None,
                task=ingredient.task,
                item=item.id,
                cluster=item.cluster,
            )
            for item in items
        )
    return found


# Below: private.


def _said(
    project: Project, evidence: Evidence, prompt: Prompt, item: Example
) -> tuple[Message, ...]:
    material = materials.of(project, evidence, prompt, item) or rendering.NO_MATERIAL
    return rendering.conversation(prompt, item.query, material)
