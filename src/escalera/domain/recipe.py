"""Plans that make an adapter: a training or a merge. Equal plans are never run twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.domain.identity import digest_of
from escalera.domain.message import Message
from escalera.domain.system import Prompt

MergeMethod = Literal["concatenate", "linear", "ties"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraLevers:
    """The levers of a LoRA training, with the defaults of a small dense model.

    `batch_tokens` counts padded tokens per optimizer step; `targets` are module names.
    """

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 5e-3
    epochs: int = 3
    batch_tokens: int = 1024
    seed: int = 0
    targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """Training examples of one task under the prompt that the system will use for it.

    `examples` is how many of the task's `train` items are taken, in the project's order; `data`
    is the digest of exactly those items.
    """

    task: str
    prompt: Prompt
    examples: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """What to train, on what, with which levers."""

    model: str
    revision: str
    ingredients: tuple[Ingredient, ...]
    levers: LoraLevers

    @property
    def digest(self) -> str:
        """Content hash of the recipe."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPair:
    """One conversation and the answer that the model is taught to give."""

    messages: tuple[Message, ...]
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedAdapter:
    """One input of a merge."""

    adapter: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """Adapters of one base model merged into one.

    `concatenate` is exact (ranks add up), `linear` and `ties` keep the rank of the inputs
    (TIES: Yadav et al. 2023, arXiv 2306.01708; `density` is the share of weights kept).
    """

    method: MergeMethod
    adapters: tuple[WeightedAdapter, ...]
    density: float = 1.0

    @property
    def digest(self) -> str:
        """Content hash of the plan."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """Mean loss per answer token at one optimizer step."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What a training left behind besides the adapter. `seconds` is a clock reading."""

    curve: tuple[LossPoint, ...]
    tokens: int
    examples: int
    parameters: int
    seconds: float
