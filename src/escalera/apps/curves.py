"""The curves of a project's trainings, those underway included: what every step told, and what
checkpoints score on every task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from escalera.apps.report import document as documents
from escalera.apps.report.document import Document
from escalera.core.evidence import Evidence
from escalera.core.ladder import supervising
from escalera.core.ladder.case import Case
from escalera.domain.identity import short
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import Scalar, StepSignal, Trained
from escalera.engine import logs
from escalera.errors import EvidenceMissing
from escalera.wiring import Installation, curves


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A training so far. `planned` is None before its first pause, which tells it, and so are the
    `settings` empty; `missing` says why there are no steps of it, where its log is gone."""

    run: str
    label: str
    steps: int
    planned: int | None
    ended: bool
    scalars: tuple[Scalar, ...]
    checkpoints: tuple[Document, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    missing: str | None = None

    def last(self, name: str) -> float | None:
        """The last point of a curve."""
        return next((one.value for one in reversed(self.scalars) if one.name == name), None)

    def __str__(self) -> str:
        planned = "" if self.planned is None else f" of {self.planned}"
        said = [f"{self.label}: step {self.steps}{planned}"]
        loss = self.last("loss")
        said += [f"loss {loss:.4f}"] if loss is not None else []
        for found in self.checkpoints[-1:]:
            said += [f"{one['task']} {one['score']:.2f}" for one in found["tasks"]]
        return ", ".join([*said, "ended" if self.ended else "underway"])


def gather(installation: Installation, evidence: Evidence) -> tuple[Curves, ...]:
    """Every training of the journal in its order, then those that no pause has told of yet."""
    case = Case(project=installation.project, evidence=evidence)
    underway = curves.underway(installation)
    found = [
        _of(installation, case, parts, underway.get(digest, ()))
        for digest, parts in evidence.trained.items()
    ]
    new = [(digest, told) for digest, told in underway.items() if digest not in evidence.trained]
    return (*found, *(_first(digest, told) for digest, told in new))


def document(name: str, found: Sequence[Curves]) -> Document:
    """The page's document; losses are those of every step."""
    return {
        "project": name,
        "underway": any(not one.ended for one in found),
        "trainings": [_training(one) for one in found],
    }


# Below: private.


def _training(one: Curves) -> Document:
    losses = (point for point in one.scalars if point.name == "loss")
    return {
        "label": one.label,
        "steps": one.steps,
        "planned": one.planned,
        "ended": one.ended,
        "missing": one.missing,
        "curve": [[point.step, point.value] for point in losses],
        "checkpoints": list(one.checkpoints),
    }


def _of(
    installation: Installation, case: Case, parts: Sequence[Trained], told: tuple[StepSignal, ...]
) -> Curves:
    last, missing = parts[-1], None
    steps = told
    if len(told) < last.steps and not last.job:
        try:
            steps = logs.read(installation.artifacts(), last).signals
        except EvidenceMissing as error:
            steps, missing = (), str(error)
    checkpoints = tuple(documents.checkpoint(case, part) for part in parts)
    measured = tuple(one for one in checkpoints if one["tasks"])
    return Curves(
        run=last.recipe.digest,
        label=_label(last.recipe),
        steps=max(last.steps, len(steps)),
        planned=last.planned,
        ended=supervising.ended(case, last.recipe),
        scalars=(*(_losses(last) if last.job else _stepwise(steps)), *_scores(measured)),
        checkpoints=measured,
        settings=_settings(last.recipe),
        missing=missing,
    )


def _first(digest: str, told: tuple[StepSignal, ...]) -> Curves:
    return Curves(
        run=digest,
        label=short(digest),
        steps=len(told),
        planned=None,
        ended=False,
        scalars=tuple(_stepwise(told)),
        checkpoints=(),
    )


def _label(recipe: TrainingRecipe) -> str:
    taught = [f"{part.examples} {part.task}" for part in recipe.ingredients]
    return f"{' + '.join(taught)} ({short(recipe.digest)})"


def _settings(recipe: TrainingRecipe) -> dict[str, str]:
    """What people compare trainings by: what learned from how much, and with which levers."""
    chosen: dict[str, object] = {"model": recipe.model, "objective": recipe.objective}
    chosen |= {"engine": recipe.engine}
    chosen |= {f"examples/{part.task}": part.examples for part in recipe.ingredients}
    chosen |= {"beta": recipe.beta} if recipe.objective == "preference" else {}
    levers = recipe.hosted or recipe.levers
    own = {} if recipe.hosted else asdict(recipe.trainable)
    return {name: str(value) for name, value in {**chosen, **own, **asdict(levers)}.items()}


def _stepwise(told: Sequence[StepSignal]) -> Iterator[Scalar]:
    for one in told:
        figures = {"loss": one.loss, "gradient norm": one.norm, "learning rate": one.rate}
        for name, value in {**figures, "tokens": float(one.tokens)}.items():
            if math.isfinite(value):
                yield Scalar(name=name, step=one.step, value=value)


def _losses(hosted: Trained) -> Iterator[Scalar]:
    """What a provider told of a job: its losses alone."""
    for one in hosted.curve:
        yield Scalar(name="loss", step=one.step, value=one.loss)


def _scores(measured: Sequence[Document]) -> Iterator[Scalar]:
    for found in measured:
        for one in found["tasks"]:
            yield Scalar(name=f"score/{one['task']}", step=found["steps"], value=one["score"])
