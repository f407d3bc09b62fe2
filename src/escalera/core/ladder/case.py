"""One climb as the planner sees it: the project, the evidence, and the questions asked of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Example
from escalera.domain.message import Decoding
from escalera.domain.project import Project, RungName
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.task import Task

THINKING = 256
"""Tokens for reasoning, on top of the task's longest answer, where a prompt asks to think first."""


PROMPTING: tuple[RungName, ...] = ("prompt", "search", "examples")
"""The rungs that change what a model is told, and nothing that has to be trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The project and what is known of it."""

    project: Project
    evidence: Evidence

    @property
    def router(self) -> str | None:
        """The router in front of every route, or None where the query type is declared."""
        if self.project.policy.query_type == "declared" or len(self.project.tasks) == 1:
            return None
        return self.evidence.routers[-1].router

    def system(self, task: Task, prompt: Prompt, adapter: str | None = None) -> System:
        """The base model with a prompt and, perhaps, an adapter."""
        return System(
            model=self.project.model.name,
            revision=self.project.model.revision,
            prompt=prompt,
            decoding=Decoding(max_tokens=task.max_tokens + (THINKING if prompt.marker else 0)),
            adapter=adapter,
        )

    def route(self, systems: dict[str, System]) -> Route:
        """A route with one system per task of the project, in the project's order."""
        branches = tuple(
            Branch(task=task.name, system=systems[task.name]) for task in self.project.tasks
        )
        return Route(branches=branches, router=self.router)

    def with_adapter(self, route: Route, adapter: str) -> Route:
        """*route* with every branch answered through one adapter."""
        return self.route(
            {branch.task: replace(branch.system, adapter=adapter) for branch in route.branches}
        )

    def failing(self) -> tuple[Task, ...]:
        """The tasks for which prompting was shown inadequate, by the last prompting rung."""
        return self.failing_by(self._last(PROMPTING))

    def failing_before(self, rung: RungName) -> tuple[Task, ...]:
        """The tasks that the prompting rungs below *rung* were shown to be inadequate for."""
        return self.failing_by(self._last(PROMPTING[: PROMPTING.index(rung)]))

    def failing_by(self, rung: RungName) -> tuple[Task, ...]:
        """The tasks that *rung* was shown to be inadequate for."""
        found = []
        for task in self.project.tasks:
            decided = self.evidence.decision(rung, task.name)
            if decided is not None and decided.outcome == "inadequate":
                found.append(task)
        return tuple(found)

    def incumbent(self) -> Route | None:
        """The best route that prompting put forward: what finetuning must not break."""
        found = (self.evidence.nominee(rung) for rung in reversed(PROMPTING))
        return next((route for route in found if route is not None), None)

    def incumbent_of(self, rung: RungName) -> Route | None:
        """What a route of *rung* is held against: nothing on the prompting rungs."""
        return None if rung in PROMPTING else self.incumbent()

    def unprompted(self) -> Route:
        """The best wording: short prompts, which an adapter is trained under."""
        route = self.evidence.nominee("search") or self.evidence.nominee("prompt")
        if route is None:
            raise LookupError("the prompt rung has nominated no route")
        return route

    def _last(self, names: tuple[RungName, ...]) -> RungName:
        """The last of the rungs *names* that was decided; the first where none was."""
        decided = [rung for rung in names if self.evidence.decision(rung, "") is not None]
        return decided[-1] if decided else names[0]

    def calls(self, route: Route, items: tuple[Example, ...]) -> tuple[Call, ...]:
        """The calls that *route* needs for *items*, system by system."""
        found = [Call(system=self.evidence.answering(route, item), item=item) for item in items]
        order = {branch.system.digest: n for n, branch in reversed([*enumerate(route.branches)])}
        return tuple(sorted(found, key=lambda call: order[call.system.digest]))

    def missing(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """The calls that were not asked yet."""
        has = self.evidence.has
        return tuple(call for call in calls if not has(call.system, call.item, call.repeat))

    def same_answers(self, left: Route, right: Route, task: Task) -> bool:
        """Whether both routes send every `confirm` item of *task* to the same system."""
        answering = self.evidence.answering
        return all(
            answering(left, item) == answering(right, item) for item in task.items("confirm")
        )


def allows(project: Project, rung: RungName) -> bool:
    """Whether the project lets the planner climb to *rung*."""
    return rung in project.policy.rungs
