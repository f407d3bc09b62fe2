"""`data effect`: what rows add to a training, measured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from escalera.apps import compared
from escalera.apps.compared import Comparison
from escalera.apps.data import loading
from escalera.core.data import rows, wording
from escalera.core.evidence import Evidence
from escalera.core.ladder import effecting
from escalera.core.ladder.effecting import Arm, Effect
from escalera.core.ladder.steps import Step
from escalera.domain.dataset import Example, Examples
from escalera.domain.project import Project
from escalera.domain.system import Branch, Route, System
from escalera.domain.task import Task
from escalera.engine import climb, comparing
from escalera.engine.climb import Ports
from escalera.engine.observer import Observer
from escalera.errors import EvidenceMissing, InputError
from escalera.wiring import Installation, data_sets
from escalera.wiring import labels as wired


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The effect of some rows on a task, and the comparison on fresh items where it was asked."""

    task: str
    title: str
    train: int
    rows: int
    effect: Effect
    confirmed: Comparison | None

    @property
    def verdict(self) -> str:
        """What the interval says."""
        figure = self.effect.difference
        if figure.lower > 0:
            return "the rows are seen to help"
        if figure.upper < 0:
            return "the rows are seen to harm"
        return "no effect is seen"

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "task": self.task,
            "train": self.train,
            "rows": self.rows,
            "verdict": self.verdict,
            "effect": asdict(self.effect),
            "confirmed": None if self.confirmed is None else self.confirmed.document(),
        }

    def __str__(self) -> str:
        found, figure = self.effect, self.effect.difference
        lines = [
            f"{self.title}: {self.verdict}: {figure.value:+.3f} "
            f"[{figure.lower:+.3f}, {figure.upper:+.3f}] on {figure.n} search items in "
            f"{figure.clusters} clusters, over {len(found.without)} trainings with and without",
            f"  on {self.train} examples:             {_scores(found.without)}",
            f"  on these and {self.rows} more: {_scores(found.with_rows)}",
        ]
        if found.unscored:
            lines.append(f"  {found.unscored} items are left out: an answer has no score")
        if self.confirmed is not None:
            lines += ["on fresh items, for the first pair of trainings:", str(self.confirmed)]
        return "\n".join(lines)


def run(
    installation: Installation,
    name: str,
    file: Path,
    *,
    seeds: int,
    confirm: bool,
    observer: Observer,
) -> Measured:
    """Train *name* with and without the rows of *file*, and measure both on `search` items.

    With *confirm* the first pair is compared on `confirm` items as well, in the project's looks.
    Raises `InputError` for rows that must not be taught, and for a model that cannot be trained
    here; `EvidenceMissing` where a cap came before the last measurement.
    """
    project = installation.project
    task = _task(project, name)
    new = _rows(installation, task, file)
    without = Arm(project=project, task=name, seeds=seeds)
    with_rows = replace(without, project=_extended(project, task, new))
    with closing(installation.journal()) as journal:
        ports = installation.ports(journal)
        for arm in (without, with_rows):
            evidence = _follow(arm, ports, observer)
        found = effecting.effect(with_rows, without, evidence, alpha=project.policy.alpha)
        confirmed = None
        if confirm:
            one, other = (
                _route(task, effecting.system(arm, evidence, 0)) for arm in (with_rows, without)
            )
            means = installation.means(journal, evidence, (one, other), observer.progressed)
            read = comparing.run(project, [task], one, other, means)
            confirmed = compared.of_found("with", "without", read, mode="group-sequential")
    return Measured(
        task=name,
        title=task.title,
        train=len(task.items("train")),
        rows=len(new),
        effect=found,
        confirmed=confirmed,
    )


# Below: private.


def _task(project: Project, name: str) -> Task:
    known = {task.name: task for task in project.tasks}
    if name not in known:
        raise InputError(f"there is no task {name!r}: this project has {sorted(known)!r}")
    if not project.model.trainable:
        raise InputError(
            f"the model {project.model.name!r} is served by an endpoint and cannot be trained "
            "here: name a local model under [climb]"
        )
    return known[name]


def _rows(installation: Installation, task: Task, file: Path) -> list[Example]:
    """The rows of *file* as `train` items, none of which is tested."""
    unusable = wired.unusable(installation, task.name)
    tested = {wording.key(item.input): item for item in task.examples if item.split != "train"}
    ids = {item.id for item in task.examples}
    found: list[Example] = []
    names: dict[str, int] = {}
    for placed in loading.read(data_sets.source(file)):
        for row in placed.rows:
            taught = replace(row, split=row.split or "train")
            item = rows.example(taught, name=rows.name_of(row, names), task=task.name)
            problem = unusable(item.target)
            like = tested.get(wording.key(item.input))
            if like is not None:
                problem = f"asks what the {like.split} item {like.id} asks"
            elif item.split != "train":
                problem = f"is for {item.split!r}, and only `train` rows are taught"
            elif item.id in ids:
                problem = f"has the id of another item, {item.id!r}"
            if problem is not None:
                raise InputError(
                    f"{placed.file}, {placed.place}: {problem}: leave the row out, or correct it"
                )
            ids.add(item.id)
            found.append(item)
    if not found:
        raise InputError(f"{file} holds no rows, so there is no effect to measure")
    return found


def _extended(project: Project, task: Task, new: list[Example]) -> Project:
    """The project with the rows among the items of the task."""
    examples = Examples([*task.examples, *new]).in_order(seed=project.policy.seed)
    more = replace(task, examples=examples)
    return replace(
        project, tasks=tuple(more if one.name == task.name else one for one in project.tasks)
    )


def _follow(arm: Arm, ports: Ports, observer: Observer) -> Evidence:
    def plan(evidence: Evidence) -> Step | None:
        return effecting.next_step(arm, evidence)

    evidence = climb.follow(arm.project, plan, ports=ports, observer=observer)
    if not effecting.complete(arm, evidence):
        raise EvidenceMissing(
            "a cap of [budget] was reached before every training was measured: raise it and run "
            "this again, nothing is done twice"
        )
    return evidence


def _route(task: Task, system: System) -> Route:
    return Route(branches=(Branch(task=task.name, system=system),))


def _scores(found: tuple[float, ...]) -> str:
    mean = sum(found) / len(found)
    return f"{mean:.3f} ({', '.join(f'{score:.3f}' for score in found)})"
