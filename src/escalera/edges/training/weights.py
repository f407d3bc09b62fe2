"""Which weights of a model learn: matrices beside its own, some of its own, or all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from escalera.domain.levers import Trainable
from escalera.edges.model_loading import LOADING, unalarmed
from escalera.errors import TrainingError

Learning = dict[str, torch.nn.Parameter]
"""Weights that learn, by name, in the model's order."""


def require(model: Any, tokenizer: Any, trainable: Trainable) -> None:
    """Raise `TrainingError` for modules, layers, tokens or a share that the model does not have.

    What its weights are does not count, so that it may be without any.
    """
    if trainable.adapter:
        _require_modules(model, trainable.targets)
        _tokens(tokenizer, trainable.tokens)
    elif trainable.tokens:
        raise TrainingError(
            f"tokens {list(trainable.tokens)!r} are trained beside an adapter, and the method is "
            f"{trainable.method!r}, which trains embeddings already. Leave `tokens` out."
        )
    elif trainable.method == "partial" and trainable.layers:
        known = [name for name, _ in model.named_parameters()]
        if not any(_meant(known, trainable)):
            raise TrainingError(
                f"no weight of the model matches {list(trainable.layers)!r}. "
                f"Its weights are named like {known[:3]!r} and {known[-3:]!r}."
            )
    elif trainable.method == "partial":
        _require_share(model, trainable.share)


def prepare(model: Any, tokenizer: Any, trainable: Trainable) -> Any:
    """Put adapters into *model*, or leave its own weights learn. Returns what is to be trained.

    Where weights are chosen by their gradient, `choose` has to follow.
    Raises `TrainingError` as `require` does, and for what PEFT does not take.
    """
    require(model, tokenizer, trainable)
    if trainable.adapter:
        return _adapt(model, tokenizer, trainable)
    named = dict(model.named_parameters())
    for weight, meant in zip(named.values(), _meant(named, trainable), strict=True):
        weight.requires_grad_(meant)
    return model


def choose(model: Any, share: float, backward: Callable[[], None]) -> None:
    """Let the matrices of the blocks learn that would change the most, up to *share* of all.

    They are ranked by the mean square of their gradient on a sample, which *backward* computes:
    the diagonal of the empirical Fisher information (Sung et al. 2021, arXiv 2111.09839).
    """
    candidates = _matrices(model)
    inner = {id(weight) for weight in candidates.values()}
    for weight in model.parameters():
        weight.requires_grad_(id(weight) in inner)
    backward()
    scores = {
        name: float(weight.grad.square().mean()) if weight.grad is not None else 0.0
        for name, weight in candidates.items()
    }
    model.zero_grad()
    left = share * sum(weight.numel() for weight in model.parameters())
    for name in sorted(candidates, key=lambda found: (-scores[found], found)):
        weight = candidates[name]
        weight.requires_grad_(weight.numel() <= left)
        left -= weight.numel() if weight.requires_grad else 0


def learning(model: Any) -> Learning:
    """The weights that learn."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


# Below: private.


def _adapt(model: Any, tokenizer: Any, trainable: Trainable) -> Any:
    """Put LoRA layers into the model."""
    config = LoraConfig(
        r=trainable.rank,
        lora_alpha=trainable.alpha,
        target_modules=list(trainable.targets) or "all-linear",
        lora_dropout=trainable.dropout,
        use_rslora=trainable.method == "rslora",
        use_dora=trainable.method == "dora",
        trainable_token_indices=_tokens(tokenizer, trainable.tokens) or None,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with LOADING, unalarmed():
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise TrainingError(
                f"LoRA cannot be put on {list(trainable.targets)!r}: {error}. "
                "Give as targets the names of its linear layers, and a rank above 0."
            ) from error


def _require_modules(model: Any, targets: Sequence[str]) -> None:
    """PEFT would ignore names that match nothing."""
    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if unknown := sorted(set(targets) - present):
        raise TrainingError(
            f"the model has no modules named {unknown!r}. "
            "Give as targets the names of its linear layers, or none for all of them."
        )


def _require_share(model: Any, share: float) -> None:
    least = min(weight.numel() for weight in _matrices(model).values())
    if least > share * sum(weight.numel() for weight in model.parameters()):
        raise TrainingError(
            f"a share of {share!r} of the weights does not hold a single matrix; the smallest has "
            f"{least} values. Raise `share`, or name `layers`."
        )


def _meant(names: Iterable[str], trainable: Trainable) -> list[bool]:
    """Which of the model's own weights learn, before any are chosen."""
    patterns = [_compiled(pattern) for pattern in trainable.layers]
    whole = trainable.method == "full"
    return [whole or any(p.search(name) for p in patterns) for name in names]


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    found = []
    for text in texts:
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(tokens) != 1:
            raise TrainingError(
                f"{text!r} is {len(tokens)} tokens of this model, and only the embedding of a "
                "single token can be trained. Name tokens of its vocabulary."
            )
        found += tokens
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise TrainingError(
            f"{pattern!r} is no regular expression: {error}. "
            "Name weights like 'layers.3.' or 'mlp'."
        ) from error


def _matrices(model: Any) -> Learning:
    """Every matrix but the embeddings and the output layer."""
    outer = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    return {
        name: weight
        for name, weight in model.named_parameters()
        if weight.dim() == 2 and id(weight) not in outer
    }
