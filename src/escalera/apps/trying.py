"""A quick look at a changed prompt: the paired difference on a few items, and what flipped.

It is for the minutes in which a prompt is written. The items are of the `search` split and are
looked at again and again, so the figure chooses and proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.evidence import Evidence, fold
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call
from escalera.core.prompts import operators, rendering
from escalera.core.stats import paired
from escalera.domain.dataset import Example
from escalera.domain.event import Observed
from escalera.domain.project import RUNGS, Project
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure
from escalera.engine import measuring
from escalera.engine.measuring import Wanted
from escalera.engine.observer import Quiet
from escalera.errors import EvidenceMissing
from escalera.ports import Progress
from escalera.wiring import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """An item whose score changed: what was asked and expected, and both answers."""

    item: str
    input: str
    expected: str
    before: str
    after: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A changed prompt beside the one before, on common items.

    `difference` is the paired difference of mean scores with its 95 % interval, over the items that
    both have a score for; `unscored` counts the others. `flips` begin with what got worse.
    """

    task: str
    before: str
    after: str
    mean_before: float
    mean_after: float
    difference: Figure
    unscored: int
    flips: tuple[Flip, ...]

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        found = self.difference
        return {
            "task": self.task,
            "before": self.before,
            "after": self.after,
            "mean_before": round(self.mean_before, 6),
            "mean_after": round(self.mean_after, 6),
            "difference": [round(v, 6) for v in (found.value, found.lower, found.upper)],
            "items": found.n,
            "unscored": self.unscored,
            "flips": [
                {
                    "item": flip.item,
                    "input": flip.input,
                    "expected": flip.expected,
                    "before": flip.before,
                    "after": flip.after,
                    "change": round(flip.change, 6),
                }
                for flip in self.flips
            ],
        }


def run(
    installation: Installation,
    task: Task,
    file: Path,
    against: Path | None,
    items: int,
    progress: Progress | None,
) -> Trial:
    """The prompt in *file* beside the one before, on the first *items* of `search`.

    See `Workspace.attempt`.
    """
    project, after = installation.project, installation.prompt(task, file)
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        name, before = incumbent(evidence, task)
        if against is not None:
            other = installation.prompt(task, against)
            name, before = other.name, other.prompt
        prompts = (before, after.prompt)
        routes = [route_of(project, evidence, task, prompt) for prompt in prompts]
        told = progress or Quiet().progressed
        means = installation.means(journal, evidence, routes, told)
        wanted = Wanted(tasks=(task,), split="search", limit=items)
        measuring.run(project, routes, wanted, means)
        asked = [calls(route, task, task.items("search")[:items]) for route in routes]
        replies = journal.bought([call.request_key for some in asked for call in some])
    return gather(task, (name, after.name), asked, evidence, replies)


def incumbent(evidence: Evidence, task: Task) -> tuple[str, Prompt]:
    """The prompt that the climb put forward last for *task*, or the one that tells everything."""
    for rung in reversed(RUNGS):
        route = evidence.nominee(rung)
        if route is not None and route.system(task.name).adapter is None:
            return rung, route.system(task.name).prompt
    return "everything told", operators.everything(task.parts)


def route_of(project: Project, evidence: Evidence, task: Task, prompt: Prompt) -> Route:
    """A route that answers *task* with the base model under *prompt*, and nothing else."""
    system = Case(project=project, evidence=evidence).system(task, prompt)
    return Route(branches=(Branch(task=task.name, system=system),))


def calls(route: Route, task: Task, items: Sequence[Example]) -> tuple[Call, ...]:
    """The calls of *route* for *items*."""
    return tuple(Call(system=route.system(task.name), item=item) for item in items)


def gather(
    task: Task,
    names: tuple[str, str],
    asked: Sequence[Sequence[Call]],
    evidence: Evidence,
    replies: Mapping[str, Observed],
) -> Trial:
    """The trial of two prompts, (before, after), whose *asked* calls belong together by place.

    *replies* are by the keys of requests. Raises `EvidenceMissing` where no item has a score for
    both.
    """
    before, after = ([_score(call, evidence) for call in some] for some in asked)
    scored = [
        (old, new, place)
        for place, (old, new) in enumerate(zip(before, after, strict=True))
        if old is not None and new is not None
    ]
    if not scored:
        raise EvidenceMissing(
            f"no item of {task.name!r} has a score under both prompts: `escalera eval` says why; "
            "or raise the caps under [budget]"
        )
    olds, news, places = ([*column] for column in zip(*scored, strict=True))
    clusters = [asked[0][place].item.cluster for place in places]
    found = paired.interval(news, olds, clusters)
    flips = [
        _flip(asked[0][place], asked[1][place], new - old, replies)
        for old, new, place in scored
        if old != new
    ]
    return Trial(
        task=task.name,
        before=names[0],
        after=names[1],
        mean_before=sum(olds) / len(olds),
        mean_after=sum(news) / len(news),
        difference=Figure(
            value=found.estimate,
            lower=found.lower,
            upper=found.upper,
            n=len(scored),
            clusters=len(set(clusters)),
        ),
        unscored=len(before) - len(scored),
        flips=tuple(sorted(flips, key=lambda flip: flip.change)),
    )


# Below: private.


def _score(call: Call, evidence: Evidence) -> float | None:
    seen = evidence.sample(call.system, call.item)
    return None if seen is None else seen.score


def _flip(before: Call, after: Call, change: float, replies: Mapping[str, Observed]) -> Flip:
    return Flip(
        item=before.item.id,
        input=before.item.input,
        expected=before.item.target,
        before=_said(before.system, replies.get(before.request_key)),
        after=_said(after.system, replies.get(after.request_key)),
        change=change,
    )


def _said(system: System, seen: Observed | None) -> str:
    return "" if seen is None else rendering.answer(system.prompt, seen.reply)
