"""The wordings of the prompt rung: which operators are screened for a task, and who then races."""

from __future__ import annotations

from escalera.core.ladder import screening
from escalera.core.ladder.case import Case
from escalera.core.ladder.screening import Menu
from escalera.core.prompts import operators
from escalera.domain.system import Prompt
from escalera.domain.task import Task

FINALISTS = 6
"""Entrants of the race, at most, besides prompts of the user's own."""


def menu(task: Task, names: tuple[str, ...] | None) -> Menu:
    """The operators called *names* (None: all) that can do something for *task*.

    The base is everything that the task tells.
    """
    known = {one.name: one for one in operators.available(task.parts, names)}
    return Menu(
        rung="prompt",
        task=task,
        factors=tuple(known),
        base=tuple(name for name in known if name in operators.PARTS),
        compose=lambda on: operators.compose([known[name] for name in on], task.parts),
        made=lambda on: operators.named([known[name] for name in on]),
    )


def finalists(case: Case, task: Task) -> tuple[tuple[str, Prompt], ...]:
    """The prompts that race, simplest first, each with its name; a user's own come first.

    What screening speaks for, and the plain instruction with its contract. Equal prompts run once.
    """
    choice = menu(task, case.project.policy.operators)
    plain = tuple(name for name in choice.base if name in ("instruction", "contract"))
    found = [*screening.choices(case, choice), plain]
    place = {name: number for number, name in enumerate(choice.factors)}
    simplest = sorted(set(found), key=lambda on: (len(on), [place[name] for name in on]))
    made = {named.prompt: f"file {named.name}" for named in task.prompts}
    for on in simplest:
        made.setdefault(choice.compose(on), choice.made(on))
    return tuple((name, prompt) for prompt, name in made.items())


def calls(task: Task, names: tuple[str, ...] | None) -> int:
    """The most calls that screening the wordings of *task* may take."""
    return screening.calls(menu(task, names))
