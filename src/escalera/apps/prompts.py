"""The prompts of a project: every version with its parent, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.ladder import race
from escalera.core.prompts import versions
from escalera.domain.identity import short
from escalera.domain.project import Project
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task
from escalera.errors import InputError

SHORTEST = 6
"""Characters of a version's name that tell it from others, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """One prompt that was tried for a task.

    `version` is the digest of the prompt and `parent` that of the one it was made from, by
    `operator`. `mean` is over the `items` of the `search` split that were asked; it chose, and
    proves nothing. `put_forward` names the rungs that confirmed it on fresh items.
    """

    task: str
    rung: str
    operator: str
    version: str
    parent: str | None
    mean: float | None
    items: int
    put_forward: tuple[str, ...]
    prompt: Prompt

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "task": self.task,
            "rung": self.rung,
            "operator": self.operator,
            "version": self.version,
            "parent": self.parent,
            "mean": None if self.mean is None else round(self.mean, 6),
            "items": self.items,
            "put_forward": list(self.put_forward),
            "text": list(versions.lines(self.prompt)),
        }


def history(project: Project, evidence: Evidence) -> tuple[PromptVersion, ...]:
    """Every version, task by task, in the order in which they were proposed."""
    return tuple(version for task in project.tasks for version in _of_task(project, evidence, task))


def find(found: tuple[PromptVersion, ...], name: str) -> PromptVersion:
    """The version whose digest begins with *name*. Raises `InputError` for none, or for several."""
    matching = {one.version: one for one in found if one.version.startswith(name)}
    if len(name) >= SHORTEST and len(matching) == 1:
        return next(iter(matching.values()))
    known = ", ".join(dict.fromkeys(short(one.version) for one in found)) or "none yet"
    problem = "stands for several" if len(matching) > 1 else "is no version"
    raise InputError(
        f"{name!r} {problem} of a prompt here: give {SHORTEST} characters or more of one of {known}"
    )


# Below: private.


def _of_task(project: Project, evidence: Evidence, task: Task) -> Iterator[PromptVersion]:
    proposed = [entry for entry in evidence.proposed if entry.task == task.name]
    prompts = {entry.system.digest: entry.system.prompt for entry in proposed}
    seen: set[str] = set()
    for entry in proposed:
        version = entry.system.prompt.digest
        if version in seen:
            continue
        seen.add(version)
        parent = prompts.get(entry.parent or "")
        mean, items = _mean(evidence, entry.system, task)
        yield PromptVersion(
            task=task.name,
            rung=entry.rung,
            operator=entry.operator,
            version=version,
            parent=None if parent is None or parent.digest == version else parent.digest,
            mean=mean,
            items=items,
            put_forward=_put_forward(project, evidence, task, entry.system.prompt),
            prompt=entry.system.prompt,
        )


def _mean(evidence: Evidence, system: System, task: Task) -> tuple[float | None, int]:
    answers = [evidence.sample(system, item) for item in task.items("search")]
    asked = [answer for answer in answers if answer is not None]
    mean = race.mean_score(asked) if asked else race.NO_SCORE
    return (None if mean == race.NO_SCORE else mean), len(asked)


def _put_forward(
    project: Project, evidence: Evidence, task: Task, prompt: Prompt
) -> tuple[str, ...]:
    return tuple(
        rung
        for rung in project.policy.rungs
        if (route := evidence.nominee(rung)) is not None
        and route.system(task.name).prompt == prompt
    )
