"""What models must have in common to be merged, and the configuration of what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from escalera.core.merging.recipe import Recipe, Slice
from escalera.errors import MergeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Kind and shape of a tensor in a file."""

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHeader:
    """What is known of a model without reading its weights. Tokens have their numbers.

    `tokenizer` names and identifies a file of tokens that is not understood, where that is all.
    """

    name: str
    tensors: Mapping[str, Header]
    config: Mapping[str, Any]
    vocabulary: Mapping[str, int] | None = None
    tokenizer: tuple[str, str] | None = None


_SAME = (
    "architectures", "model_type", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "head_dim", "tie_word_embeddings", "hidden_act",
)  # fmt: skip
_SHOULD = ("rope_theta", "rope_scaling", "rope_parameters", "rms_norm_eps", "sliding_window")


def require_alike(models: Sequence[ModelHeader], *, whole: bool) -> None:
    """Raise `MergeError` for the first key in which configurations differ that may not."""
    first = models[0]
    keys = (*_SAME, "num_hidden_layers") if whole else _SAME
    for other in models[1:]:
        for key in keys:
            one, two = first.config.get(key), other.config.get(key)
            if one != two:
                raise MergeError(
                    f"{key} is {one!r} in the model {first.name!r} and {two!r} in {other.name!r}. "
                    "Only models of one architecture can be merged."
                )
    _require_one_tokenizer([model for model in models if model.tokenizer is not None])


def differences(models: Sequence[ModelHeader]) -> list[str]:
    """Differences that are allowed, in words."""
    first = models[0]
    lacking = [model.name for model in models if model.vocabulary is None]
    if len({model.tokenizer for model in models}) == 1 and models[0].tokenizer is not None:
        lacking = []
    said = [
        f"{name} has no tokenizer.json; its tokens are taken to be those of the others"
        for name in lacking
    ]
    if lacking and len(lacking) == len(models):
        said = ["no model has a tokenizer.json or vocab.json; all are taken to have one vocabulary"]
    return said + [
        f"{key} is {first.config.get(key)!r} in {first.name} and {other.config.get(key)!r} in "
        f"{other.name}; the output takes that of its configuration"
        for other in models[1:]
        for key in _SHOULD
        if first.config.get(key) != other.config.get(key)
    ]


def rows(model: ModelHeader) -> int:
    """How many tokens its tables have room for."""
    return int(model.config.get("vocab_size") or 0)


_NAMES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}


def configuration(
    asked: Recipe,
    parts: Sequence[Slice],
    known: Mapping[str, ModelHeader],
    owner: ModelHeader,
    kinds: Set[str],
) -> dict[str, Any]:
    """The output's configuration: the owner's, with what the merge changes.

    *kinds* are those of the numbers in the output.
    """
    config = dict(owner.config)
    kinds = kinds & set(_NAMES)
    for key in ("torch_dtype", "dtype"):
        if len(kinds) == 1 and (key in config or (key == "torch_dtype" and "dtype" not in config)):
            config[key] = _NAMES[next(iter(kinds))]
    if not asked.whole:
        chosen = [(part.sources[0].model, part.sources[0].layers or (0, 0)) for part in parts]
        for key in ("num_hidden_layers", "n_layer", "num_layers"):
            if key in config:
                config[key] = sum(stop - start for _, (start, stop) in chosen)
        if isinstance(config.get("layer_types"), list):
            config["layer_types"] = [
                known[model].config["layer_types"][place]
                for model, (start, stop) in chosen
                for place in range(start, stop)
            ]
    return config


def _require_one_tokenizer(models: Sequence[ModelHeader]) -> None:
    for other in models[1:]:
        if other.tokenizer != models[0].tokenizer:
            (one, _), (two, _) = models[0].tokenizer or ("", ""), other.tokenizer or ("", "")
            raise MergeError(
                f"{one} of the model {models[0].name!r} and {two} of {other.name!r} differ, and "
                "which tokens they hold is not read from them. Save both models' tokenizers as "
                "tokenizer.json, which transformers' save_pretrained does."
            )
