"""`[models.NAME.serving]`: what a model in this process may use while it is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

NumberName = Literal["float32", "bfloat16", "float16"]
"""The numbers that a model computes with."""


class ServingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME.serving]`: every key has a default.

    `rows` are answered at a time and `queue` wait; `cache_tokens` bounds the memory for keys and
    values, and `prompt_tokens` how much of prompts runs beside one token of each answer: without it
    as much as the machine runs in a twentieth of a second.
    """

    device: Annotated[str, msgspec.Meta(pattern="^(cpu|cuda(:[0-9]+)?)$")] = "cpu"
    numbers: NumberName | None = None
    rows: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 32
    queue: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 128
    context: Annotated[int, msgspec.Meta(ge=64)] | None = None
    cache_tokens: Annotated[int, msgspec.Meta(ge=64)] = 65536
    prompt_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    adapter_megabytes: Annotated[int, msgspec.Meta(ge=1)] = 1000


def problems(key: str, table: ServingTable) -> Iterator[tuple[str, str, str]]:
    """Keys of a table with what is wrong with them, and the remedy."""
    if table.device == "cpu" and table.numbers == "float16":
        yield f"{key}.numbers", "is 'float16', which a CPU is slow at", "Give 'bfloat16' or nothing"
    if table.context is not None and table.context > table.cache_tokens:
        told = f"{table.cache_tokens!r} holds no row of `context` {table.context!r}"
        yield f"{key}.cache_tokens", told, "Give as many tokens as `context` or more"
