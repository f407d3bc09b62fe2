"""`[models.NAME.vllm]`: how the vLLM process of a model is started, and what it may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from escalera.domain.levers import Trainable

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM makes room for."""

OWN = frozenset(
    {
        "--api-key",
        "--enable-lora",
        "--generation-config",
        "--gpu-memory-utilization",
        "--host",
        "--load-format",
        "--lora-modules",
        "--max-cpu-loras",
        "--max-lora-rank",
        "--max-loras",
        "--model",
        "--port",
        "--served-model-name",
        "--shutdown-timeout",
        "--ssl-certfile",
        "--ssl-keyfile",
        "--uds",
    }
)
"""Arguments that Escalera gives by itself, or that would keep it from reaching the process."""


class VLLMTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME.vllm]`: every key has a default."""

    command: list[str] = msgspec.field(default_factory=lambda: ["vllm", "serve"])
    arguments: list[str] = msgspec.field(default_factory=list)
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    adapters: Annotated[int, msgspec.Meta(ge=0, le=256)] = 8
    rank: int = 16
    memory: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    start_seconds: Annotated[float, msgspec.Meta(ge=1, le=7200)] = 900.0
    stop_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0


def problems(key: str, table: VLLMTable) -> Iterator[tuple[str, str, str]]:
    """Keys of a table with what is wrong with them, and the remedy."""
    if not table.command or not all(table.command):
        yield f"{key}.command", "names no program", 'Give a list such as ["vllm", "serve"]'
    if table.rank not in RANKS:
        rule = f"Give one of {', '.join(map(str, RANKS))}"
        yield f"{key}.rank", f"{table.rank!r} is no rank that vLLM makes room for", rule
    for given in table.arguments:
        if given.partition("=")[0].replace("_", "-") in OWN:
            rule = "is an argument that Escalera gives by itself"
            yield f"{key}.arguments", f"{given!r} {rule}", "Leave it out; other keys set it"


def untrainable(key: str, table: VLLMTable, trainable: Trainable) -> Iterator[tuple[str, str, str]]:
    """What a training would leave that vLLM cannot load: keys, what is wrong, and the remedy."""
    weights, other = "training.weights", 'or engine = "transformers"'
    if trainable.method not in ("lora", "rslora"):
        said = f"{trainable.method!r} leaves what vLLM cannot load"
        yield f"{weights}.method", said, f'Choose "lora" or "rslora", {other}'
    if trainable.merged:
        said = "leaves weights instead of an adapter, which vLLM cannot load"
        yield f"{weights}.merged", said, f"Leave it out, {other}"
    if trainable.tokens:
        said = "leaves embeddings beside the adapter, which vLLM does not load"
        yield f"{weights}.tokens", said, f"Leave it out, {other}"
    if trainable.rank > table.rank:
        said = f"{table.rank} is less than the rank of the adapters, {trainable.rank}"
        yield f"{key}.rank", said, f"Give {_room(trainable.rank)}"


# Below: private.


def _room(rank: int) -> str:
    return next((str(one) for one in RANKS if one >= rank), f"at most {RANKS[-1]} to both")
