"""How a training of a job goes: its steps as events, how fast it is, and what it still needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from escalera.core.finetuning import job_plan
from escalera.domain.job import Job, JobCheckpoint, JobEvent
from escalera.domain.training import StepSignal, TrainingRun
from escalera.engine.workshop import Data, Workshop

ENOUGH = 5
"""Steps after which is known how long all of them take: the first may be slower."""
COLUMNS = ("step", "train_loss", "valid_loss", "valid_mean_token_accuracy")


class Pace:
    """Sees every step of one shift."""

    def __init__(self, shop: Workshop, job: Job) -> None:
        self._shop, self._job = shop, job
        self._events: list[JobEvent] = []
        self._began: float | None = None
        self._steps = self._done = self._planned = 0
        self.tokens = 0

    def step(self, signal: StepSignal, planned: int) -> None:
        """A step was done."""
        now = self._shop.seconds()
        if self._began is None:
            self._began = now
        else:
            self._steps += 1
            self.tokens += signal.tokens
        self._done, self._planned = signal.step, planned
        if job_plan.is_told(signal.step, planned):
            self._events.append(self._event(signal, planned, fast=True))
        self._epoch(signal.step, planned)

    def fresh(self) -> Sequence[JobEvent]:
        """Events that were not told yet."""
        found, self._events = self._events, []
        return found

    def all(self, run: TrainingRun) -> Sequence[JobEvent]:
        """The events of every step: those that a killed worker could not tell, too."""
        told = [one for one in run.signals if job_plan.is_told(one.step, run.planned)]
        return [*self.fresh(), *(self._event(one, run.planned, fast=False) for one in told)]

    def needed(self, seconds: float) -> float | None:
        """Seconds that the job will have taken at its end; None while that is not known."""
        left = self._left()
        return None if left is None else seconds + left

    def finish(self) -> float | None:
        """When the job is likely to end, in seconds since the epoch; None while not known."""
        left = self._left()
        return None if left is None else self._shop.now() + left

    def table(self, run: TrainingRun, checkpoints: Sequence[JobCheckpoint]) -> str:
        """Every step as a row of CSV, with what was measured behind it."""
        measured = {one.step: one.metrics for one in checkpoints}
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for signal in run.signals:
            found = measured.get(signal.step, {})
            valid = [found.get(n, "") for n in ("valid_loss", "full_valid_mean_token_accuracy")]
            rows.writerow([signal.step, f"{signal.loss:.6f}", *valid])
        return text.getvalue()

    # Private

    def _left(self) -> float | None:
        if self._began is None or self._steps < ENOUGH:
            return None
        each = (self._shop.seconds() - self._began) / self._steps
        return each * (self._planned - self._done)

    def _event(self, signal: StepSignal, planned: int, *, fast: bool) -> JobEvent:
        data: dict[str, float | int | str] = {
            "step": signal.step,
            "total_steps": planned,
            "train_loss": signal.loss,
            "learning_rate": signal.rate,
            "gradient_norm": signal.norm,
            "tokens": signal.tokens,
        }
        if fast:
            data |= self._speed()
        said = f"Step {signal.step}/{planned}: training loss={signal.loss:.4f}"
        return self._shop.event(self._job, f"step-{signal.step}", said, data=data)

    def _speed(self) -> Data:
        left = self._left()
        if left is None or self._began is None:
            return {}
        spent = self._shop.seconds() - self._began
        found = {"minutes_left": left / 60}
        if spent > 0:
            found["tokens_per_second"] = self.tokens / spent
        if self._shop.budget.price is not None:
            found["dollars_left"] = self._shop.budget.cost(left) / 1e6
        return found

    def _epoch(self, step: int, planned: int) -> None:
        """Tell the end of an epoch, by the share of all steps that are done."""
        recipe = self._job.recipe
        epochs = 1 if recipe is None else recipe.levers.epochs
        for epoch in range(1, epochs + 1):
            if step == max(1, round(planned * epoch / epochs)):
                said = f"Epoch {epoch} of {epochs} is done"
                self._events.append(self._shop.event(self._job, f"epoch-{epoch}", said))
