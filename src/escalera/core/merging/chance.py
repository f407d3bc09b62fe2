"""Random bits by place: the same for a weight whatever is computed before it, and in which chunks.

The generator is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators", figure 14): the n-th output is a mixing function of `key + n * golden`, so it can be
asked for any n by itself. Each output serves two numbers, its lower half the even one.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint32]
_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_STEPS: tuple[tuple[int, int], ...] = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def key(seed: int, *names: str) -> int:
    """A key of 64 bits for a seed and names, such as those of a model and a tensor."""
    text = "\0".join((str(seed), *names)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def bits(of: int, start: int, size: int) -> Bits:
    """Uniform words of 32 bits for the places from *start* on under the key *of*."""
    first = start // 2
    count = (start + size + 1) // 2 - first
    state = np.arange(count, dtype=np.uint64)
    np.multiply(state, np.uint64(_GOLDEN), out=state)
    np.add(state, np.uint64((of + (first + 1) * _GOLDEN) & _MASK), out=state)
    shifted = np.empty_like(state)
    for shift, factor in _STEPS:
        np.right_shift(state, np.uint64(shift), out=shifted)
        np.bitwise_xor(state, shifted, out=state)
        np.multiply(state, np.uint64(factor), out=state)
    np.right_shift(state, np.uint64(31), out=shifted)
    np.bitwise_xor(state, shifted, out=state)
    return state.astype("<u8", copy=False).view("<u4")[start % 2 :][:size]
