"""Performing what makes something: trainings, merges and routers."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from escalera.core.evidence import Evidence
from escalera.core.finetuning import sweeping
from escalera.core.ladder import rating, teaching
from escalera.core.ladder.steps import Distil, FitRouter, Merge, Suggest, Train, TryRate
from escalera.core.routing import abstention, fitting, storing
from escalera.core.routing.abstention import Rule
from escalera.core.routing.router import Router
from escalera.core.routing.sense import Sensed
from escalera.core.stats import mean
from escalera.domain.distillation import Distilled
from escalera.domain.event import Merged, RouterFitted
from escalera.domain.project import Project
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.sweep import LeverValue, Suggested, SuggestWay
from escalera.domain.training import RateTried, Trained
from escalera.domain.verdict import Figure
from escalera.engine.judging import submitted
from escalera.errors import InputError, MissingExtra
from escalera.ports import Artifacts, Clock, Journal, Merger, Progress, Suggester, Trainer

ANSWERS = "answers.json"
"""The file of an artifact that holds answers to be taught."""


def train(
    step: Train,
    *,
    project: Project,
    evidence: Evidence,
    trainer: Trainer,
    artifacts: Artifacts,
    progress: Progress,
) -> Trained:
    """Train the recipe on to its next pause, and store what it has learned then."""
    pairs = training_pairs(project, evidence, step.recipe, artifacts)
    parts = evidence.trained.get(step.recipe.digest)
    before = parts[-1].steps if parts else 0
    folder = artifacts.scratch()
    try:
        run = trainer.train(step.recipe, pairs, into=folder, progress=progress, until=step.until)
        adapter = artifacts.put(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    files = {"steps.jsonl": b"".join(msgspec.json.encode(one) + b"\n" for one in run.signals)}
    if run.told is not None:
        files["told.json"] = msgspec.json.encode(run.told) + b"\n"
    return Trained(
        recipe=step.recipe,
        adapter=adapter,
        log=store(files, artifacts),
        steps=run.steps,
        planned=run.planned,
        curve=run.curve,
        layout=run.layout,
        tokens=sum(signal.tokens for signal in run.signals[before:]),
        examples=run.examples,
        parameters=run.parameters,
        seconds=run.seconds,
    )


def try_rate(
    step: TryRate,
    *,
    project: Project,
    evidence: Evidence,
    trainer: Trainer,
    artifacts: Artifacts,
    clock: Clock,
) -> RateTried:
    """See what a learning rate comes to."""
    began = clock.seconds()
    pairs = training_pairs(project, evidence, step.recipe, artifacts)
    trial = step.trial
    levers = replace(step.recipe.levers, learning_rate=trial.rate)
    run = trainer.trial(replace(step.recipe, levers=levers), pairs, share=trial.share)
    return RateTried(
        question=rating.question(step.recipe),
        rate=trial.rate,
        share=trial.share,
        loss=run.loss if math.isfinite(run.loss) else None,
        tokens=run.tokens,
        seconds=clock.seconds() - began,
    )


def distil(step: Distil, *, journal: Journal, artifacts: Artifacts) -> Distilled:
    """Store the answers that are to be taught, by the ids of their items."""
    said = {one.item.id: one.answer for one in submitted(journal, step.calls)}
    asked = step.calls[0].system
    return Distilled(
        question=step.question,
        task=step.task,
        model=asked.model,
        system=asked.digest,
        least=step.least,
        asked=step.asked,
        kept=tuple(said),
        score=step.score,
        answers=store({ANSWERS: msgspec.json.encode(said, order="sorted") + b"\n"}, artifacts),
    )


def suggest(step: Suggest, of: Callable[[SuggestWay], Suggester] | None) -> Suggested:
    """Ask for the levers of the next trial, of what *of* makes for the way of the sweep.

    A search of numbers (`evolution`) has another way where it is not installed: then there are no
    values. Raises `MissingExtra` for a sweep.
    """
    way = step.sweep.way
    values: tuple[LeverValue, ...] = ()
    try:
        if of is not None:
            pauses = 1 if way == "evolution" else len(sweeping.PAUSES)
            values = of(way).suggest(step.sweep, step.tried, pauses=pauses)
    except MissingExtra:
        if way != "evolution":
            raise
    return Suggested(question=step.question, number=step.number, values=values)


def merge(step: Merge, *, merger: Merger, artifacts: Artifacts, clock: Clock) -> Merged:
    """Merge the adapters of a plan and store the result."""
    began = clock.seconds()
    inputs = [artifacts.path(entry.adapter) for entry in step.plan.adapters]
    folder = artifacts.scratch()
    try:
        merger.merge(step.plan, inputs, into=folder)
        adapter = artifacts.put(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Merged(plan=step.plan, adapter=adapter, seconds=clock.seconds() - began)


COVERAGE = 0.99
"""The share of messages like the `search` items that a router keeps."""
REFUSAL = 0.5
"""What it costs to abstain: half of what the average mistake costs."""


def fit_router(
    step: FitRouter,
    *,
    project: Project,
    artifacts: Artifacts,
    sensed: Sensed | None = None,
    weighed: EmbeddingsWeighed | None = None,
) -> RouterFitted:
    """Learn a router from `train` items, store it, and infer every item's type once.

    With a share of the features it reads the embeddings of *sensed* too; messages that have none
    teach nothing, and it abstains on them. *weighed* is recorded. Raises `InputError` when a task
    has no `train` items.
    """
    tasks = [project.task(name) for name in step.tasks]
    taught = [item for task in tasks for item in task.items("train")]
    strangers = project.strangers
    vectors = sensed.vectors if sensed is not None and sensed.share > 0 else {}
    if vectors:
        taught = [item for item in taught if item.input in vectors]
        strangers = tuple(text for text in strangers if text in vectors)
    try:
        learned = fitting.fit(
            step.tasks,
            [item.input for item in taught],
            [item.task for item in taught],
            strangers=strangers,
            sensed=sensed,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    items = [item for task in tasks for item in task.examples]
    tested = [item for item in items if item.split == "search"]
    told = [learned.choose(item.input, vectors.get(item.input)) for item in tested]
    reference = sorted(one.familiarity for one in told if one.refusal != "unread")
    kept = abstention.threshold(reference, coverage=COVERAGE)
    costs = abstention.costs([task.value_per_point for task in tasks])
    router = replace(
        learned,
        rule=Rule(familiarity=kept.value, refusal=REFUSAL, errors=costs),
        reference=np.array(reference, dtype=np.float32),
    )
    digest = store(storing.to_files(router), artifacts)
    choices = {item.id: router.choose(item.input, vectors.get(item.input)) for item in items}
    right = [float(choices[item.id].type == item.task) for item in tested]
    clusters = [item.cluster for item in tested]
    found = mean.interval(right, clusters, alpha=project.policy.alpha)
    return RouterFitted(
        router=digest,
        items=tuple(item.id for item in items),
        choices=tuple(choices[item.id].type for item in items),
        unsure=tuple(item.id for item in items if not choices[item.id].sure),
        coverage=kept.coverage if kept.assured < 1 else None,
        assured=kept.assured if kept.assured < 1 else None,
        accuracy=Figure(
            value=found.estimate,
            lower=found.lower,
            upper=found.upper,
            n=len(tested),
            clusters=len(set(clusters)),
        ),
        embeddings=weighed,
    )


def load_router(artifacts: Artifacts, digest: str) -> Router:
    """The stored router."""
    folder = artifacts.path(digest)
    return storing.from_files({f.name: f.read_bytes() for f in folder.iterdir()})


def store(files: Mapping[str, bytes], artifacts: Artifacts) -> str:
    """Store files by name; the digest of the artifact."""
    folder: Path = artifacts.scratch()
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return artifacts.put(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def training_pairs(
    project: Project, evidence: Evidence, recipe: TrainingRecipe, artifacts: Artifacts
) -> list[TrainingPair]:
    """The conversations of a recipe. Raises `EvidenceMissing` when the data have changed since."""
    return teaching.pairs(project, evidence, recipe, lambda answers: _answers(artifacts, answers))


def _answers(artifacts: Artifacts, digest: str) -> Mapping[str, str]:
    """What is taught instead of the targets, by item; nothing where targets are."""
    if not digest:
        return {}
    found = (artifacts.path(digest) / ANSWERS).read_bytes()
    return msgspec.json.decode(found, type=dict[str, str])
