"""The files of a new job are checked, line by line, before anything is spent on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from escalera.core.finetuning import job_lines, takings
from escalera.core.finetuning.job_lines import Checked, LineFinding
from escalera.domain.job import Job, JobEvent
from escalera.domain.recipe import TrainingPair
from escalera.domain.stored_file import Incoming
from escalera.engine.workshop import Workshop
from escalera.errors import EvidenceMissing, InputError, TrainingError

MOST_TOLD = 100
"""Findings that are told as events; all that are kept are in the result file."""
RESULT = "findings.jsonl"
UNBOUNDED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a job is taught, and what is held out for it."""

    taught: Checked
    held: Checked | None
    digest: str


class Examiner:
    """Checks the files of one job."""

    def __init__(self, shop: Workshop, job: Job, name: str) -> None:
        self._shop, self._job, self._name = shop, job, name

    def work(self) -> None:
        """Check them, and put the job into the queue, or end it. Raises `StoreUnavailable`."""
        shop, job = self._shop, takings.begun(self._job, steps=0)
        if said := takings.hopeless(job, most=shop.rules.attempts):
            self._fail(takings.CODE, said, "")
            return
        if not shop.queue.keep(job, worker=self._name):
            return
        say = "Validating training file: " + job.wish.training_file
        shop.queue.tell([shop.event(job, "validating", say)])
        try:
            found = material(shop, job)
        except (InputError, EvidenceMissing, TrainingError) as error:
            self._fail("invalid_file", str(error), "training_file")
            return
        checked = [("training_file", found.taught)]
        if found.held is not None:
            checked.append(("validation_file", found.held))
        self._tell(checked)
        for param, one in checked:
            if said := job_lines.sentence(param, one):
                self._fail(f"invalid_{param}", said, param, self._result(checked))
                return
        self._accept(found)

    # Private

    def _accept(self, found: Material) -> None:
        shop, job, taught = self._shop, self._job, found.taught
        try:
            recipe, notes = shop.plan(job, found.digest, taught.examples)
        except InputError as error:
            self._fail("cannot_be_trained", str(error), "")
            return
        tokens = taught.tokens * recipe.levers.epochs
        if tokens > shop.rules.tokens:
            said = (
                f"training_file: {taught.tokens} tokens, taught {recipe.levers.epochs} times, are "
                f"{tokens}, and a job may have {shop.rules.tokens}. Take fewer examples or epochs."
            )
            self._fail("too_many_tokens", said, "training_file")
            return
        told = [
            f"Files validated: {taught.examples} examples with {taught.tokens} tokens"
            + (f", {found.held.examples} to validate on." if found.held is not None else "."),
            *notes,
        ]
        if found.held is not None and (both := job_lines.shared(taught.pairs, found.held.pairs)):
            told.append(
                f"{len(both)} lines of the validation file are in the training file too, the first "
                f"of them line {both[0]}: what they tell is no measure of what was learned."
            )
        shop.queue.tell([shop.event(job, f"plan-{n}", one) for n, one in enumerate(told)])
        queued = replace(
            takings.kept(job),
            status="queued",
            recipe=recipe,
            examples=taught.examples,
            tokens=taught.tokens,
        )
        shop.queue.keep(queued, worker=self._name)

    def _fail(self, code: str, said: str, param: str, files: tuple[str, ...] = ()) -> None:
        shop, job = self._shop, self._job
        shop.queue.tell([shop.event(job, "failed", said, level="error")])
        failed = replace(
            job,
            status="failed",
            error=(code, said, param),
            finished=shop.now(),
            result_files=files,
        )
        shop.queue.keep(failed, worker=self._name)

    def _tell(self, checked: Sequence[tuple[str, Checked]]) -> None:
        shop, events = self._shop, list(self._events(checked))
        shop.queue.tell(events[:MOST_TOLD])
        left = sum(one.errors + one.warnings for _, one in checked) - MOST_TOLD
        if left > 0:
            said = f"{left} more things are wrong; the result file has them."
            shop.queue.tell([shop.event(self._job, "findings", said, level="warn")])

    def _events(self, checked: Sequence[tuple[str, Checked]]) -> Iterator[JobEvent]:
        for param, one in checked:
            for number, finding in enumerate(one.findings):
                said = f"{param}, line {finding.line}: {finding.message}"
                slug = f"{param}-{number}"
                yield self._shop.event(self._job, slug, said, level=finding.level)

    def _result(self, checked: Sequence[tuple[str, Checked]]) -> tuple[str, ...]:
        rows = [_row(param, found) for param, one in checked for found in one.findings]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return (stored(self._shop, self._job, RESULT, text),)


def material(shop: Workshop, job: Job) -> Material:
    """The files of a job, checked. Raises `EvidenceMissing` for one that is gone.

    What was accepted is not held to other bounds later: nothing of it would be left out silently.
    """
    wish, new = job.wish, job.recipe is None
    least = shop.rules.least_examples if new else 1
    most = shop.rules.examples if new else UNBOUNDED
    taught, digest = _checked(shop, job, wish.training_file, least=least, most=most)
    held = None
    if wish.validation_file:
        held, _ = _checked(shop, job, wish.validation_file, least=1, most=most)
    return Material(taught=taught, held=held, digest=digest)


def stored(shop: Workshop, job: Job, name: str, text: str) -> str:
    """The id of a result file with this text."""
    folder = shop.artifacts.scratch()
    try:
        made = folder / name
        made.write_text(text, encoding="utf-8")
        about = Incoming(
            name=f"{job.id}-{name}",
            purpose="fine-tune-results",
            created=shop.now(),
            owner=job.owner,
        )
        return shop.files.keep(made, about).id
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Below: private.


def _checked(shop: Workshop, job: Job, id_: str, *, least: int, most: int) -> tuple[Checked, str]:
    file = shop.files.get(id_)
    if file is None or file.owner != job.owner:
        raise EvidenceMissing(f"the file {id_!r} is not there any more: upload it again")

    def sizes(pairs: Sequence[TrainingPair]) -> Sequence[int | str]:
        return shop.trainer(job).sizes(job.wish.base, pairs) if pairs else []

    path: Path = shop.files.path(id_)
    with path.open("rb") as lines:
        checked = job_lines.check(lines, job.wish.objective, sizes, least=least, most=most)
    return checked, file.digest


def _row(param: str, finding: LineFinding) -> dict[str, object]:
    return {
        "file": param,
        "line": finding.line,
        "level": finding.level,
        "code": finding.code,
        "message": finding.message,
    }
