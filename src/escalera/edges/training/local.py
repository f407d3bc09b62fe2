"""Training in this process: the same bytes for the same recipe, data and threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from escalera.core.finetuning import spikes
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.training import StepSignal, TrainingRun, TrialRun
from escalera.edges.training import checkpoints, loading, parity, randomness
from escalera.edges.training.checkpoints import Checkpoint
from escalera.edges.training.parity import Asked
from escalera.edges.training.session import Memory, Session, remedied
from escalera.edges.training.trials import Trials, without_rate
from escalera.errors import TrainingError
from escalera.ports import Clock, Progress

Watch = Callable[[StepSignal, int], None]
"""Called behind every step with what it told and how many steps there will be. What it raises ends
the training, or the trial, there."""

Steps = Callable[[Session, int, Callable[[StepSignal], None]], None]
"""An engine: does the steps of a session up to a number, and calls back behind each."""


def own(session: Session, last: int, told: Callable[[StepSignal], None]) -> None:
    """The engine of this package: one loop, every example told."""
    while len(session.loop.signals) < last:
        told(session.loop.step())


class LocalTrainer:
    """Trains adapters for the model folders that it was given by name.

    A training that was killed continues from its last checkpoint under *checkpoints*, kept by the
    recipe's digest: equal recipes are one training. The checkpoint before a jump of the loss stays,
    so that a recipe that is rewound goes on from there. A training that was asked to pause stays in
    memory until another takes its place. *asked* gives, by the name of a model, the tokens with
    which it is asked when it serves: what would be taught with others is refused before it costs
    anything. Between two checkpoints are *every* seconds, and more where keeping one takes long.
    *origins* says where artifacts lie that a training goes on from.
    """

    def __init__(  # noqa: PLR0913  a keyword for each thing a training needs
        self,
        *,
        folders: Mapping[str, Path],
        checkpoints: Path,
        clock: Clock,
        threads: int = 1,
        memory: Memory | None = None,
        engines: Mapping[str, Steps] | None = None,
        asked: Mapping[str, Asked] | None = None,
        every: float = checkpoints.SECONDS,
        origins: Callable[[str], Path] | None = None,
    ) -> None:
        self._folders = folders
        self._checkpoints = checkpoints
        self._clock = clock
        self._threads = threads
        self._memory = memory or Memory()
        self._engines: Mapping[str, Steps] = {"own": own, **(engines or {})}
        self._asked: Mapping[str, Asked] = asked or {}
        self._every = every
        self._origins = origins
        self._paused: tuple[str, Session] | None = None
        self._trials: tuple[str, Trials] | None = None

    def train(  # noqa: PLR0913  the port's, and what jobs ask besides
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Progress,
        until: float = 1.0,
        held: Sequence[TrainingPair] = (),
        watch: Watch | None = None,
    ) -> TrainingRun:
        """Train on *pairs* up to a share of the steps, and write what was learned into *into*.

        Where the end comes from *watch*, all is kept before, and at the end of a training that
        somebody watches. The checkpoint stays until whoever asked has stored what was learned. What
        is *held* out is measured at the end of this part.
        """
        started = self._clock.seconds()
        torch.set_num_threads(self._threads)
        session = self._session(recipe, pairs, held)
        loop = session.loop
        last = max(1, round(until * len(loop.plan)))
        with session.running(), remedied(self._memory):
            self._engine(recipe)(session, last, self._behind(session, progress, watch))
            validation = session.validation()
            if not loop.finished or watch is not None:
                session.keep()
            if not loop.finished:
                self._paused = (recipe.digest, session)
        session.write(into)
        return TrainingRun(
            signals=tuple(loop.signals),
            planned=len(loop.plan),
            examples=len(session.lessons),
            parameters=sum(weight.numel() for weight in loop.weights.values()),
            layout=session.layout,
            seconds=self._clock.seconds() - started,
            told=session.facts,
            held=validation,
        )

    def forget(self, recipe: TrainingRecipe) -> None:
        """Remove the checkpoint of a training whose adapter is stored, but for what is marked."""
        Checkpoint(self._checkpoints / recipe.digest).drop()

    def trial(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        share: float,
        watch: Watch | None = None,
    ) -> TrialRun:
        """Train for a share of the steps on most pairs, and test on the others; keep nothing."""
        torch.set_num_threads(self._threads)
        shared = without_rate(recipe)
        if self._trials is None or self._trials[0] != shared.digest:
            self._paused = None
            self._require_parity(recipe, pairs)
            session = Session(
                replace(recipe, levers=replace(recipe.levers, learning_rate=1.0)),
                pairs,
                folder=self._folder(recipe.model),
                memory=self._memory,
                teacher=self._taught_by(recipe),
                origin=self._begun_with(recipe),
            )
            self._trials = (shared.digest, Trials(session))
        with randomness.apart(recipe.levers.seed), remedied(self._memory):
            return self._trials[1].run(recipe.levers.learning_rate or 0.0, share, watch)

    def sizes(self, model: str, pairs: Sequence[TrainingPair]) -> Sequence[int | str]:
        """How many tokens each pair has for a model, or why it cannot be taught to it."""
        return loading.light_teaching(self._folder(model)).sizes(pairs)

    def _session(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        held: Sequence[TrainingPair],
    ) -> Session:
        paused, self._paused, self._trials = self._paused, None, None
        if paused is not None and paused[0] == recipe.digest:
            return paused[1]
        self._require_parity(recipe, pairs)
        return Session(
            recipe,
            pairs,
            folder=self._folder(recipe.model),
            memory=self._memory,
            checkpoint=Checkpoint(self._checkpoints / recipe.digest),
            before=self._before(recipe),
            teacher=self._taught_by(recipe),
            origin=self._begun_with(recipe),
            held=held,
        )

    def _before(self, recipe: TrainingRecipe) -> Checkpoint | None:
        back = recipe.rewound
        return None if back is None else Checkpoint(self._checkpoints / back.recipe)

    def _taught_by(self, recipe: TrainingRecipe) -> Path | None:
        return None if recipe.softened is None else self._folder(recipe.softened.model)

    def _begun_with(self, recipe: TrainingRecipe) -> Path | None:
        if not recipe.origin:
            return None
        if self._origins is None:
            raise TrainingError(
                f"the training is to go on from the artifact {recipe.origin!r}, and this trainer "
                "knows no artifacts. Leave `origin` out of the recipe."
            )
        return self._origins(recipe.origin)

    def _require_parity(self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair]) -> None:
        if recipe.model in self._asked:
            tokenizer = loading.tokenizer(self._folder(recipe.model))
            parity.require(tokenizer, pairs, self._asked[recipe.model])

    def _engine(self, recipe: TrainingRecipe) -> Steps:
        if recipe.engine not in self._engines:
            raise TrainingError(
                f"the training engine {recipe.engine!r} is not here; known are "
                f"{sorted(self._engines)!r}. Set training.engine to one of them."
            )
        return self._engines[recipe.engine]

    def _behind(
        self, session: Session, progress: Progress, watch: Watch | None
    ) -> Callable[[StepSignal], None]:
        """What is done behind each step: it is told, and from time to time all is kept.

        Where somebody watches, also what the first step came to: what is begun is never begun anew.
        """
        planned, read = len(session.loop.plan), 0
        began = self._clock.seconds()
        saved = began if watch is None or session.loop.signals else -math.inf
        wait = self._every

        def behind(signal: StepSignal) -> None:
            nonlocal read, saved, wait
            read += signal.tokens
            now = self._clock.seconds()
            speed = f", {read / (now - began):,.0f} tokens/s" if now > began else ""
            losses = [one.loss for one in session.loop.signals[-spikes.SEEN :]]
            if spikes.jumped(losses, start=session.loop.signals[0].loss):
                session.mark()
            progress(f"training, loss {signal.loss:.3f}{speed}", signal.step, planned)
            if now - saved >= wait:
                session.keep()
                saved = self._clock.seconds()
                wait = max(self._every, 20 * (saved - now))  # at most a twentieth of it
            if watch is not None:
                try:
                    watch(signal, planned)
                except BaseException:
                    session.keep()
                    raise

        return behind

    def _folder(self, name: str) -> Path:
        if name not in self._folders:
            raise TrainingError(
                f"the model {name!r} has no folder here; known are {sorted(self._folders)!r}. "
                "Train a model whose weights are on this machine."
            )
        return self._folders[name]
