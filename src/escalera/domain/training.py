"""What a training tells while it runs and leaves behind besides its adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from escalera.domain.identity import LATER
from escalera.domain.recipe import TrainingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """Mean loss per answer token at one optimizer step."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLoss:
    """The mean loss per answer token of one training example, by its place among the pairs."""

    place: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSignal:
    """One optimizer step: its loss, the norm of its gradient before clipping, its learning rate.

    `tokens` are those that went through the model, `samples` the examples that the step was made
    of.
    """

    step: int
    loss: float
    norm: float
    rate: float
    tokens: int
    samples: tuple[SampleLoss, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A point of a curve: what it is of, after which step, and its value."""

    name: str
    step: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was made of one training example, by its place among the pairs, in tokens.

    `prompt` tokens were read and `learned` ones taught; `target` is how many the right answer has
    by itself. `stops` says whether the last one that was taught ends an answer.
    """

    place: int
    prompt: int
    learned: int
    target: int
    stops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How the training told its examples to the model.

    `known` are the special tokens of the tokenizer that mark who speaks, `used` those of them that
    the conversations hold, and `broken` the marks of the template that are no single token.
    """

    lessons: tuple[Lesson, ...]
    known: tuple[str, ...]
    used: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How a training stands on examples that it is not taught, after `step` steps.

    `loss` is what the training makes smaller, meaned over them: per answer token, or per pair where
    answers are preferred. `accuracy` is the share of answer tokens that the model finds likeliest,
    each behind the right ones before it; of preferences, the share of pairs whose right answer
    gained on the other since the training began.
    """

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What a training left behind besides the adapter.

    `told` is None where the trainer does not say how it told the examples. `steps` of `planned`
    optimizer steps are done: fewer where it was asked to pause. `layout` says how examples lay in
    memory (`packed`, or `padded` where packing is not exact for the model). `seconds` is a clock
    reading, of this part of the training. `held` is None where no examples were held out for it.
    """

    signals: tuple[StepSignal, ...]
    planned: int
    examples: int
    parameters: int
    layout: str
    seconds: float
    told: Told | None = None
    held: Validation | None = None

    @property
    def steps(self) -> int:
        """Optimizer steps done."""
        return len(self.signals)

    @property
    def curve(self) -> tuple[LossPoint, ...]:
        """At most 200 losses, evenly spread, with the first and the last."""
        points = (LossPoint(step=signal.step, loss=signal.loss) for signal in self.signals)
        return thinned(tuple(points))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRun:
    """A short training that was thrown away: the mean loss of examples that it was not taught.

    Infinite where it diverged. `tokens` went through the model.
    """

    loss: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A training ended, or paused after `steps` of `planned`, and its adapter is stored.

    `log` is the artifact with what every step told. `tokens` went through the model, and `seconds`
    were read off a clock, since the pause before. Where a provider did the training, `job` is its
    job, `made` what it calls the model, and `micro_dollars` what it cost, None where that is
    unknown.
    """

    recipe: TrainingRecipe
    adapter: str
    log: str
    steps: int
    planned: int
    curve: tuple[LossPoint, ...]
    layout: str
    tokens: int
    examples: int
    parameters: int
    seconds: float
    job: str = field(default="", metadata=LATER)
    made: str = field(default="", metadata=LATER)
    micro_dollars: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTried:
    """A learning rate was tried in a short training that was thrown away.

    `question` is the digest of what the rate is to be found for: model, weights that learn and
    levers. `loss` is that of held-out examples, None where the training diverged. `seconds` is a
    clock reading.
    """

    question: str
    rate: float
    share: float
    loss: float | None
    tokens: int
    seconds: float


CURVE_POINTS = 200
"""As many losses of a training are kept in the journal; all of them are in its log."""


def thinned(points: Sequence[LossPoint]) -> tuple[LossPoint, ...]:
    """At most `CURVE_POINTS` of them, evenly spread, with the first and the last."""
    if len(points) <= CURVE_POINTS:
        return tuple(points)
    stride = (len(points) - 1) / (CURVE_POINTS - 1)
    return tuple(points[round(number * stride)] for number in range(CURVE_POINTS))
