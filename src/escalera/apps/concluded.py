"""What came of a finetuning job: its gate, its diagnosis, what it cost; the journal keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from escalera import wiring
from escalera.apps import compared, licensed
from escalera.apps.compared import Comparison
from escalera.apps.workspace import Workspace
from escalera.core.evaluation.contrast import Contrast
from escalera.core.evidence import Evidence, fold
from escalera.core.finetuning.diagnosis import diagnose
from escalera.core.finetuning.record import RunRecord
from escalera.core.ladder import recording, tuned
from escalera.core.ladder.naming import SERVED
from escalera.core.serving import finetuned
from escalera.domain.dataset import Example
from escalera.domain.finetuned import Finetuned
from escalera.domain.job import GateWord, Job, JobOutcome, TypeVerdict
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.training import TrainingRun
from escalera.domain.verdict import Gate
from escalera.engine.observer import Quiet
from escalera.errors import InputError, JournalConflict
from escalera.ports import Progress

ATTEMPTS = 5
"""How often a journal is read anew into which somebody else wrote meanwhile."""
_GATES: Mapping[Gate, GateWord] = {
    "passed": "passed",
    "undecided": "inconclusive",
    "regressed": "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusions:
    """The port `Concluding`, for the jobs of a project.

    `rate` is what a minute costs in micro-dollars, None where that is not said. `joules` is what a
    job took, None where the machine does not tell.
    """

    opened: Workspace
    rate: int | None = None
    joules: Callable[[Job], float | None] = lambda _: None
    progress: Progress = Quiet().progressed

    def __call__(
        self, job: Job, run: TrainingRun, *, pairs: Sequence[TrainingPair], adapter: str
    ) -> JobOutcome:
        """What is known of *job*, whose recipe was trained on *pairs* into the artifact *adapter*.

        It is recorded before the gate is asked, and again with what came of it: a job that is
        concluded twice buys and records nothing twice. Raises `InputError` for a task that there
        is none of, and `EscaleraError` for what keeps the gate from being asked.
        """
        made = _made(job, run, adapter)
        self.opened.tasks(*made.tasks)
        self._record(made)
        asked = self._gate(made) if job.wish.gate else None
        minutes = job.seconds / 60
        outcome = JobOutcome(
            minutes=minutes,
            micro_dollars=None if self.rate is None else round(minutes * self.rate),
            joules=self.joules(job),
            trained_tokens=sum(signal.tokens for signal in run.signals),
            gate="none" if asked is None else _GATES[asked.gate],
            verdicts=() if asked is None else _verdicts(asked, made.tasks),
            diagnosis=_diagnosis(self.opened, made.recipe, run, pairs),
            licence=licensed.words(self.opened.installation, job),
        )
        self._record(replace(made, outcome=outcome))
        return outcome

    # Private

    def _gate(self, made: Finetuned) -> Comparison:
        """Hold what *made* would be in service against what serves its tasks now."""
        serves = self.opened.evidence().serving is not None
        before = SERVED if serves else self.opened.project.model.name
        for _ in range(ATTEMPTS - 1):
            try:
                return self._compared(made, before)
            except JournalConflict:
                continue  # what was bought is kept, and read again
        return self._compared(made, before)

    def _compared(self, made: Finetuned, before: str) -> Comparison:
        return self.opened.compare(made.adapter, before, buy=True, progress=self.progress)

    def _record(self, made: Finetuned) -> None:
        """Append what is known, unless the journal says so already."""
        for attempt in range(ATTEMPTS):
            with closing(self.opened.installation.journal()) as journal:
                evidence = fold(journal.events())
                event = self._dated(made, evidence)
                if event is None:
                    return
                try:
                    journal.append([event])
                except JournalConflict:
                    if attempt == ATTEMPTS - 1:
                        raise
                else:
                    return

    def _dated(self, made: Finetuned, evidence: Evidence) -> Finetuned | None:
        """The event as it is recorded; None where nothing is new."""
        known = evidence.finetuned.get(made.adapter)
        if known is not None and known.job == made.job and made.outcome in (None, known.outcome):
            return None
        project = self.opened.project
        now = wiring.wall_clock()()
        if made.outcome is None or made.outcome.gate == "none":
            return replace(made, at=now)
        base = self.opened.installation.base_model(made.recipe.model)
        return replace(
            made,
            at=now,
            candidate=tuned.route(made, project, evidence, base).digest,
            incumbent=tuned.serving(project, evidence).digest,
        )


def told(outcome: JobOutcome) -> list[tuple[str, Mapping[str, float | int | str]]]:
    """What a job's events say of its end: sentences, and the figures of a task beside its own."""
    said: list[tuple[str, Mapping[str, float | int | str]]] = [
        (_taken(outcome), {}),
        *((f"diagnosis: {words}", {}) for words in outcome.diagnosis),
    ]
    said += [
        (one.said, {"task": one.task, "word": one.word, **one.figures}) for one in outcome.verdicts
    ]
    if outcome.gate != "none":
        said.append((_GATE_SAID[outcome.gate], {}))
    if outcome.licence:
        said.append((outcome.licence, {}))
    return said


# Below: private.

_GATE_SAID: Mapping[GateWord, str] = {
    "passed": "the gate is passed: no task falls by its margin or more",
    "failed": "the gate is failed: the model answers by its name, and is put into the project's "
    "service only with a recorded override",
    "inconclusive": "the gate is inconclusive: more `confirm` items, or an override, would put the "
    "model into the project's service",
    "overridden": "the gate was overridden",
}


def _taken(outcome: JobOutcome) -> str:
    """Time, tokens, money and energy; what is not known is said to be so."""
    money = "money unknown: the project file names no price of the machine"
    if outcome.micro_dollars is not None:
        money = f"${outcome.micro_dollars / 1e6:.6f}"
    energy = "energy unknown: the machine does not tell it"
    if outcome.joules is not None:
        energy = f"{outcome.joules:.0f} J by the whole machine"
    return (
        f"it took {outcome.minutes:.2f} minutes, {outcome.trained_tokens} tokens; {money}; {energy}"
    )


def _made(job: Job, run: TrainingRun, adapter: str) -> Finetuned:
    if job.recipe is None:
        raise InputError(f"the job {job.id!r} has no recipe, so nothing can have come of it")
    wish = job.wish
    return Finetuned(
        job=job.id,
        name=finetuned.of_job(job),
        recipe=job.recipe,
        adapter=adapter,
        tasks=wish.gate,
        files=tuple(file for file in (wish.training_file, wish.validation_file) if file),
        steps=run.steps,
        examples=run.examples,
        owner=job.owner,
        origin="" if wish.origin is None else wish.model,
    )


def _verdicts(found: Comparison, tasks: Sequence[str]) -> tuple[TypeVerdict, ...]:
    """A verdict per task; one that could not be asked is inconclusive, and says so."""
    rows = {row.task: row for row in found.tasks}
    said = []
    for task in tasks:
        row = rows.get(task)
        if row is None:
            words = f"{task}: inconclusive; nothing was scored, or a cap of [budget] came before"
            said.append(TypeVerdict(task=task, word="inconclusive", said=words))
        else:
            words, figures = compared.line(found, task), _figures(row)
            said.append(TypeVerdict(task=task, word=row.word, said=words, figures=figures))
    return tuple(said)


def _figures(row: Contrast) -> dict[str, float]:
    change = row.difference
    return {
        "candidate": row.candidate.value,
        "incumbent": row.incumbent.value,
        "difference": change.value,
        "lower": change.lower,
        "upper": change.upper,
        "margin": row.margin,
        "lost": row.lost.value,
        "gained": row.gained.value,
        "items": float(change.n),
    }


def _diagnosis(
    opened: Workspace, recipe: TrainingRecipe, run: TrainingRun, pairs: Sequence[TrainingPair]
) -> tuple[str, ...]:
    """What the training's figures show, in words with the remedy.

    Examples that are items of a task's `search` or `confirm` in disguise are found in any project.
    """
    if not run.signals:
        return ("not a step was made, so there is nothing to diagnose",)
    tested = [
        item
        for task in opened.project.tasks
        for split in ("search", "confirm")
        for item in task.items(split)
    ]
    record = RunRecord(
        recipe=recipe,
        signals=run.signals,
        planned=run.planned,
        examples=recording.compared([_item(n, pair) for n, pair in enumerate(pairs)], tested),
        tested=len(tested),
        told=run.told,
    )
    return tuple(f"{one.cause}: {one.words}. {one.remedy}" for one in diagnose(record))


def _item(place: int, pair: TrainingPair) -> Example:
    """A pair as an item: what was asked last, the turns before, and the answer."""
    asked = pair.messages[-1].content if pair.messages else ""
    name = pair.item or f"line {place + 1}"
    return Example(
        id=name,
        task=pair.task,
        split="train",
        input=asked,
        target=pair.target,
        cluster=pair.cluster or name,
        history=pair.messages[:-1],
        rejected=pair.rejected or "",
    )
