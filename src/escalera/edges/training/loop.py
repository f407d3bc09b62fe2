"""The training loop: one optimizer step at a time, each telling what it was made of."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import torch

from escalera.domain.levers import Levers
from escalera.domain.training import SampleLoss, StepSignal
from escalera.edges.training import optimizers, packing
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.objectives import Objective
from escalera.edges.training.optimizers import Optimizers
from escalera.edges.training.weights import Learning
from escalera.errors import TrainingError

Plan = list[tuple[Lesson, ...]]
"""The batches in order."""


class Loop:
    """Steps through a plan: the batches of every epoch, which are a function of the seed.

    `total` is over how many steps the learning rate falls: those of the whole plan, also where some
    of it is left out later.
    """

    def __init__(
        self,
        *,
        lessons: Sequence[Lesson],
        weights: Learning,
        objective: Objective,
        levers: Levers,
        pass_tokens: int,
    ) -> None:
        if levers.learning_rate is None:
            raise AssertionError("the learning rate is found before a training")
        self.weights = weights
        self.optimizers: Optimizers = optimizers.build(weights, levers)
        self.plan = plan(lessons, levers)
        self.total = len(self.plan)
        self.signals: list[StepSignal] = []
        self._rate = levers.learning_rate
        self._levers = levers
        self._objective = objective
        self._pass_tokens = pass_tokens

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return len(self.signals) == len(self.plan)

    def step(self) -> StepSignal:
        """Do the next step. Raises `TrainingError` before a loss that is no number does harm."""
        batch = self.plan[len(self.signals)]
        number = len(self.signals) + 1
        rate = self._rate * optimizers.share_of_rate(number, self.total, self._levers)
        optimizers.set_rate(self.optimizers, rate)
        loss, tokens, samples = self._backward(batch)
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights.values(), self._levers.clip))
        signal = StepSignal(
            step=number, loss=loss, norm=norm, rate=rate, tokens=tokens, samples=samples
        )
        self.require_finite(signal)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.signals.append(signal)
        return signal

    def _backward(self, batch: Sequence[Lesson]) -> tuple[float, int, tuple[SampleLoss, ...]]:
        loss, tokens, samples = 0.0, 0, []
        for lessons in self._objective.parts(batch, tokens=self._pass_tokens):
            part = self._objective.loss(lessons, batch)
            part.weighed.backward()  # type: ignore[no-untyped-call]
            loss += part.weighed.item()
            tokens += part.tokens
            samples += part.samples
        return loss, tokens, tuple(SampleLoss(place=p, loss=value) for p, value in sorted(samples))

    def require_finite(self, signal: StepSignal) -> None:
        """Raise `TrainingError` where loss or gradient are no numbers."""
        if math.isfinite(signal.loss) and math.isfinite(signal.norm):
            return
        bad = [str(s.place + 1) for s in signal.samples if not math.isfinite(s.loss)]
        blamed = f" of the training examples {', '.join(bad[:10])}" if bad else ""
        raise TrainingError(
            f"the loss{blamed} became {signal.loss!r}, and the norm of its gradient "
            f"{signal.norm!r}, at step {signal.step} of {len(self.plan)}. "
            f"Lower the learning rate (it was {self._rate!r}) and train again."
        )


def skipping(batches: Plan, places: Collection[int], *, after: int) -> Plan:
    """A plan that leaves out the lessons with these places behind a step.

    A batch of which nothing is left is no step.
    """
    left = [tuple(one for one in batch if one.place not in places) for batch in batches[after:]]
    return [*batches[:after], *filter(None, left)]


def plan(lessons: Sequence[Lesson], levers: Levers) -> Plan:
    """Every batch of every epoch, in order: a function of the seed."""
    found = _batches(lessons, levers, levers.batch_tokens)
    if levers.batch_examples is not None or len(found) >= levers.fewest_steps:
        return found
    tokens = sum(len(lesson.tokens) for lesson in lessons)
    return _batches(lessons, levers, tokens // math.ceil(levers.fewest_steps / levers.epochs))


# Below: private.


def _batches(lessons: Sequence[Lesson], levers: Levers, batch_tokens: int) -> Plan:
    return [
        batch
        for epoch in range(levers.epochs)
        for batch in packing.batches(
            lessons,
            batch_tokens=batch_tokens,
            seed=levers.seed,
            epoch=epoch,
            batch_examples=levers.batch_examples,
        )
    ]
