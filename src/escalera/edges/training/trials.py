"""Short trainings that are thrown away: what a learning rate comes to on examples held out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from escalera.core.finetuning import rates
from escalera.domain.levers import Levers
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import StepSignal, TrialRun
from escalera.edges.training import optimizers
from escalera.edges.training.loop import Loop
from escalera.edges.training.session import Session
from escalera.errors import TrainingError

_HELD_OUT = 10


class Trials:
    """A model that is trained again and again from the same beginning.

    Every tenth cluster is held out, at least one: what shares luck with what is taught would
    flatter whatever learns by heart. With a single one it is taught and tested.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        lessons, clusters = session.lessons, session.clusters
        held = set(list(dict.fromkeys(clusters))[::_HELD_OUT])
        self._held = tuple(les for les in lessons if clusters[les.place] in held)
        self._taught = tuple(les for les in lessons if clusters[les.place] not in held) or lessons
        self._begin = {n: w.detach().clone() for n, w in session.loop.weights.items()}

    def run(
        self,
        rate: float,
        share: float,
        watch: Callable[[StepSignal, int], None] | None = None,
    ) -> TrialRun:
        """Train with *rate* for a share of the steps: the whole schedule made shorter.

        *watch* is called behind each step, with how many there are; what it raises ends the trial.
        """
        session = self._session
        with torch.no_grad():
            for name, weight in session.loop.weights.items():
                weight.copy_(self._begin[name])
        planned = len(session.loop.plan)
        steps = rates.steps(share, planned)
        levers = shortened(
            replace(session.recipe.levers, learning_rate=rate), planned=planned, steps=steps
        )
        loop = Loop(
            lessons=self._taught,
            weights=session.loop.weights,
            objective=session.objective,
            levers=levers,
            pass_tokens=session.memory.pass_tokens,
        )
        loop.plan, loop.total = loop.plan[:steps], steps
        session.model.train()
        try:
            while not loop.finished:
                signal = loop.step()
                if watch is not None:
                    watch(signal, steps)
            loss = self._loss()
        except TrainingError:
            loss = math.inf
        session.model.zero_grad()
        return TrialRun(loss=loss, tokens=sum(signal.tokens for signal in loop.signals))

    @torch.no_grad()
    def _loss(self) -> float:
        session, total = self._session, 0.0
        session.model.eval()
        for part in session.objective.parts(self._held, tokens=session.memory.pass_tokens):
            total += session.objective.loss(part, self._held).weighed.item()
        return total if math.isfinite(total) else math.inf


def shortened(levers: Levers, *, planned: int, steps: int) -> Levers:
    """The levers of a training of *planned* steps for one of *steps*: as early up, steps as far.

    A warm-up of as many steps as before would keep a short trial far below its rate, and so would a
    momentum that has hardly gathered when it ends: there the rate is raised by as much.
    """
    rising = max(1, round(optimizers.rising(planned, levers) * steps / planned))
    short = replace(levers, warm_up=rising / steps)
    if levers.learning_rate is None:
        raise AssertionError("a trial is one of a rate")
    raised = optimizers.gathered(planned, levers) / optimizers.gathered(steps, short)
    return replace(short, learning_rate=levers.learning_rate * raised)


def without_rate(recipe: TrainingRecipe) -> TrainingRecipe:
    """The recipe that trials of different rates share."""
    return replace(recipe, levers=replace(recipe.levers, learning_rate=None))
