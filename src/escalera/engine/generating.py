"""Asking a model for examples, and others for answers to them and grades of those.

Whatever is bought is journalled before it is used, comes from the caps of the project, and is found
again: a run that was cut off goes on, and one that ended can be repeated for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from escalera.core.data import generating
from escalera.core.data.generating import Draft
from escalera.core.evaluation import judge as judges
from escalera.core.evaluation.judge import Grade
from escalera.core.ladder.steps import Call
from escalera.core.prompts import templates
from escalera.domain.dataset import Example
from escalera.domain.event import Observed
from escalera.domain.generation import Generated, Style
from escalera.domain.identity import digest_of
from escalera.domain.judge import Panel
from escalera.domain.message import Decoding
from escalera.domain.project import Project
from escalera.domain.scoring import Score, Submission, unscored
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task
from escalera.engine.judging import Submitted, submitted
from escalera.engine.measuring import Means, Measurement
from escalera.ports import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes examples of a task, and how it is asked.

    Of `system` the model and its adapter write; its prompt is that of the task, and is not used.
    A call shows `shots` items and asks for `rows`.
    """

    task: Task
    system: System
    style: Style = "rows"
    shots: int = 6
    rows: int = 5
    temperature: float = 1.0
    seed: int = 0

    def call(self, number: int) -> Call:
        """The call of this number: other items are shown, and another seed is drawn with."""
        name = f"{self.task.name}/generated/{number}"
        shown = self.shown(number)
        query = generating.asked(shown, self.style, rows=self.rows)
        item = Example(
            id=name,
            task=self.task.name,
            split="train",
            input=query.input,
            target="",
            cluster=name,
            history=query.history,
        )
        return Call(system=self._asked, item=item, repeat=number)

    def shown(self, number: int) -> tuple[Example, ...]:
        """The items that a call shows."""
        items = generating.showable(self.task)
        return generating.shown(items, call=number, count=self.shots, seed=self.seed)

    @property
    def _asked(self) -> System:
        task = self.task
        most = generating.longest(
            generating.showable(task), self.style, rows=self.rows, answer=task.max_tokens
        )
        told = generating.told(task.parts, task.title, self.style)
        return replace(
            self.system,
            prompt=Prompt(system=templates.literal(told)),
            decoding=Decoding(max_tokens=most, temperature=self.temperature, seed=self.seed),
            output=None,
        )


class Untold:
    """Scores nothing: what is answered here has no target yet."""

    async def score(self, scorer: str, answers: Sequence[Submission]) -> Sequence[Score]:
        """No score, with the reason."""
        del scorer
        return [unscored(NO_TARGET)] * len(answers)

    async def close(self) -> None:
        """Nothing is held."""


NO_TARGET = "the question has no target to score by"


class Generator:
    """Buys what is written, answered and graded for one project."""

    def __init__(self, project: Project, means: Means) -> None:
        self._project = project
        self._measurement = Measurement(project, means)
        self._means = means

    def replies(self, writer: Writer, count: int) -> list[Generated]:
        """The replies to the first *count* calls of *writer*, or to as many as the caps allow."""
        calls = {call.request_key: call for call in map(writer.call, range(count))}
        known = self._measurement.evidence.generated
        new = [call for key, call in calls.items() if key not in known]
        if new:
            shown = {key: writer.shown(call.repeat) for key, call in calls.items()}

            def record(heard: Sequence[Observed]) -> None:
                self._measurement.record(
                    [_generated(writer, seen, shown[seen.request]) for seen in heard]
                )

            self._ask(
                writer.system.model,
                lambda provider: self._measurement.evaluator(
                    provider, scoring=Untold(), record=record
                ).perform(new, purpose="generating"),
            )
        return [known[key] for key in calls if key in known]

    def answers(self, system: System, drafts: Sequence[Draft], task: Task) -> list[str | None]:
        """What *system* answers to the inputs of *drafts*; None where a cap came before."""
        calls = [Call(system=system, item=question(draft, task)) for draft in drafts]
        self._ask(
            system.model,
            lambda provider: self._measurement.evaluator(provider, scoring=Untold()).perform(
                calls, purpose="answering"
            ),
        )
        evidence = self._measurement.evidence
        done = [call for call in calls if evidence.asked(call.system, call.item)]
        said = {one.item.id: one.answer for one in submitted(self._means.journal, done)}
        return [said.get(call.item.id) for call in calls]

    def grades(self, panel: Panel, drafts: Sequence[Draft], task: Task) -> list[Grade | None]:
        """What a panel gives targets as answers, by themselves; None where a cap came before.

        A judge that is shown the target otherwise is not shown it: it would grade a text by itself.
        """
        alone = replace(
            panel, judges=tuple(replace(judge, reference=False) for judge in panel.judges)
        )
        answers = [
            Submitted(system="", item=question(draft, task), repeat=0, answer=draft.target)
            for draft in drafts
        ]
        given = asyncio.run(self._graded(alone, answers, task))
        return [None if one is None else judges.conclude(alone, one) for one in given]

    def _ask(self, model: str, asking: Callable[[Provider], Coroutine[Any, Any, None]]) -> None:
        async def ask() -> None:
            provider = self._means.provider(model)
            try:
                await asking(provider)
            finally:
                await provider.close()

        asyncio.run(ask())

    async def _graded(
        self, panel: Panel, answers: Sequence[Submitted], task: Task
    ) -> list[tuple[judges.Given, ...] | None]:
        tasks = [
            replace(one, scorer=panel.scorer) if one.name == task.name else one
            for one in self._project.tasks
        ]  # the panel may be another one than that of the task, which a rule may score
        judged = Measurement(replace(self._project, tasks=tuple(tasks)), self._means)
        made = {model: self._means.provider(model) for model in panel.models} if answers else {}
        try:
            return await judged.judging(made.__getitem__).grades(panel, answers)
        finally:
            for one in made.values():
                await one.close()


def question(draft: Draft, task: Task) -> Example:
    """A draft as an item without a target; its name is made of what it asks."""
    name = f"{task.name}/{name_of(draft)}"
    return Example(
        id=name, task=task.name, split="train", input=draft.input, target="", cluster=name
    )


def name_of(draft: Draft) -> str:
    """The id of a generated row."""
    return f"generated-{digest_of(draft.input)[:16]}"


# Below: private.


def _generated(writer: Writer, seen: Observed, shown: Sequence[Example]) -> Generated:
    return Generated(
        task=writer.task.name,
        model=writer.system.model,
        style=writer.style,
        request=seen.request,
        shown=tuple(item.id for item in shown),
        reply=seen.reply,
        finish=seen.finish,
        attempts=seen.attempts,
        usage=seen.usage,
        micro_dollars=seen.micro_dollars,
        revision=seen.revision,
        seconds=seen.seconds,
    )
