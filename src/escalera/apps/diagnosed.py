"""Trainings of a project by name, each with what went wrong in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from escalera.apps.report import document as documents
from escalera.core.evidence import Evidence
from escalera.core.finetuning.diagnosis import diagnose
from escalera.core.finetuning.finding import Finding
from escalera.core.ladder import combining, distilling, finetuning, recording, replaying
from escalera.core.ladder.case import Case
from escalera.domain.identity import short
from escalera.domain.project import RUNGS, TRAINING, Project
from escalera.domain.recipe import Rewind, TrainingRecipe
from escalera.domain.training import Trained
from escalera.engine import logs
from escalera.errors import EvidenceMissing, InputError
from escalera.ports import Artifacts
from escalera.wiring import Installation

LAST = "last"
SHORTEST = 6
"""Characters of a recipe's digest that tell it from others, at least."""

_SHOWN = 10
_COPY = "Copy the line that `escalera diagnose` shows, or leave it out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A training with its findings, the one to look at first at the head."""

    recipe: TrainingRecipe
    steps: int
    planned: int
    findings: tuple[Finding, ...]
    distilled: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The recipe in words."""
        parts = [f"{p.examples} {p.task.replace('_', ' ')}" for p in self.recipe.ingredients]
        return f"{short(self.recipe.digest)} ({' + '.join(parts)}), {self.steps} steps"

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return all(finding.cause == "healthy" for finding in self.findings)

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "recipe": self.recipe.digest,
            "steps": self.steps,
            "planned": self.planned,
            "distilled": list(self.distilled),
            "findings": [finding(one) for one in self.findings],
        }

    def __str__(self) -> str:
        taught = [f"  {said}" for said in self.distilled]
        found = [line for one in self.findings for line in _lines(one)]
        return "\n".join([self.label, *taught, *found])


def run(installation: Installation, evidence: Evidence, training: str) -> tuple[Diagnosis, ...]:
    """Diagnose the trainings that a name means, from journal, artifacts and data.

    Raises `InputError` for a name that means none, `EvidenceMissing` where none was done or its log
    is gone.
    """
    case = Case(project=installation.project, evidence=evidence)
    artifacts = installation.artifacts()
    return tuple(of(case, artifacts, parts) for parts in find(case, training))


def of(case: Case, artifacts: Artifacts, parts: Sequence[Trained]) -> Diagnosis:
    """Diagnose a training from its parts. Raises `EvidenceMissing` for a log that is not there."""
    log = logs.read(artifacts, parts[-1])
    record = recording.record(case, parts, log.signals, log.told)
    return Diagnosis(
        recipe=parts[-1].recipe,
        steps=parts[-1].steps,
        planned=parts[-1].planned,
        findings=diagnose(record),
        distilled=distilling.words(case.evidence, parts[-1].recipe),
    )


def document(
    installation: Installation, evidence: Evidence, *, version: str, head: str
) -> documents.Document:
    """The report with what went wrong in its trainings. Raises like `documents.build`."""
    found = every(installation, evidence) if evidence.stopped else {}
    return documents.build(
        installation.project, evidence, version=version, head=head, diagnoses=found
    )


def every(installation: Installation, evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Every training's findings in short, by the digest of its recipe, for the report.

    `unknown` says why there is no diagnosis, None where there is one.
    """
    case = Case(project=installation.project, evidence=evidence)
    artifacts = installation.artifacts()
    found: dict[str, dict[str, Any]] = {}
    for digest, parts in case.evidence.trained.items():
        try:
            told = [_short(one) for one in of(case, artifacts, parts).findings]
            found[digest] = {"findings": told, "unknown": None}
        except EvidenceMissing as error:
            found[digest] = {"findings": [], "unknown": str(error)}
    return found


def find(case: Case, name: str) -> tuple[Sequence[Trained], ...]:
    """The trainings that *name* means: a rung's, the last one, or one by its recipe's digest.

    Raises `InputError` with the names that there are, `EvidenceMissing` where nothing was trained.
    """
    known = case.evidence.trained
    if not known:
        raise EvidenceMissing("nothing was trained in this project yet: run `escalera climb`")
    if name == LAST:
        return (list(known.values())[-1],)
    if name in RUNGS:
        found = [known[digest] for digest in _of_rung(case, name) if digest in known]
    else:
        long = len(name) >= SHORTEST
        found = [parts for digest, parts in known.items() if long and digest.startswith(name)]
    if not found or (name not in RUNGS and len(found) > 1):
        said = ", ".join(short(digest) for digest in known)
        raise InputError(
            f"there is no training {name!r}: name a rung that trains, `{LAST}`, or the first "
            f"characters of one of these recipes: {said}"
        )
    return tuple(found)


def finding(one: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "cause": one.cause,
        "strength": round(one.strength, 3),
        "words": one.words,
        "figures": {figure.name: round(figure.value, 6) for figure in one.figures},
        "remedy": one.remedy,
        "items": list(one.items),
        "setting": one.setting,
        "command": one.command,
    }


def require_rewind(project: Project, evidence: Evidence) -> None:
    """Raise `InputError` where `training.rewind` can change no training of the journal.

    Such as one that never was, a step that it did not make, or examples of another task. Where no
    rung has trained yet, that training may be still to come.
    """
    back, trained = project.rewind, evidence.trained
    if back is None:
        return
    gone = (parts[-1].recipe.rewound for parts in trained.values())
    named = [parts[-1] for digest, parts in trained.items() if digest.startswith(back.recipe)]
    climbed = any(evidence.nominee(rung) is not None for rung in TRAINING)
    if climbed and not named and not any(one and _same(one, back) for one in gone):
        there = ", ".join(short(digest) for digest in trained)
        raise InputError(
            f"training.rewind: no training here begins with {back.recipe!r} (there are {there}). "
            f"{_COPY}"
        )
    for one in named:
        tasks = tuple(f"{part.task}/" for part in one.recipe.ingredients)
        absent = [item for item in back.items if not item.startswith(tasks)]
        if absent or back.after >= one.planned:
            name, steps = short(one.recipe.digest), one.planned
            raise InputError(
                f"training.rewind: the training {name!r} has {steps} steps"
                + (f" and was not taught {absent[:3]!r}" if absent else "")
                + f": it cannot go back to step {back.after} and on without {[*back.items[:3]]!r}. "
                f"{_COPY}"
            )


def unrewound(project: Project, evidence: Evidence) -> str | None:
    """That `training.rewind` changed no training, in a sentence; None where it did, or none asks.

    What it names is known by its digest alone, and a training with other levers, prompt or data is
    another one.
    """
    back, trained = project.rewind, evidence.trained
    made = [parts[-1].recipe.rewound for parts in trained.values()]
    if back is None or not trained or any(one and _same(one, back) for one in made):
        return None
    there = ", ".join(short(digest) for digest in trained)
    return (
        f"training.rewind changed nothing: no training here goes by {back.recipe!r} any more, or "
        f"none was reached (trained were {there}). Copy the line that `escalera diagnose` shows, "
        "and leave prompt, data and levers as they were."
    )


# Below: private.


def _same(made: Rewind, asked: Rewind) -> bool:
    """Whether it was made as the project file asks."""
    told = (asked.after, asked.items)
    return made.recipe.startswith(asked.recipe) and (made.after, made.items) == told


def _short(one: Finding) -> dict[str, Any]:
    return {"cause": one.cause, "words": one.words, "remedy": one.remedy}


def _of_rung(case: Case, rung: str) -> list[str]:
    """Digests of the recipes that a rung trains, now."""
    made = {
        "lora": lambda: [finetuning.recipe(case)],
        "full": lambda: [finetuning.full_recipe(case)] if case.project.full else [],
        "mixture": lambda: [replaying.recipe(case)],
        "merge": lambda: combining.specialist_recipes(case),
        "route": lambda: [finetuning.taught(case)],
    }
    return [recipe.digest for recipe in made[rung]()] if rung in made else []


def _lines(one: Finding) -> list[str]:
    found = [f"  {one.cause}: {one.words}"]
    found += [f"    {figure.name}: {figure.value:.4g}" for figure in one.figures]
    if one.items:
        more = len(one.items) - _SHOWN
        rest = f" and {more} more" if more > 0 else ""
        found.append(f"    examples: {', '.join(one.items[:_SHOWN])}{rest}")
    found.append(f"    what to do: {one.remedy}")
    if one.setting:
        key, _, value = one.setting.partition(" = ")
        table, _, name = key.rpartition(".")
        found.append(f"    under [{table}] in the project file: {name} = {value}")
    if one.command:
        found.append(f"    then: {one.command}")
    return found
