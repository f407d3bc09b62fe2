"""Model folders as models that can be trained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging

from escalera.domain.levers import Levers, Trainable
from escalera.edges.model_loading import LOADING, refused_as
from escalera.edges.training.lessons import Teaching, stop_tokens
from escalera.errors import TrainingError

Named = tuple[str, Any, Any]
"""What a model is called, the model, and its tokenizer."""


def load(folder: Path, trainable: Trainable, levers: Levers, *, device: str) -> tuple[Any, Any]:
    """Model and tokenizer. Weights that do not learn are held in the precision of the training.

    Raises `TrainingError` for a folder that holds no causal language model.
    """
    half = levers.precision == "bfloat16" and trainable.adapter
    found = tokenizer(folder)
    with refused_as(_unusable, folder), LOADING:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.bfloat16 if half else torch.float32,
        )
    return model.to(device), found


def outline(folder: Path) -> tuple[Any, Any]:
    """The same without the model's weights: what it is made of. Raises as `load` does."""
    found = tokenizer(folder)
    with refused_as(_unusable, folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with LOADING, torch.device("meta"):
            kinds: Any = AutoModelForCausalLM
            model = kinds.from_config(config, trust_remote_code=False)
    return model, found


def require_one_vocabulary(learner: Named, teacher: Named) -> None:
    """Raise `TrainingError` where what two models say cannot be compared token by token."""
    words = [tokenizer.get_vocab() for _, _, tokenizer in (learner, teacher)]
    sizes = [model.config.get_text_config().vocab_size for _, model, _ in (learner, teacher)]
    if words[0] != words[1] or sizes[0] != sizes[1]:
        raise TrainingError(
            f"the model {teacher[0]!r} has another vocabulary than {learner[0]!r}, "
            "so that their tokens cannot be compared. Learn its whole answers instead: "
            "objective = 'supervised' with [training.teacher]."
        )


def tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder. Raises `TrainingError` like `load`."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with refused_as(_unusable, folder):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def teaching(model: Any, tokenizer: Any) -> Teaching:
    """How conversations are told to the model."""
    config = model.config.get_text_config()
    return Teaching(
        tokenizer=tokenizer,
        stops=stop_tokens(model, tokenizer),
        context=getattr(config, "max_position_embeddings", None),
        width=config.vocab_size,
    )


def light_teaching(folder: Path) -> Teaching:
    """The same from a folder, whose weights are not read. Raises `TrainingError` like `load`."""
    with refused_as(_unusable, folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        try:
            said = GenerationConfig.from_pretrained(folder)
        except OSError:  # a folder need not have one: the model makes it of its configuration
            said = GenerationConfig.from_model_config(config)
    return teaching(SimpleNamespace(config=config, generation_config=said), tokenizer(folder))


# Below: private.


def _unusable(folder: Path, reason: str) -> TrainingError:
    return TrainingError(
        f"the model folder {str(folder)!r} cannot be loaded: {reason}. "
        "It must hold a causal language model that Transformers knows without remote code."
    )
