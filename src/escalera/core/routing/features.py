"""What a message is made of: hashed words and character n-grams, in a few dozen microseconds.

A polynomial hash over the UTF-8 bytes has all n-grams of one length from one subtraction of
prefix sums (Karp and Rabin 1987), so that nothing is done per n-gram in Python. Sums wrap around
at 2^32; the multipliers are odd, hence invertible there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from escalera.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 18
BUCKETS = 1 << BITS
NGRAMS = (3, 4, 5)
LONGEST = 2000
"""Bytes of a message that are read: the cost of a choice is bounded."""
NAME = f"rolling{BITS}-char{NGRAMS[0]}to{NGRAMS[-1]}-word"
"""What weights were learned on: with other features they mean nothing."""

Floats: TypeAlias = "NDArray[np.float32]"
Places: TypeAlias = "NDArray[np.intp]"


def folded(text: str) -> bytes:
    """The bytes that are hashed: lower case, words apart by one space, no ASCII punctuation."""
    words = text[:LONGEST].casefold().encode("utf-8", "replace")[:LONGEST].translate(_SPACED)
    return b" " + b" ".join(words.split()) + b" "


def hashed(text: str) -> tuple[Places, Floats]:
    """The buckets of a message, ascending, and 1 + log count of each; empty for no words."""
    places = _buckets(np.frombuffer(folded(text), np.uint8))
    places.sort()
    edges = np.ones(len(places) + 1, np.bool_)
    np.not_equal(places[1:], places[:-1], out=edges[1:-1])
    bounds = edges.nonzero()[0]
    logs = _tables().logs
    if not len(places):
        return bounds[:0], logs[:0]
    return places[bounds[:-1]].astype(np.intp), logs[bounds[1:] - bounds[:-1]]


def pieces(text: str) -> tuple[bytes, list[tuple[int, int]], Places]:
    """The folded bytes of a message, where its words and n-grams begin and end, their buckets."""
    raw = folded(text)
    data = np.frombuffer(raw, np.uint8)
    begins, ends = _words(data)
    spans = list(zip(begins.tolist(), ends.tolist(), strict=True))
    for length in NGRAMS:
        spans += [(start, start + length) for start in range(len(data) - length + 1)]
    return raw, spans, _buckets(data).astype(np.intp)


def slots(buckets: Places) -> NDArray[np.int32]:
    """The row of every bucket: 1 and up for *buckets*, in their order, 0 for all others."""
    found = np.zeros(BUCKETS, np.int32)
    found[buckets] = np.arange(1, len(buckets) + 1)
    return found


# Below: private.

_SPACED = bytes(code if code >= 128 or chr(code).isalnum() else 32 for code in range(256))
_BASE = 0x9E3779B1
_MIX = 0xC2B2AE35
_HALF, _REST = 15, 32 - BITS


@dataclass(frozen=True, slots=True)
class _Tables:
    """Logarithms of counts, and powers of the base, of its inverse and of the salts."""

    logs: Floats
    up: NDArray[np.uint32]
    down: NDArray[np.uint32]
    salts: NDArray[np.uint32]


@cache
def _tables() -> _Tables:
    logs = np.concatenate(([0.0], 1 + np.log(np.arange(1, LONGEST + 8)))).astype(np.float32)
    down = _powers(pow(_BASE, -1, 1 << 32))
    return _Tables(logs=logs, up=_powers(_BASE), down=down, salts=_powers(0x85EBCA6B)[1:])


def _powers(base: int) -> NDArray[np.uint32]:
    found, power = [], 1
    for _ in range(LONGEST + 8):
        found.append(power)
        power = power * base & 0xFFFFFFFF
    return np.array(found, dtype=np.uint32)


def _words(data: NDArray[np.uint8]) -> tuple[Places, Places]:
    """Where words begin and end."""
    spaces = np.flatnonzero(data == 32)
    if len(data) == 2:
        return spaces[:0], spaces[:0]
    return spaces[:-1] + 1, spaces[1:]


def _buckets(data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The bucket of every word, then of every n-gram by length."""
    size, tables = len(data), _tables()
    up, down, salts = tables.up, tables.down, tables.salts
    sums = np.zeros(size + 1, np.uint32)
    np.cumsum(data * up[:size], dtype=np.uint32, out=sums[1:])
    begins, ends = _words(data)
    found = [(sums[ends] - sums[begins]) * down[begins] ^ salts[0]]
    for length in NGRAMS:
        many = size - length + 1
        if many > 0:
            found.append((sums[length:] - sums[:many]) * down[:many] ^ salts[length])
    mixed = np.concatenate(found)
    mixed ^= mixed >> _HALF
    mixed *= _MIX
    mixed >>= _REST
    return mixed
