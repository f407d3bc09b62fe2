"""Finetuned models taken out of a project: files that other tools read, with card and lineage."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.apps.release import version
from escalera.apps.workspace import Workspace
from escalera.core.audit import card as cards
from escalera.core.audit.card import Facts, Form
from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import choosing, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.planner import project_digest
from escalera.domain.event import Merged
from escalera.domain.finetuned import Finetuned
from escalera.domain.identity import canonical
from escalera.domain.recipe import TrainingRecipe
from escalera.errors import EvidenceMissing, InputError
from escalera.wiring import exporting

CARD, LINEAGE = "README.md", "lineage.json"
STATE = ":ckpt-step-"
"""Stands in the name of a state that was published while a job learned."""
SHORTEST = 6
"""Characters of an artifact's digest that tell it from others, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a job, a climb's training or a merge left, with all that the journal says of it."""

    name: str
    artifact: str
    base: str
    revision: str
    recipe: TrainingRecipe | None = None
    job: Finetuned | None = None
    merged: Merged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A folder that was written, and how it was checked."""

    folder: Path
    form: Form
    artifact: str
    checked: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.artifact[:12]} as {self.form}; {self.checked}"


def export(
    opened: Workspace, name: str, form: Form, *, into: Path, converter: str | None = None
) -> Exported:
    """Write the model *name* to the folder *into*, which must not exist or be empty.

    Everything is checked before the folder is there: on an error nothing of it is left. Raises
    `InputError` for a model that cannot be exported so, `EvidenceMissing` where its artifact is
    gone.
    """
    made = opened.installation
    if not made.journal_file.exists():
        raise EvidenceMissing("nothing was finetuned in this project yet: there is no journal")
    with closing(made.journal()) as journal:
        evidence = fold(journal.events())
        head = journal.head
    found = find(opened, evidence, name)
    artifact = made.artifacts().path(found.artifact)
    _require_base(opened, found)
    if form == "gguf":
        exporting.require_converter(converter)
    probes = exporting.probes(made, found.base, artifact)
    work = _workshop(into)
    try:
        base = exporting.base_folder(made, found.base)
        if form == "peft":
            checked = _adapter(artifact, work)
        elif form == "merged":
            checked = _folded(base, artifact, probes, work)
        else:
            checked = _converted(base, artifact, probes, work, converter)
        _describe(opened, found, form, checked, work, evidence=evidence, head=head)
        work.chmod(0o755)
        if into.exists():
            into.rmdir()
        work.rename(into)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Exported(folder=into, form=form, artifact=found.artifact, checked=checked)


def find(opened: Workspace, evidence: Evidence, name: str) -> Learned:
    """What *name* means: a finetuned model's name, or the beginning of its artifact's digest.

    Raises `InputError` with the names that there are.
    """
    jobs = {one.name: digest for digest, one in evidence.finetuned.items()}
    trained = {
        part.adapter: (digest, part) for digest, parts in evidence.trained.items() for part in parts
    }
    merged = {one.adapter: one for one in evidence.merged.values()}
    digests = [*evidence.finetuned, *trained, *merged]
    meant = dict.fromkeys(
        digest
        for digest in digests
        if jobs.get(name) == digest or (len(name) >= SHORTEST and digest.startswith(name))
    )
    if len(meant) != 1:
        known = ", ".join([*map(repr, jobs), *(digest[:12] for digest in (*trained, *merged))])
        problem = "names no finetuned model here, or more than one"
        if STATE in name:
            problem = "is a state of a job while it learned, which is asked and not exported"
        raise InputError(f"{name!r} {problem}: there are {known or 'none'}")
    (artifact,) = meant
    job = evidence.finetuned.get(artifact)
    recipe = job.recipe if job is not None else None
    if recipe is None and artifact in trained:
        recipe = trained[artifact][1].recipe
    base = opened.project.model
    return Learned(
        name=job.name if job is not None else artifact[:12],
        artifact=artifact,
        base=base.name if recipe is None else recipe.model,
        revision=base.revision if recipe is None else recipe.revision,
        recipe=recipe,
        job=job,
        merged=merged.get(artifact),
    )


def scores(case: Case, artifact: str) -> tuple[str, ...]:
    """What the climb proved of the types that *artifact* answers, where it has decided on them."""
    evidence = case.evidence
    if not evidence.stopped or evidence.opened[-1].project != project_digest(case.project):
        return ()
    return tuple(
        f"{standing.task.title}: {words.figure(found)} of {found.n} fresh `confirm` items, bar "
        f"{standing.task.bar:.2f}, with the prompt of the rung {entry.title}; all intervals of the "
        f"climb hold together with {1 - case.project.policy.alpha:.3g}"
        for entry in choosing.candidates(case)
        for standing in entry.standings
        if entry.route.system(standing.task.name).adapter == artifact
        for found in (standing.adequacy.figure,)
    )


# Below: private.


def _require_base(opened: Workspace, found: Learned) -> None:
    exporting.base_folder(opened.installation, found.base)
    if opened.installation.base_model(found.base).revision != found.revision:
        raise InputError(
            f"the model {found.base!r} has other weights now than those that were finetuned: bring "
            "those back; nothing was exported"
        )


def _workshop(into: Path) -> Path:
    """A new folder beside *into*. Raises `InputError` where that is there, or cannot be written."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise InputError(f"{str(into)!r} is there and holds something: name a new folder")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}."))
    except OSError as error:
        raise InputError(f"{str(into)!r} cannot be written: {error.strerror}") from error


def _adapter(artifact: Path, work: Path) -> str:
    exporting.require_adapter(artifact)
    for file in sorted(artifact.iterdir()):
        if file.name != CARD:  # this one has a card of its own
            shutil.copyfile(file, work / file.name)
    return (
        "the files are those of the artifact, byte for byte, and so are the tokens it is asked in"
    )


def _folded(base: Path, artifact: Path, probes: list[list[int]], work: Path) -> str:
    found = exporting.fold(base, artifact, probes, into=work)
    return (
        f"read again, its logits on {len(probes)} fixed conversations are those of base and "
        f"artifact to {found.difference:.2e} of the largest ({found.precision}; "
        f"{found.tolerance:.0e} is allowed)"
    )


def _converted(
    base: Path, artifact: Path, probes: list[list[int]], work: Path, converter: str | None
) -> str:
    with tempfile.TemporaryDirectory(dir=work.parent, prefix=f"{work.name}.") as folder:
        checked = _folded(base, artifact, probes, Path(folder))
        program = exporting.to_gguf(Path(folder), into=work / "model.gguf", program=converter)
    return (
        f"before it was converted, {checked}. What {Path(program.split()[-1]).name} made of it was "
        "not asked anything: try it before you rely on it"
    )


def _describe(  # noqa: PLR0913
    opened: Workspace,
    found: Learned,
    form: Form,
    checked: str,
    work: Path,
    *,
    evidence: Evidence,
    head: str,
) -> None:
    """Write the card and the lineage beside the weights."""
    digests = {file.name: _sha256(file) for file in sorted(work.iterdir())}
    lineage = _lineage(found, evidence, head) | {
        "export": {"form": form, "checked": checked, "by": f"escalera {version()}"},
        "sha256": digests,
    }
    text = json.dumps(lineage, indent=2, sort_keys=True, ensure_ascii=False)
    (work / LINEAGE).write_text(text + "\n", encoding="utf-8")
    facts = Facts(
        name=found.name,
        form=form,
        artifact=found.artifact,
        base=found.base,
        revision=found.revision,
        licence=opened.installation.tables.models[found.base].licence,
        recipe=found.recipe,
        made=_merged_by(found),
        outcome=None if found.job is None else found.job.outcome,
        checked=checked[0].upper() + checked[1:] + ".",
        origin="" if found.job is None else found.job.origin,
        scores=scores(Case(project=opened.project, evidence=evidence), found.artifact),
    )
    (work / CARD).write_text(cards.card(facts), encoding="utf-8")
    for file in work.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _merged_by(found: Learned) -> str:
    if found.merged is None:
        return "unknown"
    plan = found.merged.plan
    inputs = ", ".join(f"{one.weight:g} of `{one.adapter[:12]}`" for one in plan.adapters)
    return f"a merge by {plan.method}: {inputs}"


def _lineage(found: Learned, evidence: Evidence, head: str) -> dict[str, Any]:
    """All that the journal says of where it comes from, and where it was put into service."""
    served = [
        {"name": one.name, "gate": one.gate, "override": one.override, "at": one.at}
        for one in evidence.promoted
        if found.artifact in one.route.adapters()
    ]
    return {
        "format": "escalera-lineage/1",
        "name": found.name,
        "artifact": found.artifact,
        "base": {"model": found.base, "revision": found.revision},
        "recipe": _plain(found.recipe),
        "merge": _plain(None if found.merged is None else found.merged.plan),
        "job": _plain(found.job),
        "promoted": served,
        "journal": {"events": evidence.events, "head": head},
    }


def _plain(value: object) -> Any:
    return None if value is None else json.loads(canonical(value))


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
