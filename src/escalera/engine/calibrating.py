"""Calibrating a panel: its judges grade what people graded, and answers are drawn for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from escalera.core.evaluation import judge as judges
from escalera.core.evaluation.calibration import Graded
from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Call
from escalera.core.prompts import rendering
from escalera.domain.dataset import Example, Examples, Split
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.engine.judging import Submitted
from escalera.engine.measuring import Means, Measurement
from escalera.ports import Journal, Provider

OF_LABELS = ""
"""Stands for the system of an answer that is only in a file of labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What people and the panel gave the same answers; `missing` were not judged for want of money
    or another cap.
    """

    answers: tuple[Graded, ...]
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An answer that a person is to label."""

    item: Example
    reply: str


def run(project: Project, panel: Panel, means: Means) -> Labelled:
    """Let *panel* grade every answer that has a label; what it graded before is used."""
    measurement = Measurement(project, means)
    judged = [task for task in project.tasks if task.scorer == panel.scorer]
    items = {item.id: item for task in judged for item in task.examples}
    labels = [(label, items[label.item]) for task in judged for label in task.labels]
    answers = [
        Submitted(system=OF_LABELS, item=item, repeat=0, answer=label.reply)
        for label, item in labels
    ]
    grades = asyncio.run(_graded(measurement, panel, answers, means.provider))
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
    return Labelled(answers=tuple(found), missing=len(labels) - len(found))


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

    The items are the first without a label in a keyed order that knows nothing of the answers, so
    that labels given in several sittings are one random sample. Of each item the answers of all
    routes are drawn, equal ones once, in an order that does not tell whose they are.
    """
    evidence = fold(journal.events())
    routes = name_routes(evidence)
    found: list[Drawn] = []
    for task in project.tasks:
        if task.scorer != panel.scorer:
            continue
        known = {label.item for label in task.labels}
        answered = Examples(
            item
            for item in task.items(split)
            if item.id not in known
            and all(evidence.asked(evidence.answering(route, item), item) for route in routes)
        )
        for item in answered.in_order(seed=project.policy.seed + 1)[:count]:
            calls = [
                materials.call(project, evidence, evidence.answering(route, item), item)
                for route in routes
            ]
            texts = _texts(calls, journal)
            found += [Drawn(item=item, reply=text) for text in texts]
    return tuple(found)


# Below: private.


async def _graded(
    measurement: Measurement,
    panel: Panel,
    answers: Sequence[Submitted],
    provider: Callable[[str], Provider],
) -> list[tuple[judges.Given, ...] | None]:
    made = {model: provider(model) for model in panel.models} if answers else {}
    try:
        return await measurement.judging(made.__getitem__).grades(panel, answers)
    finally:
        for one in made.values():
            await one.close()


def _texts(calls: Sequence[Call], journal: Journal) -> list[str]:
    """The answers to calls for one item, each once, sorted by their text."""
    known = journal.bought([call.request_key for call in calls])
    texts = {
        rendering.answer(call.system.prompt, known[call.request_key].reply)
        for call in calls
        if known[call.request_key].finish is not None
    }
    return sorted(texts)
