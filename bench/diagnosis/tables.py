"""The page of results: how often the first finding is the planted cause, and what was taken for
what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.diagnosis.plans import simulation

from escalera.core.finetuning import curves, diagnosis, learning, spikes
from escalera.core.finetuning.finding import CAUSES, Cause
from escalera.core.finetuning.record import RunRecord

RIGHT, LISTED = 0.9, 0.9
"""Targets: shares of runs whose first finding is right, and of planted bad examples listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One run: what was planted, what was found, and how many of its bad examples were listed.

    `among` counts the bad examples that could be listed: as many as the list is long, at most.
    """

    planted: Cause
    found: tuple[Cause, ...]
    words: str
    seed: int
    among: int
    listed: int


def judged(planted: Cause, seed: int, record: RunRecord) -> Judged:
    """Diagnose one record."""
    made = simulation(planted, seed)
    seen = learning.progress(record, curves.course(record.signals))
    names = {one.item for one in spikes.suspects(seen)[: spikes.SHOWN]}
    return Judged(
        planted=planted,
        found=tuple(one.cause for one in diagnosis.diagnose(record)),
        words=made.words,
        seed=seed,
        among=min(len(made.bad), spikes.SHOWN),
        listed=len(made.bad & names),
    )


def page(runs: Sequence[Judged], how: str) -> tuple[str, bool]:
    """The page, and whether every target is met."""
    right = sum(run.found[0] == run.planted for run in runs)
    within = sum(run.planted in run.found for run in runs)
    spiky = [run for run in runs if run.planted == "spikes"]
    noisy = [run for run in runs if run.planted == "label noise"]
    listed, among = sum(r.listed for r in spiky), sum(r.among for r in spiky)
    met = right >= RIGHT * len(runs) and listed >= LISTED * among
    lines = [
        "# Diagnosis of trainings with a planted cause",
        "",
        how,
        *_PREFACE,
        "",
        "## Targets",
        "",
        "| target | measured | met |",
        "| --- | --- | --- |",
        f"| the first finding is the planted cause in 90 % of the runs | {right} of {len(runs)} "
        f"({right / len(runs):.1%}) | {_yes(right >= RIGHT * len(runs))} |",
        f"| the list of ten holds 90 % of the examples that were planted to make the loss jump | "
        f"{listed} of {among} ({listed / max(1, among):.1%}) | {_yes(listed >= LISTED * among)} |",
        "",
        f"The planted cause is among the findings, not always the first, in {within} of "
        f"{len(runs)}. Where labels were planted wrong, {sum(r.listed for r in noisy)} of the "
        f"{sum(r.among for r in noisy)} places of the lists of ten hold such an example.",
        "",
        "## What was planted, and what was found first",
        "",
        *_matrix(runs),
        "",
        "## Every run that was taken for another",
        "",
        "| seed | planted | how | found |",
        "| --- | --- | --- | --- |",
        *(
            f"| {run.seed} | {run.planted} | {run.words} | {', '.join(run.found)} |"
            for run in runs
            if run.found[0] != run.planted
        ),
    ]
    return "\n".join(lines), met


# Below: private.

_PREFACE = (
    "Every run is a real training of the example's base model on the example's data, with levers,",
    "task, size and seed drawn anew, and one fault planted, or none (`bench/diagnosis/plans.py`).",
    "Runs are measured as checkpoints are: 32 `search` items before and at every third of the",
    "steps. The thresholds were set on other runs (seeds from 1000), and not touched after these",
    "were looked at.",
)


def _yes(met: bool) -> str:  # noqa: FBT001
    return "yes" if met else "no"


def _matrix(runs: Sequence[Judged]) -> list[str]:
    counted = Counter((run.planted, run.found[0]) for run in runs)
    head = " | ".join(CAUSES)
    rows = [f"| planted | {head} | right |", f"| --- |{' --- |' * (len(CAUSES) + 1)}"]
    for planted in CAUSES:
        row = [counted[planted, found] for found in CAUSES]
        if not sum(row):
            continue
        cells = " | ".join(str(count) if count else "" for count in row)
        rows.append(f"| {planted} | {cells} | {counted[planted, planted]} of {sum(row)} |")
    return rows
