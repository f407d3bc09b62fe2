"""What a climb trains and merges with on this machine; torch is loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from escalera.core.ladder import combining
from escalera.core.prompts import rendering
from escalera.domain.levers import Engine
from escalera.domain.project import TRAINING, Project
from escalera.domain.recipe import TrainingPair
from escalera.domain.system import Prompt
from escalera.edges.clock import SystemClock
from escalera.errors import ProjectError, TrainingError
from escalera.ports import Merger, Trainer
from escalera.wiring import Installation, models
from escalera.wiring.models import cores, require_engine, require_local

if TYPE_CHECKING:
    from escalera.edges.training.local import Steps


def trainer(of: Installation) -> Trainer:
    """What trains the models of a project. Raises `MissingExtra`."""
    require_local("training")
    from escalera.edges.providers import chat_text
    from escalera.edges.training.local import LocalTrainer
    from escalera.edges.training.session import Memory

    memory = of.tables.training.memory
    local = {name: table for name, table in of.tables.models.items() if table.local}
    folders = {name: models.folder(of.file, table) for name, table in local.items()}
    base = of.tables.models[of.project.model.name]
    threads = 1 if models.is_tiny(folders[of.project.model.name]) else base.threads or cores()
    return LocalTrainer(
        folders=folders,
        checkpoints=of.checkpoints,
        clock=SystemClock(),
        threads=threads,
        memory=Memory(pass_tokens=memory.pass_tokens, recompute=memory.recompute),
        engines=_engines(of.project.engine),
        asked={name: partial(chat_text.asked, name, folder) for name, folder in folders.items()},
    )


def require_levers(of: Installation) -> None:
    """Raise `ProjectError` where the model does not have what is named to be trained of it, or not
    the vocabulary of the one whose distribution it is to learn.

    So that it is told before anything is bought. Raises `MissingExtra`.
    """
    project = of.project
    asked, softened = project.trainable, project.softened
    named = asked.targets or asked.layers or asked.tokens or asked.method == "partial" or softened
    if not (named and _trains(project)):
        return
    require_local("training")
    from escalera.edges.training import loading, weights

    key, name = "training.weights", project.model.name
    try:
        found = loading.outline(models.folder(of.file, of.tables.models[name]))
        weights.require(*found, asked)
        if softened is not None:
            key, table = "training.softened", of.tables.models[softened.model]
            other = loading.outline(models.folder(of.file, table))
            loading.require_one_vocabulary((name, *found), (softened.model, *other))
    except TrainingError as error:
        raise ProjectError(
            file=str(of.file),
            key=key,
            problem=f"does not fit the model {name!r}: {str(error).rstrip('.')}",
            remedy="`escalera doctor` looks again, and spends nothing on it",
        ) from error


def require_mergeable(of: Installation) -> None:
    """Raise `ProjectError` where the rung `merge` would have the adapters of experts to merge.

    What a mixture of experts learns beside its weights is no sum of matrices. It would come to
    light when every specialist is trained.
    """
    project, name = of.project, of.project.model.name
    asked = project.trainable
    plain = asked.targets or not asked.factors or not combining.can_be_merged(asked)
    if plain or "merge" not in project.policy.rungs or not project.model.trainable:
        return
    if models.experts(models.folder(of.file, of.tables.models[name])) > 1:
        raise ProjectError(
            file=str(of.file),
            key="climb.rungs",
            problem=f"has 'merge', and {name!r} is a mixture of experts, whose adapters cannot be "
            "merged exactly",
            remedy="Name the rungs without 'merge', or the layers that are adapted in "
            "training.weights.targets, without those of the experts",
        )


def require_told(of: Installation) -> None:
    """Raise `ProjectError` where no conversation can be taught with the model's chat template.

    Rungs that only prompt do not need that. Raises `MissingExtra`.
    """
    project, name = of.project, of.project.model.name
    if not _trains(project):
        return
    require_local("training")
    from escalera.edges.training import loading

    try:
        loading.light_teaching(models.folder(of.file, of.tables.models[name])).require()
    except TrainingError as error:
        raise ProjectError(
            file=str(of.file),
            key=f"models.{name}",
            problem=f"cannot be trained: {str(error).rstrip('.')}",
            remedy="Or leave the rungs that train out of climb.rungs",
        ) from error


def misfits(of: Installation) -> list[str]:
    """In words, by task, what is too long to be taught or to be said, whatever the prompt.

    Only the items with the longest texts are looked at. Raises `EscaleraError` where the model
    cannot be read or nothing can be taught to it.
    """
    project, name = of.project, of.project.model.name
    if not _trains(project):
        return []
    from escalera.edges.training import loading

    teaching = loading.light_teaching(models.folder(of.file, of.tables.models[name]))
    found = []
    for task in project.tasks:
        items = task.items("train")
        asked = [rendering.conversation(Prompt(), item.query) for item in items]
        pairs = [
            TrainingPair(messages=messages, target=item.target)
            for messages, item in zip(asked, items, strict=True)
        ]
        if not pairs:
            continue
        most, answer = teaching.longest(sorted(pairs, key=_characters)[-_LONGEST:])
        if teaching.context is not None and most > teaching.context:
            found.append(
                f"{task.name}: a train item has {most} tokens without any prompt, and the context "
                f"of {name} holds {teaching.context}: shorten it, or leave it out"
            )
        if answer > task.max_tokens:
            found.append(
                f"{task.name}: a target has {answer} tokens, and answers are cut at max_tokens = "
                f"{task.max_tokens}: raise tasks.{task.name}.max_tokens, or what was taught is cut"
            )
    return found


def merger(of: Installation) -> Merger:
    """What merges what was trained from the project's base model. Raises `MissingExtra`."""
    require_local("merging")
    from escalera.edges.merging.tuned_weights import TrainedMerger

    return TrainedMerger(models.folder(of.file, of.tables.models[of.project.model.name]))


# Below: private.

_LONGEST = 20
"""Items of a task whose tokens are counted."""


def _trains(project: Project) -> bool:
    """Whether a climb may come to train the project's model."""
    return project.model.trainable and any(rung in TRAINING for rung in project.policy.rungs)


def _characters(pair: TrainingPair) -> int:
    return len(pair.target) + sum(len(one.content) for one in pair.messages)


def _engines(engine: Engine) -> Mapping[str, Steps]:
    """What does the steps of trainings, besides the own loop; TRL is loaded where it is asked."""
    if engine == "own":
        return {}
    require_engine(engine)
    from escalera.edges.training import trl_steps

    return {"trl": trl_steps.steps}
