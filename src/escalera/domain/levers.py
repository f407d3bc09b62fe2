"""The levers of a training: which weights learn, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from escalera.domain.identity import LATER

Method = Literal["lora", "rslora", "dora", "partial", "full"]
METHODS: tuple[Method, ...] = get_args(Method)
ADAPTERS: tuple[Method, ...] = ("lora", "rslora", "dora")
"""The methods that train matrices beside the model's own."""
OF_ADAPTERS = ("rank", "dropout")
"""Levers that only those methods read: with another one they change nothing."""

OptimizerName = Literal["adamw", "adafactor", "muon", "sgd"]
Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["float32", "bfloat16"]
Objective = Literal["supervised", "preference", "distillation"]
Engine = Literal["own", "trl"]
Effort = Literal["pilot", "normal", "thorough"]
BETA = 0.1
"""How strongly preferences are held to the model before training (Rafailov et al. 2023)."""

LINEAR = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)
"""The linear layers of a Llama-shaped block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainable:
    """Which weights learn.

    `lora` (Hu et al. 2021, arXiv 2106.09685), `rslora` (alpha over the root of the rank;
    Kalajdzievski 2023, arXiv 2312.03732) and `dora` (magnitude and direction; Liu et al. 2024,
    arXiv 2402.09353) put matrices of `rank` beside the modules named in `targets`, with `dropout`
    before them. `partial` trains the model's own weights whose names match one of the regular
    expressions in `layers`, or, without any, those blocks that would change the most, up to
    `share` of all parameters. `full` trains all. `tokens` are texts of single tokens whose
    embeddings learn besides. `merged` folds the matrices into the model's weights at the end, so
    that nothing is computed beside them when they are served.
    """

    method: Method = "lora"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = LINEAR
    layers: tuple[str, ...] = ()
    share: float = 0.25
    tokens: tuple[str, ...] = ()
    merged: bool = False

    @property
    def adapter(self) -> bool:
        """Whether matrices beside the model's own weights learn."""
        return self.method in ADAPTERS

    @property
    def factors(self) -> bool:
        """Whether what is left in the end are such matrices, and not weights of the model."""
        return self.adapter and not self.merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Softened:
    """A local model whose distribution over the next token is learned, with the same vocabulary.

    The loss is `share` of the cross-entropy to it, both at `temperature`, and what is left of the
    loss of the answers (Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2).
    """

    model: str
    revision: str
    temperature: float = 2.0
    share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """How the weights learn.

    `learning_rate` None is to be found before the training. `warm_up` is the share of the steps in
    which the rate rises, at most ten steps where it is 0; `clip` the largest norm of a gradient.
    `batch_tokens` counts the tokens of the examples of one optimizer step, and where
    `batch_examples` is a number, that counts its examples instead. Where batches of tokens would
    make fewer steps than `fewest_steps`, they are smaller, down to an example each. `bfloat16`
    computes in that precision and keeps what learns in float32.
    """

    optimizer: OptimizerName = "adamw"
    learning_rate: float | None = 5e-3
    schedule: Schedule = "linear"
    warm_up: float = 0.0
    weight_decay: float = 0.0
    epochs: int = 3
    batch_tokens: int = 1024
    clip: float = 1.0
    seed: int = 0
    precision: Precision = "float32"
    batch_examples: int | None = field(default=None, metadata=LATER)
    fewest_steps: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What a caller gave; None is `auto`, and then the job's events say what was taken, and why.

    `batch_size` counts examples, and `learning_rate_multiplier` scales the rate that would be taken
    otherwise. `beta` is for preferences alone.
    """

    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    beta: float | None = None


AUTO = Hyperparameters()
"""Nothing was given."""
