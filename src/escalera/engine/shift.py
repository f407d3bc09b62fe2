"""One job at work: from where it was left to its end, or until it is told to stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

from escalera.core.finetuning import job_plan, takings
from escalera.core.ladder import rating
from escalera.core.serving import finetuned
from escalera.domain.job import ENDED, Job, JobCheckpoint, JobOutcome, JobStatus, Level, Published
from escalera.domain.training import RateTried, StepSignal, TrainingRun
from escalera.engine import examining
from escalera.engine.pace import Pace
from escalera.engine.workshop import Workshop
from escalera.errors import EscaleraError, StoreUnavailable, TrainingError

EVERY = 0.25
"""Seconds between two looks at what is wanted of the job."""
LOOK = 1.0
"""Seconds between two looks for new jobs whose files are to be checked meanwhile."""
FIRST = 10.0
"""Seconds that are reserved at a time while nothing is known of how fast a job is."""
MORE = 1.1
"""How much more than what was estimated is reserved, where there is so much."""
METRICS = "step_metrics.csv"


class Halt(Exception):
    """The job is to stop here, and be in a status; *words* say why."""

    def __init__(self, to: JobStatus, words: str, level: Level = "info", code: str = "") -> None:
        super().__init__(words)
        self.to, self.words, self.level, self.code = to, words, level, code


class Lost(Exception):
    """Another worker has the job now."""


class Shift:
    """Works on *job* as the worker *name*; *aside* is done between two steps, on nobody's bill."""

    def __init__(
        self,
        shop: Workshop,
        job: Job,
        name: str,
        stopping: Callable[[], bool],
        aside: Callable[[], object],
    ) -> None:
        self._shop, self.job, self._name = shop, job, name
        self._stopping, self._aside = stopping, aside
        self._pace = Pace(shop, job)
        self._looked = self._beaten = shop.seconds()
        self._energy = shop.meter.joules()

    def work(self) -> None:
        """Do it. Raises `StoreUnavailable`; whatever else goes wrong ends the job in words."""
        try:
            self._work()
        except Lost:
            return
        except Halt as halt:
            self._end(halt)
        except StoreUnavailable:
            raise
        except TrainingError as error:
            self._end(Halt("failed", str(error), "error", "training_failed"))
        except EscaleraError as error:
            self._end(Halt("failed", str(error), "error", "job_failed"))
        except Exception:
            said = "Internal error; whoever runs the gateway finds it in the log."
            self._end(Halt("failed", said, "error", "internal_error"))
            raise

    # The work

    def _work(self) -> None:
        shop = self._shop
        self._check(force=True)
        self._count()
        began = self.job.began is None
        self._keep(replace(self.job, began=self.job.began or shop.now()))
        self._reserve(self.job.seconds + FIRST)
        words = "Fine-tuning job started" if began else "The job goes on where it was left"
        shop.queue.tell([shop.event(self.job, f"started-{self.job.starts}", words)])
        self._material = examining.material(shop, self.job)
        self._pairs = self._material.taught.pairs
        held = self._material.held
        self._held = () if held is None else held.pairs
        self._trainer = shop.trainer(self.job)
        self._find_rate()
        run, adapter = self._train()
        self._conclude(run, adapter)

    def _count(self) -> None:
        """Count that the job is begun once more. Raises `Halt` where that came to nothing."""
        begun = takings.begun(self.job, steps=self._shop.steps(self.job.id))
        if said := takings.hopeless(begun, most=self._shop.rules.attempts):
            raise Halt("failed", said, "error", takings.CODE)
        self._keep(begun)

    def _find_rate(self) -> None:
        """Short trainings that find the learning rate where nobody said it; each is kept."""
        shop = self._shop
        while (made := self.job.recipe) is not None:
            trial = job_plan.trial(made, self.job.tried)
            if trial is None:
                break
            began = shop.seconds()
            levers = replace(made.levers, learning_rate=trial.rate)
            found = self._trainer.trial(
                replace(made, levers=levers),
                self._pairs,
                share=trial.share,
                watch=lambda *_: self._check(),
            )
            event = RateTried(
                question=rating.question(made),
                rate=trial.rate,
                share=trial.share,
                loss=found.loss if found.loss < float("inf") else None,
                tokens=found.tokens,
                seconds=shop.seconds() - began,
            )
            self._keep(replace(takings.kept(self.job), tried=(*self.job.tried, event)))
            came = "it diverged" if event.loss is None else f"held-out loss {event.loss:.4f}"
            said = f"Learning rate {trial.rate:g} tried for {trial.share:.0%} of the steps: {came}"
            slug = f"rate-{len(self.job.tried)}"
            shop.queue.tell([shop.event(self.job, slug, said)])
        self._settle_rate()

    def _settle_rate(self) -> None:
        made = self.job.recipe
        if made is None:
            raise AssertionError("a job was queued without a recipe")
        if made.levers.learning_rate is not None:
            return
        multiplier = self.job.wish.hyperparameters.learning_rate_multiplier
        rated = job_plan.rated(made, self.job.tried, multiplier)
        if rated is None:
            raise TrainingError(
                "every learning rate that was tried diverged. Look at the training examples, and "
                "at the model."
            )
        self._keep(replace(self.job, recipe=rated))
        said = f"The learning rate is {rated.levers.learning_rate:g}: the best of those tried"
        self._shop.queue.tell([self._shop.event(self.job, "rate", said)])

    def _train(self) -> tuple[TrainingRun, str]:
        """Train part by part; a state of the model is published behind each."""
        shop, recipe = self._shop, self.job.recipe
        if recipe is None:
            raise AssertionError("a job was begun without a recipe")
        known = {one.step for one in shop.queue.checkpoints(self.job.id, limit=1000)}
        for share in job_plan.pauses(recipe.levers.epochs, shop.rules.checkpoints):
            folder = shop.artifacts.scratch()
            try:
                run = self._trainer.train(
                    recipe,
                    self._pairs,
                    into=folder,
                    progress=lambda *_: None,
                    until=share,
                    held=self._held,
                    watch=self._stepped,
                )
                shop.queue.tell(self._pace.all(run))
                wanted = max(1, round(share * run.planned))
                if run.steps == run.planned:
                    return run, shop.artifacts.put(folder)
                if run.steps == wanted and run.steps not in known:
                    self._publish_state(run, shop.artifacts.put(folder))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        raise AssertionError("a training did not end with its last part")

    def _publish_state(self, run: TrainingRun, adapter: str) -> None:
        name = f"{finetuned.of_job(self.job)}:ckpt-step-{run.steps}"
        self._publish(name, adapter, JobOutcome())
        self._mark(run, name)

    def _mark(self, run: TrainingRun, name: str) -> None:
        shop, step = self._shop, run.steps
        metrics = {"train_loss": run.signals[-1].loss}
        if run.held is not None:
            metrics |= {
                "valid_loss": run.held.loss,
                "full_valid_loss": run.held.loss,
                "full_valid_mean_token_accuracy": run.held.accuracy,
            }
            said = f"Validation at step {step}: loss={run.held.loss:.4f}"
            data = {"step": step, **metrics}
            shop.queue.tell([shop.event(self.job, f"validation-{step}", said, data=data)])
        shop.queue.mark(
            JobCheckpoint(
                id=f"ftckpt-{self.job.id.rpartition('-')[2]}-{step}",
                job=self.job.id,
                created=shop.now(),
                step=step,
                model=name,
                metrics=metrics,
            )
        )
        said = f"Checkpoint created at step {step}: {name}"
        shop.queue.tell([shop.event(self.job, f"checkpoint-{step}", said)])

    def _conclude(self, run: TrainingRun, adapter: str) -> None:
        """Say what came of it, publish it, and end the job."""
        shop, name = self._shop, finetuned.of_job(self.job)
        self._note()
        conclude = shop.concluding(lambda *_: self._answered())
        try:
            outcome = conclude(self.job, run, pairs=self._pairs, adapter=adapter)
        except StoreUnavailable:
            raise
        except EscaleraError as error:
            said = f"What was trained cannot be held against its gate: {error}. It is kept; resume "
            raise Halt("paused", said + "the job to ask again.", "error") from error
        self._check(force=True)
        self._publish(name, adapter, outcome)
        self._mark(run, name)
        told = [
            shop.event(self.job, f"outcome-{n}", words, data=data or None)
            for n, (words, data) in enumerate(shop.words(outcome))
        ]
        told.append(shop.event(self.job, "created-model", f"New fine-tuned model created: {name}"))
        told.append(shop.event(self.job, "succeeded", "The job has successfully completed"))
        text = self._pace.table(run, shop.queue.checkpoints(self.job.id, limit=1000))
        file = examining.stored(shop, self.job, METRICS, text)
        shop.queue.tell(told)
        self._note()
        ended, returned = shop.budget.settled(self.job)
        done = replace(
            ended,
            status="succeeded",
            finished=shop.now(),
            made=name,
            outcome=outcome,
            result_files=(file,),
        )
        if not shop.queue.keep(done, worker=self._name):
            shop.shelf.withdraw(name)
            self._check(force=True)
        shop.budget.give_back(returned, shop.now())
        shop.forget(self.job.id)

    def _publish(self, name: str, adapter: str, outcome: JobOutcome) -> None:
        job = self.job
        if job.recipe is None:
            raise AssertionError("a job was trained without a recipe")
        self._shop.shelf.publish(
            Published(
                name=name,
                base=job.recipe.model,
                revision=job.recipe.revision,
                adapter=adapter,
                job=job.id,
                created=self._shop.now(),
                owner=job.owner,
                gate=outcome.gate,
            )
        )

    # Between two steps

    def _stepped(self, signal: StepSignal, planned: int) -> None:
        self._pace.step(signal, planned)
        self._check()
        needed = self._pace.needed(self.job.seconds)
        if needed is not None and self._at_most(needed) > self.job.reserved:
            self._reserve(needed * MORE, needed)

    def _check(self, *, force: bool = False) -> None:
        """Do what is wanted of the job. Raises `Halt` and `Lost`."""
        shop, now = self._shop, self._shop.seconds()
        if not force and now - self._beaten < EVERY:
            return
        self._note()
        shop.queue.tell(self._pace.fresh())
        wanted = shop.queue.beat(self.job.id, self._name, now=shop.now(), seconds=self.job.seconds)
        if wanted is None:
            raise Lost
        if wanted == "cancel":
            raise Halt("cancelled", "The job was cancelled.")
        if wanted == "pause":
            raise Halt("paused", "The job was paused; what it has learned is kept.")
        if self._stopping():
            raise Halt("queued", "The worker ends; the next one goes on with the job.")
        most = shop.rules.minutes
        if most is not None and self.job.seconds > most * 60:
            raise Halt(
                "paused", f"The job used up the {most:g} minutes that a job may take.", "error"
            )
        if self.job.seconds > self.job.reserved:
            self._reserve(self.job.seconds + FIRST)
        if now - self._looked >= LOOK:
            self._aside()
            self._looked = self._beaten = shop.seconds()
            self._energy = shop.meter.joules()

    def _answered(self) -> None:
        """Something of the gate was answered, and is kept."""
        if self.job.fruitless:
            self._keep(takings.kept(self.job))
        self._check()

    def _note(self) -> None:
        """Count what was used until now."""
        shop, now = self._shop, self._shop.seconds()
        used, joules = now - self._beaten, shop.meter.joules()
        more = None if joules is None else joules - (self._energy or 0.0)
        self._beaten, self._energy = now, joules
        self.job = replace(
            self.job,
            seconds=self.job.seconds + used,
            joules=self.job.joules if more is None else (self.job.joules or 0.0) + more,
        )

    def _reserve(self, *amounts: float) -> None:
        """Reserve the first of so many seconds in all that there are. Raises `Halt`."""
        shop, found = self._shop, ""
        for seconds in amounts:
            asked = shop.budget.reserve(self.job, self._at_most(seconds), shop.now())
            if isinstance(asked, Job):
                self._keep(replace(asked, estimated_finish=self._pace.finish()))
                return
            found = asked
        said = f"The job is paused: {found}. Raise the allowance, and resume the job."
        raise Halt("paused", said, "error")

    def _at_most(self, seconds: float) -> float:
        most = self._shop.rules.minutes
        return seconds if most is None else min(seconds, most * 60)

    def _keep(self, job: Job) -> None:
        if not self._shop.queue.keep(job, worker=self._name):
            raise Lost
        self.job = job

    def _end(self, halt: Halt) -> None:
        """Leave the job in the status that the halt says."""
        shop = self._shop
        self._note()
        shop.queue.tell(self._pace.fresh())
        slug = f"{halt.to}-{self.job.starts}"
        shop.queue.tell([shop.event(self.job, slug, halt.words, level=halt.level)])
        job, returned = shop.budget.settled(self.job)
        job = replace(takings.left(job), status=halt.to, estimated_finish=None)
        if halt.to in ENDED:
            price = shop.budget.price
            outcome = JobOutcome(
                minutes=job.seconds / 60,
                micro_dollars=None if price is None else shop.budget.cost(job.seconds),
                joules=job.joules,
                trained_tokens=self._pace.tokens,
            )
            job = replace(job, finished=shop.now(), outcome=outcome)
        if halt.to == "failed":
            job = replace(job, error=(halt.code, halt.words, ""))
        if shop.queue.keep(job, worker=self._name):
            shop.budget.give_back(returned, shop.now())
            if halt.to in ENDED:
                shop.forget(job.id)
