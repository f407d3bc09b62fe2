"""One training in memory: a model that learns a recipe, step by step, from its checkpoint on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from escalera.core.prompts import chat_form
from escalera.domain.levers import Softened, Trainable
from escalera.domain.recipe import Rewind, TrainingPair, TrainingRecipe
from escalera.domain.training import StepSignal, Validation
from escalera.edges.training import loading, origins, randomness, saving, telling, weights
from escalera.edges.training.checkpoints import Checkpoint
from escalera.edges.training.holding_out import HeldOut
from escalera.edges.training.lessons import Lesson, prompt_tokens
from escalera.edges.training.loop import Loop, Plan, skipping
from escalera.edges.training.losses import AnswerLosses
from escalera.edges.training.objectives import Distillation, Objective, Preference, Supervised
from escalera.errors import TrainingError

_SAMPLE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a training may hold at once; none of it changes what is learned but by rounding.

    `pass_tokens` go through the model together, padding included; `recompute` forgets what layers
    computed and computes it again for the gradient (gradient checkpointing).
    """

    pass_tokens: int = 8192
    recompute: bool = False
    device: str = "cpu"


class Session:
    """A model in the middle of learning. Continues from *checkpoint* where one is kept.

    *before* is that of the training to which the recipe goes back.
    """

    def __init__(  # noqa: PLR0913  a keyword for each thing a training is made of
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        folder: Path,
        memory: Memory,
        checkpoint: Checkpoint | None = None,
        teacher: Path | None = None,
        origin: Path | None = None,
        held: Sequence[TrainingPair] = (),
        before: Checkpoint | None = None,
    ) -> None:
        self.recipe = recipe
        self.memory = memory
        self._teacher, self._origin = teacher, origin
        self._checkpoint = checkpoint
        with randomness.apart(recipe.levers.seed), remedied(memory):
            self._set_up(recipe, pairs, folder, memory)
            self._held = self._held_out(held)
            self.loop.signals += self._restored(before)
            self._random = randomness.state()

    def _set_up(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        folder: Path,
        memory: Memory,
    ) -> None:
        trainable, levers = recipe.trainable, recipe.levers
        loaded, self.tokenizer = loading.load(folder, trainable, levers, device=memory.device)
        self._told = loading.teaching(loaded, self.tokenizer)
        self.lessons = self._told.lessons(pairs)
        self.clusters = tuple(pair.cluster or str(n) for n, pair in enumerate(pairs))
        self.facts = telling.facts(self._told, self.lessons, pairs)
        self.model = weights.prepare(loaded, self.tokenizer, trainable)
        origin = self._origin
        self._others = frozenset() if origin is None else origins.begin(self.model, origin)
        computed = self.losses = AnswerLosses(self.model, precision=levers.precision)
        computed.settle(self.lessons)
        self.layout = computed.layout
        objective = self.objective = self._objective(computed, pairs, memory)
        if trainable.method == "partial" and not trainable.layers:
            weights.choose(
                self.model,
                trainable.share,
                lambda: _sampled(objective, self.lessons, memory.pass_tokens),
            )
        if memory.recompute:
            _recompute(self.model)
        self.model.train()
        self.loop = Loop(
            lessons=self.lessons,
            weights=weights.learning(self.model),
            objective=objective,
            levers=levers,
            pass_tokens=memory.pass_tokens,
        )
        if recipe.rewound is not None:
            self.loop.plan = _without(self.loop.plan, recipe.rewound, pairs)

    def _restored(self, before: Checkpoint | None) -> list[StepSignal]:
        """What the steps of its checkpoint told, or of that of the training it goes back to."""
        weights, optimizers, back = self.loop.weights, self.loop.optimizers, self.recipe.rewound
        found: list[StepSignal] = []
        if self._checkpoint is not None:
            found = self._checkpoint.restore(weights, optimizers)
        if not found and before is not None and back is not None:
            found = before.go_back(weights, optimizers, back.after)
        return found

    def _held_out(self, held: Sequence[TrainingPair]) -> HeldOut | None:
        """What is held out, against the model as it is before the training."""
        if not held:
            return None
        lessons = self._told.lessons(held)
        if self.recipe.objective != "preference":
            return HeldOut(self.losses, lessons)
        self.model.eval()
        found = Preference(self.losses, self._told.rejected(held), beta=self.recipe.beta)
        found.refer(lessons, tokens=self.memory.pass_tokens)
        self.model.train()
        return HeldOut(found, lessons)

    def validation(self) -> Validation | None:
        """How the training stands on what is held out; None where nothing is."""
        if self._held is None:
            return None
        self.model.eval()
        loss, accuracy = self._held.measure(tokens=self.memory.pass_tokens)
        self.model.train()
        return Validation(step=len(self.loop.signals), loss=loss, accuracy=accuracy)

    def _objective(
        self, computed: AnswerLosses, pairs: Sequence[TrainingPair], memory: Memory
    ) -> Objective:
        if self.recipe.softened is not None:
            return self._distillation(computed, self.recipe.softened, memory)
        if self.recipe.objective == "supervised":
            return Supervised(computed)
        preferred = Preference(computed, self._told.rejected(pairs), beta=self.recipe.beta)
        self.model.eval()
        preferred.refer(self.lessons, tokens=memory.pass_tokens)
        return preferred

    def _distillation(
        self, computed: AnswerLosses, softened: Softened, memory: Memory
    ) -> Distillation:
        if self._teacher is None:
            raise AssertionError("a distillation was begun without its teacher's folder")
        frozen = Trainable(method="full")
        loaded, tokenizer = loading.load(
            self._teacher, frozen, self.recipe.levers, device=memory.device
        )
        loading.require_one_vocabulary(
            (self.recipe.model, self.model, self.tokenizer), (softened.model, loaded, tokenizer)
        )
        loaded.eval().requires_grad_(requires_grad=False)
        taught = AnswerLosses(loaded, precision=self.recipe.levers.precision)
        taught.settle(self.lessons)
        found = Distillation(computed, taught, softened)
        self.layout = computed.layout
        return found

    @contextmanager
    def running(self) -> Iterator[Loop]:
        """The loop with this training's own random numbers, which others do not disturb."""
        with randomness.apart():
            randomness.restore(self._random)
            try:
                yield self.loop
            finally:
                self._random = randomness.state()

    def keep(self) -> None:
        """Write the checkpoint; only while `running`."""
        if self._checkpoint is not None:
            self._checkpoint.save(self.loop.weights, self.loop.optimizers, self.loop.signals)

    def mark(self) -> None:
        """Keep the checkpoint before this step, as a place to go back to."""
        if self._checkpoint is not None:
            self._checkpoint.mark()

    def write(self, into: Path) -> None:
        """Write what was learned so far into an empty folder."""
        recipe, learned = self.recipe, self.loop.weights
        left = {
            name: weight
            for name, weight in self.model.named_parameters()
            if name in learned or name in self._others
        }
        saving.save(self.model, left, recipe.trainable, base=recipe.model, into=into)
        told = [prompt_tokens(self.tokenizer, probe) for probe in chat_form.PROBES]
        saving.save_probes(told, into)


@contextmanager
def remedied(memory: Memory) -> Iterator[None]:
    """Say what to change where the memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        short = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not short and "can't allocate memory" not in str(error):
            raise
        less = max(256, memory.pass_tokens // 2)
        recompute = "" if memory.recompute else ", or training.memory.recompute to true"
        raise TrainingError(
            f"the memory of {memory.device!r} does not hold this training: {error}. "
            f"Set training.memory.pass_tokens to {less} (it was {memory.pass_tokens}){recompute}, "
            "and start again: it goes on from its last checkpoint."
        ) from error


# Below: private.


def _without(plan: Plan, back: Rewind, pairs: Sequence[TrainingPair]) -> Plan:
    """The plan of a training that goes back. Raises `TrainingError` where it was not as is said."""
    places = {place for place, pair in enumerate(pairs) if pair.item in back.items}
    absent = sorted(set(back.items) - {pairs[place].item for place in places})
    if absent or back.after >= len(plan):
        raise TrainingError(
            f"the training {back.recipe[:12]!r} has {len(plan)} steps"
            + (f" and was not taught {absent[:3]!r}" if absent else "")
            + f": it cannot go back to step {back.after} and on without "
            f"{list(back.items)[:3]!r}. Copy training.rewind from `escalera diagnose`."
        )
    left = skipping(plan, places, after=back.after)
    if left == plan:
        raise TrainingError(
            f"behind step {back.after} of the training {back.recipe[:12]!r} none of "
            f"{list(back.items)[:3]!r} is taught any more: going back there changes nothing. Name "
            "an earlier step in training.rewind, or leave it out."
        )
    return left


def _sampled(objective: Objective, lessons: Sequence[Lesson], tokens: int) -> None:
    """The gradient of some lessons that are spread over all."""
    stride = max(1, len(lessons) // _SAMPLE)
    sample = list(lessons[::stride])[:_SAMPLE]
    for part in objective.parts(sample, tokens=tokens):
        objective.loss(part, sample).weighed.backward()  # type: ignore[no-untyped-call]


def _recompute(model: Any) -> None:
    model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": False})
