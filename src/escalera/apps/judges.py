"""What `doctor` says of a project's judges: whom they may favour, and what they are trusted on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from escalera.apps import order_words
from escalera.core.evaluation.correction import ENOUGH
from escalera.domain.judge import Panel
from escalera.domain.project import BaseModel, Project
from escalera.settings.tables import ModelTable
from escalera.wiring import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: whether it passed, and what was seen.

    With a *caution* a climb can start, but its result may be less than was hoped for.
    """

    passed: bool
    words: str
    caution: bool = False


def findings(installation: Installation) -> list[Finding]:
    """Every judge beside the model under test, and beside its labels."""
    project = installation.project
    tables = installation.tables.models
    found = []
    for panel in project.judges:
        for grader in project.graders:
            if grader.name in panel.models:
                found += _preference(panel, grader, project.model, tables)
        found += _labels(panel, project)
        found += _ties(panel)
        if (said := order_words.beforehand(panel)) is not None:
            found.append(Finding(passed=True, words=said, caution=True))
    return found


def family(table: ModelTable) -> str:
    """The first letters of a model's name: what tells GPT from Llama, whatever the version."""
    name = (table.model or table.hub or table.path or "").rstrip("/").rpartition("/")[2]
    known = re.match(r"[a-z]+", name.lower())
    return known[0] if known else name


# Below: private.


def _preference(
    panel: Panel, grader: BaseModel, under_test: BaseModel, tables: dict[str, ModelTable]
) -> list[Finding]:
    """Judges prefer the answers of their own kind (Panickssery et al. 2024, arXiv 2404.13076)."""
    advice = "check its bias with `escalera judge`"
    if grader.revision == under_test.revision:
        said = f"judge {panel.name}: {grader.name!r} grades its own answers and may prefer them"
        return [Finding(passed=grader.name == under_test.name, words=f"{said}; {advice}")]
    if family(tables[grader.name]) == family(tables[under_test.name]):
        said = (
            f"judge {panel.name}: {grader.name!r} and {under_test.name!r} seem to be of one family"
        )
        return [
            Finding(passed=True, words=f"{said}, which a judge may prefer; {advice}", caution=True)
        ]
    return []


def _ties(panel: Panel) -> list[Finding]:
    """An even number of voices may come out even."""
    if panel.combine == "mean" or len(panel.judges) % 2:
        return []
    said = (
        f"judge {panel.name}: {len(panel.judges)} judges vote, and may tie: an answer then scores "
        "0.5; an odd number of them settles more"
    )
    return [Finding(passed=True, words=said, caution=True)]


def _labels(panel: Panel, project: Project) -> list[Finding]:
    found = []
    for task in project.tasks:
        if task.scorer != panel.scorer:
            continue
        said = f"{task.name}: judged by {panel.name!r}, with labels for {len(task.labels)} answers"
        few = len(task.labels) < ENOUGH
        if few:
            said += f"; below {ENOUGH} its figures rest on the judge alone"
        found.append(Finding(passed=True, words=said, caution=few))
    return found
