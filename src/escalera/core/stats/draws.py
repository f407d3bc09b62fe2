"""Uniform numbers from a keyed hash: the core has no random source, and needs none.

A key names what is drawn ("placebo", seed, repetition, …), so every draw can be made again, alone
and in any order, and is the same on every machine and in every version of NumPy.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray


def uniform(shape: tuple[int, ...], *key: str | int) -> NDArray[np.float64]:
    """Return numbers in [0, 1) on a grid of 2^-53, in an array of this shape.

    SHAKE-128 (FIPS 202) of the key, read as 64-bit words of which the upper 53 bits are kept. The
    first numbers of a longer draw under the same key are those of a shorter one.
    """
    count = int(np.prod(shape))
    stream = hashlib.shake_128(json.dumps(key).encode()).digest(8 * count)
    words = np.frombuffer(stream, dtype="<u8") >> np.uint64(11)
    numbers: NDArray[np.float64] = words.astype(np.float64) * 2.0**-53
    return numbers.reshape(shape)


def below(limits: NDArray[np.int_], uniforms: NDArray[np.float64]) -> NDArray[np.int_]:
    """Return whole numbers from 0 to limit - 1, equally likely but for limit * 2^-53.

    `limits`, all at least 1, are spread over the last axes of `uniforms`.
    """
    return (uniforms * limits).astype(np.int_)
