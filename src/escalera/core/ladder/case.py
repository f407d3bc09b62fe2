"""One climb as the planner sees it: the project, the evidence, and the questions asked of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Example
from escalera.domain.message import Decoding
from escalera.domain.project import PROMPTING, RUNGS, Project, RungName
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.task import Task

THINKING = 256
"""Tokens for reasoning, on top of the task's longest answer, where a prompt asks to think first."""


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
        """The tasks for which prompting was shown inadequate, by its last rung that tried."""
        return self.failing_below("lora")

    def failing_below(self, rung: RungName) -> tuple[Task, ...]:
        """The tasks that the prompting rungs below *rung* were shown to be inadequate for.

        Of a task that several tried, the last counts: a rung takes up what those below left.
        """
        below = [name for name in PROMPTING if RUNGS.index(name) < RUNGS.index(rung)]
        tried = [name for name in below if self.evidence.decision(name, "") is not None]
        found = []
        for task in self.project.tasks:
            decisions = [self.evidence.decision(name, task.name) for name in tried]
            decided = [decision for decision in decisions if decision is not None]
            if decided and decided[-1].outcome == "inadequate":
                found.append(task)
        return tuple(found)

    def incumbent(self) -> Route | None:
        """The best route that prompting put forward: what finetuning must not break."""
        return self.best_below("lora")

    def best_below(self, rung: RungName) -> Route | None:
        """What the last prompting rung below *rung* put forward."""
        below = [name for name in PROMPTING if RUNGS.index(name) < RUNGS.index(rung)]
        nominees = (self.evidence.nominee(name) for name in reversed(below))
        return next((route for route in nominees if route is not None), None)

    def incumbent_of(self, rung: RungName) -> Route | None:
        """What a route of *rung* is held against: nothing on the prompting rungs."""
        return None if rung in PROMPTING else self.incumbent()

    def unprompted(self) -> Route:
        """The best wording: short prompts, which an adapter is trained under.

        Where constrained decoding won for a task, it holds for what is trained as well: it changes
        no prompt, costs no call, and its promise does not depend on the weights. Other contracts
        stay behind: they change the prompt that is trained under, or belong to endpoints.
        """
        route = self.evidence.nominee("search") or self.evidence.nominee("prompt")
        if route is None:
            raise LookupError("the prompt rung has nominated no route")
        won = self.evidence.nominee("structured")
        if won is None:
            return route
        systems = {branch.task: branch.system for branch in route.branches}
        for branch in won.branches:
            output = branch.system.output
            if output is not None and output.mode == "constrained":
                bare = replace(output, told=False, repairs=0)
                systems[branch.task] = replace(systems[branch.task], output=bare)
        return self.route(systems)

    def calls(self, route: Route, items: Sequence[Example]) -> tuple[Call, ...]:
        """The calls that *route* needs for *items*, system by system."""
        found = [self.call(self.evidence.answering(route, item), item) for item in items]
        branches = (*route.branches, *route.unsure)
        order = {branch.system.digest: n for n, branch in reversed([*enumerate(branches)])}
        return tuple(sorted(found, key=lambda call: order[call.system.digest]))

    def call(self, system: System, item: Example) -> Call:
        """Ask *system* for *item*."""
        return materials.call(self.project, self.evidence, system, item)

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
