"""What the training rungs share: recipes from the tasks' own `train` items, and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.core.ladder import confirm, pricing, rungs, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Decide, Nominate, Price, Step, Train
from escalera.domain.event import Decided, Nominated
from escalera.domain.identity import digest_of
from escalera.domain.project import RungName
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Route
from escalera.domain.task import Task


def recipe(case: Case, portions: Sequence[tuple[Task, int]]) -> TrainingRecipe:
    """A LoRA training on the first items of each task, under the prompts that were confirmed.

    A portion is how many `train` items are taken; more than there are means all.
    """
    prompts = case.unprompted()
    ingredients = []
    for task, wanted in portions:
        taken = task.items("train")[:wanted]
        ingredients.append(
            Ingredient(
                task=task.name,
                prompt=prompts.system(task.name).prompt,
                examples=len(taken),
                data=digest_of([item.digest for item in taken]),
            )
        )
    policy, model = case.project.policy, case.project.model
    return TrainingRecipe(
        model=model.name,
        revision=model.revision,
        ingredients=tuple(ingredients),
        levers=replace(case.project.levers, seed=policy.seed),
    )


def whole(task: Task) -> tuple[Task, int]:
    """Every `train` item of a task."""
    return task, len(task.items("train"))


def adapter_of(case: Case, made_from: TrainingRecipe) -> str | None:
    """The adapter that a training left, or None when it has not run."""
    trained = case.evidence.trained.get(made_from.digest)
    return trained.adapter if trained is not None else None


def train(
    case: Case, rung: RungName, recipes: Sequence[TrainingRecipe], *, racing: int = 0
) -> Step | None:
    """Tell the price of a rung's trainings, then run each; None when every adapter is there.

    `racing` is how many calls the rung makes before it nominates a route.
    """
    if rung not in case.evidence.priced:
        new = [entry for entry in recipes if adapter_of(case, entry) is None]
        calls = racing + _confirming(case)
        return Price(event=pricing.price(case, rung, calls=calls, recipes=new))
    for entry in recipes:
        if adapter_of(case, entry) is None:
            return Train(rung=rung, recipe=entry)
    return None


def judge(case: Case, rung: RungName, route: Route) -> Step:
    """Nominate *route*, confirm it against bars and incumbent, and decide the rung."""
    incumbent = case.incumbent()
    if case.evidence.nominee(rung) != route:
        return Nominate(event=Nominated(rung=rung, route=route))
    found = confirm.step(case, rung, route, incumbent)
    if found is not None:
        return found
    return _decide(case, rung, route, confirm.standings(case, rung, route, incumbent))


# Below: private.


def _confirming(case: Case) -> int:
    """At most: the candidate on every `confirm` item, the incumbent where it was not asked yet."""
    items = tuple(item for task in case.project.tasks for item in task.items("confirm"))
    incumbent = case.incumbent()
    again = case.missing(case.calls(incumbent, items)) if incumbent is not None else ()
    return len(items) + len(again)


def _decide(case: Case, rung: RungName, route: Route, found: Sequence[confirm.Standing]) -> Step:
    for standing in found:
        if case.evidence.decision(rung, standing.task.name) is None:
            return Decide(
                event=Decided(
                    rung=rung,
                    task=standing.task.name,
                    outcome=standing.outcome,
                    candidate=route.digest,
                    words=words.standing(standing),
                    reasons=(),
                    reversal=(),
                )
            )
    outcome = confirm.overall([standing.outcome for standing in found])
    return Decide(
        event=Decided(
            rung=rung,
            task="",
            outcome=outcome,
            candidate=route.digest,
            words=_summary(rung, outcome, found),
            reasons=tuple(words.standing(standing) for standing in found),
            reversal=(),
        )
    )


def _summary(rung: RungName, outcome: str, found: Sequence[confirm.Standing]) -> str:
    title = rungs.rung(rung).title
    if outcome == "adequate":
        return f"{title}: every bar is met and nothing falls by more than its margin"
    blamed = [s.task.title for s in found if s.outcome == outcome]
    said = {
        "inadequate": "does not reach the bar for",
        "regressed": "breaks",
        "undecided": "is not proved for",
    }[outcome]
    return f"{title}: {said} {words.joined(blamed)}"
