"""The entrants of the rung `examples`: worked examples, passages of documents, and both.

Everything is tried under the best wording; a second wording is tried with the sets that stand for
the others. So the number of entrants grows with the ways of choosing, not with their product.
"""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.ladder.case import Case
from escalera.core.prompts import context, fewshot, selections
from escalera.core.prompts.fewshot import Ways
from escalera.domain.project import Project
from escalera.domain.selection import Selection
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task

Entrant = tuple[str, Prompt, str | None]
"""Operator, prompt and parent."""


def entrants(case: Case, task: Task, parents: Sequence[System]) -> list[Entrant]:
    """The wordings of *parents* (best first, two count) as they are, then with material."""
    nearest, found = ways(case.project, task), documents(case.project, task)
    best, *others = [
        (case.evidence.operator(parent.digest), parent.prompt, parent.digest)
        for parent in parents[:2]
    ]
    made: list[Entrant] = [(name, prompt, None) for name, prompt, _ in (best, *others)]
    for name, prompt, digest in others:
        made += _named(name, digest, fewshot.sketch(prompt, nearest))
    name, prompt, digest = best
    made += _named(name, digest, fewshot.propose(prompt, nearest))
    for name, prompt, digest in others:
        made += _named(name, digest, _read(prompt, found[:1]))
    name, prompt, digest = best
    made += _named(name, digest, _read(prompt, found))
    made += _named(name, digest, _both(prompt, nearest, found))
    return made


def most(project: Project, task: Task) -> int:
    """The most entrants that there can be."""
    embedded = project.embedder is not None
    shown = 2 + 9 + 4 * (1 + embedded) + 2
    found = len(documents(project, task))
    return shown + (found + 2 if found else 0)


def ways(project: Project, task: Task) -> Ways:
    """How examples of *task* are chosen, without those that are a tested item in disguise."""
    tested = (*task.items("search"), *task.items("confirm"))
    return Ways(
        train=fewshot.untested(task.items("train"), tested),
        nearest=selections.examples(
            task,
            model=project.model,
            embedder=project.embedder,
            tokens=project.policy.example_tokens,
        ),
    )


def documents(project: Project, task: Task) -> tuple[Selection, ...]:
    """How passages of the documents of *task* are chosen."""
    return selections.passages(task, model=project.model, embedder=project.embedder)


# Below: private.


def _named(name: str, parent: str | None, made: Sequence[tuple[str, Prompt]]) -> list[Entrant]:
    return [(f"{name} + {added}", prompt, parent) for added, prompt in made]


def _read(prompt: Prompt, found: Sequence[Selection]) -> list[tuple[str, Prompt]]:
    """With passages; a prompt of the user's own may hold some already."""
    if any(selection.kind == "passages" for selection in prompt.selections):
        return []
    return [
        ("passages" if by.method == "bm25" else "passages (embedding)",
         context.with_passages(prompt, by))
        for by in found
    ]  # fmt: skip


def _both(prompt: Prompt, nearest: Ways, found: Sequence[Selection]) -> list[tuple[str, Prompt]]:
    """Passages and the nearest examples, each found the first way."""
    return [
        (f"{read} + {shown}", both)
        for read, with_passages in _read(prompt, found[:1])
        for shown, both in fewshot.sketch(with_passages, nearest)
        if both.selections != with_passages.selections
    ]
