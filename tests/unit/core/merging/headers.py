"""Models without weights, for the tests of plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalera.core.merging.fitting import Header, ModelHeader
from escalera.core.merging.recipe import Recipe, Slice, Source

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4}


def model(
    name: str,
    *,
    layers: int = 3,
    rows: int = 6,
    tensors: Mapping[str, Header] | None = None,
    vocabulary: Mapping[str, int] | None = None,
    tokenizer: tuple[str, str] | None = None,
    **config: Any,
) -> ModelHeader:
    """A model of some layers with two weights each."""
    shapes = {"model.embed_tokens.weight": (rows, 4), "model.norm.weight": (4,)}
    for layer in range(layers):
        shapes[f"model.layers.{layer}.mlp.up_proj.weight"] = (8, 4)
        shapes[f"model.layers.{layer}.self_attn.q_proj.weight"] = (4, 4)
    held = {key: Header(kind="BF16", shape=shape) for key, shape in shapes.items()}
    return ModelHeader(
        name=name,
        tensors=held | dict(tensors or {}),
        config=CONFIG | {"num_hidden_layers": layers, "vocab_size": rows} | config,
        vocabulary=vocabulary,
        tokenizer=tokenizer,
    )


def recipe(method: str, *models: str, base: str | None = None, **more: Any) -> Recipe:
    """Whole models with weight 1."""
    sources = tuple(Source(model=name, settings=(("weight", 1.0),)) for name in models)
    return Recipe(method=method, slices=(Slice(sources=sources),), base=base, **more)
