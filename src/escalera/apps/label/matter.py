"""What is labelled: units of a project with the question, the grades, and the file they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from escalera import wiring
from escalera.core.evaluation import calibration, labelling
from escalera.core.evaluation.labelling import Book, Unit
from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import naming
from escalera.domain.dataset import Split
from escalera.domain.judge import Panel
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.engine.labelling import Answered, Source, drawn
from escalera.errors import EvidenceMissing, InputError
from escalera.settings import inputs_file
from escalera.settings.inputs_file import Inputs
from escalera.settings.label_lines import Choices, Form, Grades, Targets
from escalera.wiring import Installation
from escalera.wiring import labels as wired

Kind = Literal["grade", "choice", "target"]

SAMPLE, PAIRS = 40, 100
"""How many items are labelled where nobody says it: answers, and pairs of them."""

BETTER = "Which answer serves the one who asks better?"
BY_RULE = "Which is better by this rule: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for: answers of systems, pairs of two, or targets of inputs in a file.

    `sample` is how many items, None for the usual number; `into` the file, None for the usual one.
    """

    task: str | None = None
    answers: tuple[str, ...] = ()
    pairs: tuple[str, str] | None = None
    targets: Path | None = None
    split: Split = "confirm"
    sample: int | None = None
    into: Path | None = None

    @property
    def kind(self) -> Kind:
        """What people do."""
        if self.targets is not None:
            return "target"
        return "grade" if self.pairs is None else "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The task that is meant, and the file its labels go to; `named` by the project, or not."""

    task: str
    file: Path
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Everything that a sitting is about.

    `question` is what people decide by, `grades` the values from low to high (None where they write
    targets), `anchors` what each means, where that is said. `reference`: the target is shown.
    `alike` counts the items to which both systems gave the same answer. `needed` is how many labels
    the judge's correction needs, as far as that is known. `unusable` says what is wrong with a
    target.
    """

    kind: Kind
    task: Task
    place: Place
    form: Form
    units: tuple[Unit, ...]
    question: str
    grades: tuple[float, ...] | None
    anchors: tuple[str, ...] = ()
    reference: bool = False
    panel: str | None = None
    systems: tuple[str, ...] = ()
    alike: int = 0
    needed: int | None = None
    inputs: Inputs | None = None
    seed: int = 0
    alpha: float = 0.05
    unusable: Callable[[str], str | None] = field(default=lambda _: None)


def place_of(project: Path, wanted: Wanted) -> Place:
    """Where the labels go; reads the project file and no data. Raises `InputError`."""
    task, named = wired.named(project, wanted.task, judged=wanted.kind == "grade")
    if wanted.into is not None:
        return Place(
            task=task,
            file=wanted.into,
            named=named is not None and wanted.into.resolve() == named.resolve(),
        )
    if wanted.kind == "grade" and named is not None:
        return Place(task=task, file=named, named=True)
    if wanted.targets is not None:
        beside = wanted.targets.with_name(f"{wanted.targets.stem}.targets.jsonl")
        return Place(task=task, file=beside, named=False)
    kind = "labels" if wanted.kind == "grade" else "pairs"
    name = f"{task}.{kind}.jsonl"
    if Path(name).name != name:
        raise InputError(f"the task {task!r} makes no name of a file: name one with --into")
    return Place(task=task, file=project.parent / name, named=False)


def load(project: Path, place: Place, wanted: Wanted, lines: Iterable[bytes]) -> Matter:
    """What *wanted* means in the project; `lines` are those of the file of labels.

    Raises `InputError` kin, and `EvidenceMissing` where the systems answered nothing.
    """
    installation = wiring.install(project)
    task = installation.project.task(place.task)
    policy = installation.project.policy
    if wanted.targets is not None:
        made = _targets(task, place, wanted.targets, wanted.sample)
        made = replace(made, unusable=wired.unusable(installation, task.name))
    elif wanted.pairs is not None:
        made = _choices(installation, task, place, wanted, wanted.pairs)
    else:
        made = _grades(installation, task, place, wanted, tuple(lines))
    return replace(made, seed=policy.seed, alpha=policy.alpha)


def place_on_scale(grades: Sequence[float], value: float) -> float:
    """Where a grade lies between the ends, in [0, 1]."""
    return (value - grades[0]) / (grades[-1] - grades[0])


# Below: private.


def _targets(task: Task, place: Place, file: Path, sample: int | None) -> Matter:
    inputs = inputs_file.load(file, task=task.name)
    units = (Unit(item=item, texts=(item.input,)) for item in inputs.items)
    return Matter(
        kind="target",
        task=task,
        place=place,
        form=Targets(task=task.name),
        units=tuple(units)[:sample],
        question=task.parts.instruction or "Write the right answer.",
        grades=None,
        inputs=inputs,
    )


def _choices(
    installation: Installation, task: Task, place: Place, wanted: Wanted, pair: tuple[str, str]
) -> Matter:
    a, b = pair
    if a == b:
        raise InputError(f"--pairs {a} {b} names one system twice: name two")
    panel = installation.project.panel(task.scorer)
    found, _ = _answers(installation, task, pair, wanted.split, wanted.sample or PAIRS)
    differ = [one for one in found if one.replies[0] != one.replies[1]]
    units = tuple(
        Unit(item=one.item, texts=(one.replies[0], one.replies[1]))
        for one in differ
        if one.replies[0] is not None and one.replies[1] is not None
    )
    return Matter(
        kind="choice",
        task=task,
        place=place,
        form=Choices(task=task.name, a=a, b=b),
        units=units,
        question=BETTER if panel is None else BY_RULE + panel.judges[0].rubric,
        grades=labelling.PREFERENCES,
        reference=panel is None or panel.judges[0].reference,
        systems=(a, b),
        alike=len(found) - len(differ),
    )


def _grades(
    installation: Installation, task: Task, place: Place, wanted: Wanted, lines: tuple[bytes, ...]
) -> Matter:
    panel = {panel.scorer: panel for panel in installation.project.judges}[task.scorer]
    judge, scale = panel.judges[0], panel.scale
    pairwise = judge.kind == "pairwise"
    against = {item.id: item.target for item in task.examples} if pairwise else None
    form = Grades(task=task.name, scale=scale, against=against)
    grades = labelling.PREFERENCES if pairwise else labelling.levels(scale.lowest, scale.highest)
    book = Book.of(form.read(place.file, lines))
    systems = wanted.answers or (naming.SERVED,)
    found, evidence = _answers(installation, task, systems, wanted.split, wanted.sample or SAMPLE)
    units = tuple(_units(installation, found, systems, evidence, panel))
    needed = _needed(units, book, grades, installation.project.policy.alpha)
    if wanted.sample is None and needed is not None and needed > SAMPLE:
        found, evidence = _answers(installation, task, systems, wanted.split, needed)
        units = tuple(_units(installation, found, systems, evidence, panel))
    return Matter(
        kind="grade",
        task=task,
        place=place,
        form=form,
        units=units,
        question=f"{BY_RULE if pairwise else ''}{judge.rubric}",
        grades=grades,
        anchors=() if pairwise else scale.anchors,
        reference=judge.reference and not pairwise,
        panel=panel.name,
        systems=systems,
        needed=needed,
    )


def _answers(
    installation: Installation, task: Task, systems: Sequence[str], split: Split, count: int
) -> tuple[tuple[Answered, ...], Evidence]:
    """The first items that all systems answered. Raises `EvidenceMissing` without any."""
    if not installation.journal_file.exists():
        raise EvidenceMissing(
            f"there is no journal at {installation.journal_file}: `escalera climb` or `escalera "
            "eval` lets systems answer"
        )
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        source = Source(project=installation.project, evidence=evidence, journal=journal)
        routes = _routes(installation, evidence, systems)
        found = drawn(source, task, routes, split=split, count=count)
    if not found:
        raise EvidenceMissing(
            f"no {split} item of {task.name!r} was answered by {' and '.join(systems)}: `escalera "
            f"eval {' '.join(systems)} --split {split}` asks for the answers"
        )
    return found, evidence


def _routes(
    installation: Installation, evidence: Evidence, systems: Sequence[str]
) -> tuple[Route, ...]:
    models = naming.Models(names=tuple(installation.tables.models), find=installation.base_model)
    project = installation.project
    return tuple(naming.resolve(name, project, evidence, models) for name in systems)


def _units(
    installation: Installation,
    found: Iterable[Answered],
    systems: Sequence[str],
    evidence: Evidence,
    panel: Panel,
) -> Iterator[Unit]:
    """One per item and different answer, with what the judge gave it."""
    routes = _routes(installation, evidence, systems)
    for answered in found:
        for text in answered.texts():
            answer = evidence.answer(routes[answered.replies.index(text)], answered.item)
            beside = (answered.item.target,) if panel.judges[0].kind == "pairwise" else ()
            yield Unit(
                item=answered.item,
                texts=(text, *beside),
                judged=None if answer is None else answer.score,
            )


def _needed(units: Sequence[Unit], book: Book, grades: Sequence[float], alpha: float) -> int | None:
    """How many labels bring a corrected score to what `escalera judge` aims at."""
    judge, human = [], []
    for unit in units:
        given = [one.value for one in book.labels(unit.key).values()]
        values = [place_on_scale(grades, float(value)) for value in given if value is not None]
        if values and unit.judged is not None:
            judge.append(unit.judged)
            human.append(sum(values) / len(values))
    return calibration.labels_needed(judge, human, alpha)
