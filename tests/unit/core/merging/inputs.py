"""Inputs for the tests of merge methods, and what a method makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from escalera.core.merging import methods
from escalera.core.merging.methods import Values
from escalera.core.merging.streams import CELL, Held, Stream


def arrays(count: int, *shape: int, seed: int = 0, spread: float = 0.1) -> list[np.ndarray]:
    """A base and models near it, in float32."""
    generator = np.random.default_rng(seed)
    base = generator.standard_normal(shape)
    others = [base + spread * generator.standard_normal(shape) for _ in range(count - 1)]
    return [values.astype(np.float32) for values in (base, *others)]


def stream(tensors: Sequence[np.ndarray], *, chunk: int = CELL, held: int = 1 << 22) -> Stream:
    """The arrays as inputs."""
    return Stream(
        [Held(raw=values.reshape(-1), kind="F32") for values in tensors],
        shape=tensors[0].shape,
        chunk=chunk,
        held=held,
    )


def merged(
    method: str,
    tensors: Sequence[np.ndarray],
    *,
    each: Sequence[Mapping[str, float]] = (),
    shared: Mapping[str, Any] | None = None,
    beside: Sequence[np.ndarray] = (),
    keys: Sequence[int] = (),
    chunk: int = CELL,
) -> np.ndarray:
    """What a method makes of them, with its defaults for all that is not given."""
    found = methods.named(method)
    defaults = {p.name: p.default for p in found.parameters if p.default is not None}
    parts = found.run(
        stream(tensors, chunk=chunk),
        Values(
            shared=defaults | dict(shared or {}),
            each=[defaults | dict(given) for given in each],
            keys=tuple(keys) or tuple(range(len(each))),
        ),
        [Held(raw=values.reshape(-1), kind="F32") for values in beside],
    )
    return np.concatenate([part.copy() for part in parts]).reshape(tensors[0].shape)
