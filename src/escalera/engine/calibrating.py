"""Calibrating a panel: its judges grade what people graded, and answers are drawn for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from escalera.core.evaluation import judge as judges
from escalera.core.evaluation.calibration import Graded
from escalera.core.evidence import Evidence, fold
from escalera.domain.dataset import Example, Split
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.engine import labelling
from escalera.engine.judging import Submitted
from escalera.engine.labelling import Source
from escalera.engine.measuring import Means, Measurement
from escalera.engine.rechecking import Held, Rechecking
from escalera.ports import Journal, Provider

OF_LABELS = ""
"""Stands for the system of an answer that is only in a file of labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What people and the panel gave the same answers; `missing` were not judged for want of money
    or another cap, and `unasked` of those that were to be graded again.
    """

    answers: tuple[Graded, ...]
    missing: int
    unasked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftWish:
    """How many answers of the calibration are to be graded again, and whether to renew it."""

    again: int = 0
    renew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An answer that a person is to label."""

    item: Example
    reply: str


NO_WISH = DriftWish()


def run(project: Project, panel: Panel, means: Means, wish: DriftWish = NO_WISH) -> Labelled:
    """Let *panel* grade every answer that has a label; what it graded before is used.

    When all are graded, its calibration is kept, or held against the one that is. Raises
    `EvidenceMissing` for a wish that there are too few labels for.
    """
    measurement = Measurement(project, means)
    judged = [task for task in project.tasks if task.scorer == panel.scorer]
    items = {item.id: item for task in judged for item in task.examples}
    labels = [(label, items[label.item]) for task in judged for label in task.labels]
    answers = [
        Submitted(system=OF_LABELS, item=item, repeat=0, answer=label.reply)
        for label, item in labels
    ]
    grades = asyncio.run(_graded(measurement, panel, answers, means.provider))
    held = [
        Held(answer=answer, given=given, people=label.score)
        for (label, _), answer, given in zip(labels, answers, grades, strict=True)
        if given is not None
    ]
    unasked = 0
    if held and len(held) == len(labels):
        unasked = _recheck(measurement, project, panel, held, means, wish)
    found = [
        Graded(
            task=item.task,
            cluster=item.cluster,
            people=label.scores,
            given=given,
            score=judges.conclude(panel, given),
        )
        for (label, item), given in zip(labels, grades, strict=True)
        if given is not None
    ]
    return Labelled(answers=tuple(found), missing=len(labels) - len(found), unasked=unasked)


def draw(
    project: Project,
    panel: Panel,
    journal: Journal,
    name_routes: Callable[[Evidence], Sequence[Route]],
    *,
    split: Split,
    count: int,
) -> tuple[Drawn, ...]:
    """Answers for people to label: of each task that *panel* judges, *count* items at random.

    The items are the first without a label, in the order of `labelling.drawn`. Of each item the
    answers of all routes are drawn, equal ones once, in an order that does not tell whose they are.
    """
    evidence = fold(journal.events())
    routes = name_routes(evidence)
    return tuple(
        Drawn(item=answered.item, reply=text)
        for task in project.tasks
        if task.scorer == panel.scorer
        for answered in labelling.drawn(
            Source(project=project, evidence=evidence, journal=journal),
            task,
            routes,
            split=split,
            count=count,
            without={label.item for label in task.labels},
        )
        for text in answered.texts()
    )


# Below: private.


def _recheck(
    measurement: Measurement,
    project: Project,
    panel: Panel,
    held: Sequence[Held],
    means: Means,
    wish: DriftWish,
) -> int:
    """Keep a calibration or read the drift; how many answers were not graded again."""
    rechecking = Rechecking(
        panel=panel,
        policy=project.policy,
        evidence=measurement.evidence,
        record=measurement.record,
    )

    async def regrade(
        answers: Sequence[Submitted], number: int
    ) -> Sequence[tuple[judges.Given, ...] | None]:
        return await _graded(measurement, panel, answers, means.provider, anew=number)

    unasked = 0
    rechecking.labels(held)
    if wish.again:
        unasked = asyncio.run(rechecking.again(held, wish.again, regrade))
    if wish.renew:
        rechecking.renew(held)
    return unasked


async def _graded(
    measurement: Measurement,
    panel: Panel,
    answers: Sequence[Submitted],
    provider: Callable[[str], Provider],
    *,
    anew: int = 0,
) -> list[tuple[judges.Given, ...] | None]:
    made = {model: provider(model) for model in panel.models} if answers else {}
    try:
        return await measurement.judging(made.__getitem__).grades(panel, answers, anew=anew)
    finally:
        for one in made.values():
            await one.close()
