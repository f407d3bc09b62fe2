"""MinHash sketches of sets, and which sets are likely alike: with the library `rensa`.

128 permutations in 32 bands of 4: of two sets with a Jaccard of 0.7 at least one band agrees with a
probability of 0.9998, at 0.6 of 0.988. Needs the extra `data`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import rensa

PERMUTATIONS = 128
BANDS = 32
SEED = 1
"""The same sketches everywhere: what is found must not depend on chance."""
LEAST = 0.6
"""Jaccard below which too many pairs would be missed."""
DOUBT = 0.15
"""How far below the truth the Jaccard of two sketches may be: almost four standard errors."""


class MinHashes:
    """Sets by their numbers, found by what they have in common.

    Of each sketch a byte per permutation is kept: it tells candidates that share a band by chance.
    """

    def __init__(self, least: float) -> None:
        self._index = rensa.RMinHashLSH(LEAST, PERMUTATIONS, BANDS)
        self._least = least - DOUBT
        self._numbers = array("I")
        self._bytes = bytearray()
        self._last: tuple[frozenset[str], rensa.RMinHash, bytes] | None = None

    def like(self, shingles: frozenset[str]) -> Sequence[int]:
        """The numbers of sets whose sketch is like that of this one, the likeliest first."""
        sketch, own = self._sketch(shingles)
        rows = np.array(sorted(self._index.query(sketch)), dtype=np.int64)
        if not rows.size:
            return ()
        kept = np.frombuffer(self._bytes, dtype=np.uint8).reshape(-1, PERMUTATIONS)
        common = (kept[rows] == np.frombuffer(own, dtype=np.uint8)).mean(axis=1)
        order = np.argsort(-common, kind="stable")
        return [self._numbers[row] for row in rows[order[common[order] >= self._least]]]

    def add(self, number: int, shingles: frozenset[str]) -> None:
        """Remember a set by its number."""
        sketch, own = self._sketch(shingles)
        self._index.insert(len(self._numbers), sketch)
        self._numbers.append(number)
        self._bytes += own

    # Below: private.

    def _sketch(self, shingles: frozenset[str]) -> tuple[rensa.RMinHash, bytes]:
        # A set is looked for and then added: one sketch serves both.
        if self._last is None or self._last[0] is not shingles:
            made = rensa.RMinHash(PERMUTATIONS, SEED)
            made.update([*shingles])
            own = np.array(made.digest(), dtype=np.uint32).astype(np.uint8).tobytes()
            self._last = (shingles, made, own)
        return self._last[1:]
