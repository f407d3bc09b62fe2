"""Confirmation: a nominated route meets fresh items, and alpha is spent.

Two questions per task: is the route adequate, and (from the first training on) has it regressed
against the incumbent? Claiming "adequate for every task" is an intersection-union test, so the
tasks share one alpha; each rung has its own part of the project's (Berger 1982; the parts are in
`rungs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.evaluation import compare
from escalera.core.evaluation.correction import Labels
from escalera.core.ladder import rungs
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Look, Step
from escalera.domain.dataset import Example
from escalera.domain.event import Looked, Outcome
from escalera.domain.project import RungName
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.verdict import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a route stands on a task.

    `adequacy` is the last look at the bar (possibly of an earlier route that answers alike);
    `regression` the last look at the difference to the incumbent. `regression` is None where
    there is no incumbent, or where candidate and incumbent answer with the same systems
    (`identical`): then there is nothing to compare.
    """

    task: Task
    adequacy: Looked
    regression: Looked | None
    identical: bool

    @property
    def gate(self) -> bool:
        """Whether it is shown that the task does not fall by more than its margin."""
        return self.regression is None or self.regression.passed

    @property
    def outcome(self) -> Outcome:
        """The word for the task: a shown fall first, then adequacy, then what is still open."""
        if not self.gate and self.regression is not None and self.regression.verdict == "worse":
            return "regressed"
        if self.adequacy.verdict == "inadequate":
            return "inadequate"
        return "adequate" if self.gate and self.adequacy.verdict == "adequate" else "undecided"


def step(case: Case, rung: RungName, route: Route, incumbent: Route | None) -> Step | None:
    """The next step of confirming *route*, or None when every question is answered or read out."""
    for task in case.project.tasks:
        for question in _questions(case, rung, route, incumbent, task):
            found = _next_look(case, rung, question, task)
            if found is not None:
                return found
    return None


def standings(
    case: Case, rung: RungName, route: Route, incumbent: Route | None
) -> tuple[Standing, ...]:
    """Where *route* stands on every task, once `step` returns None."""
    return tuple(_standing(case, rung, route, incumbent, task) for task in case.project.tasks)


def improvements(
    case: Case, rung: RungName, route: Route, before: Route
) -> Step | tuple[Task, ...]:
    """The tasks that *route* is shown better for than *before*, or the next step to find out.

    Both must have been nominated. Where both answer alike there is nothing to ask.
    """
    better = []
    for task in case.project.tasks:
        if case.same_answers(route, before, task):
            continue
        question = _improvement(case, rung, route, before, task)
        found = _next_look(case, rung, question, task)
        if found is not None:
            return found
        if case.evidence.looked[question.digest][-1].passed:
            better.append(task)
    return tuple(better)


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """One word for a route over several tasks: what speaks loudest against it."""
    for word in ("inadequate", "regressed", "undecided"):
        if word in outcomes:
            return word
    return "adequate"


# Below: private.


def _questions(
    case: Case, rung: RungName, route: Route, incumbent: Route | None, task: Task
) -> tuple[Question, ...]:
    asked = []
    if _inherited(case, rung, route, task) is None:
        asked.append(_adequacy(case, rung, route, task))
    if incumbent is not None and not case.same_answers(route, incumbent, task):
        asked.append(_regression(case, rung, route, incumbent, task))
    return tuple(asked)


def _adequacy(case: Case, rung: RungName, route: Route, task: Task) -> Question:
    return Question(
        kind="adequacy",
        task=task.name,
        candidate=route.digest,
        incumbent=None,
        threshold=task.bar,
        alpha=_alpha(case, rung),
    )


def _regression(case: Case, rung: RungName, route: Route, incumbent: Route, task: Task) -> Question:
    return Question(
        kind="regression",
        task=task.name,
        candidate=route.digest,
        incumbent=incumbent.digest,
        threshold=task.margin,
        alpha=_alpha(case, rung),
    )


def _improvement(case: Case, rung: RungName, route: Route, before: Route, task: Task) -> Question:
    return Question(
        kind="improvement",
        task=task.name,
        candidate=route.digest,
        incumbent=before.digest,
        threshold=0.0,
        alpha=_alpha(case, rung),
    )


def _alpha(case: Case, rung: RungName) -> float:
    policy = case.project.policy
    return rungs.alpha_of(rung, policy.rungs, policy.alpha)


def _inherited(case: Case, rung: RungName, route: Route, task: Task) -> Looked | None:
    """The last look of an earlier rung at the same answers to this task's items.

    Asking again would spend alpha on the same answers.
    """
    own = _adequacy(case, rung, route, task)
    for looks in case.evidence.looked.values():
        question = looks[-1].question
        if question.kind != "adequacy" or question.task != task.name or not looks[-1].settled:
            continue
        if question.threshold != task.bar or question == own:
            continue
        if case.same_answers(route, case.evidence.route(question.candidate), task):
            return looks[-1]
    return None


def _next_look(case: Case, rung: RungName, question: Question, task: Task) -> Step | None:
    looks = case.evidence.looked.get(question.digest, [])
    if looks and looks[-1].settled:
        return None
    marks = compare.cutoffs(task, case.project.policy)
    items = task.items("confirm")[: marks[len(looks)]]
    fresh = items[marks[len(looks) - 1] if looks else 0 :]
    calls = _calls(case, question, items, fresh)
    if case.missing(calls):
        return Evaluate(rung=rung, purpose="confirm", task=task.name, calls=calls)
    candidate = case.evidence.route(question.candidate)
    other = None if question.incumbent is None else case.evidence.route(question.incumbent)
    sample = compare.gather(case.evidence, items, candidate, other, Labels.of(task))
    return Look(event=compare.look(question, sample, looks, case.project.policy))


def _calls(
    case: Case, question: Question, items: Sequence[Example], fresh: Sequence[Example]
) -> tuple[Call, ...]:
    """The candidate on the fresh items, the incumbent on all; a system of both is asked once."""
    calls = case.calls(case.evidence.route(question.candidate), fresh)
    if question.incumbent is not None:
        calls += case.calls(case.evidence.route(question.incumbent), items)
    return tuple(dict.fromkeys(calls))


def _standing(
    case: Case, rung: RungName, route: Route, incumbent: Route | None, task: Task
) -> Standing:
    looked = case.evidence.looked
    adequacy = _inherited(case, rung, route, task)
    if adequacy is None:
        adequacy = looked[_adequacy(case, rung, route, task).digest][-1]
    identical = incumbent is not None and case.same_answers(route, incumbent, task)
    regression = None
    if incumbent is not None and not identical:
        regression = looked[_regression(case, rung, route, incumbent, task).digest][-1]
    return Standing(task=task, adequacy=adequacy, regression=regression, identical=identical)
