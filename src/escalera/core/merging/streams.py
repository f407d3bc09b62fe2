"""Tensors of the same place in several models, read block by block into reused memory.

A merge method is a generator: it goes through the blocks of a `Stream` as often as it needs, to
measure and then to combine, and yields the merged blocks. What it may hold at a time is a block of
each input and some spare arrays, so that memory does not depend on the size of a tensor. Results
do not depend on the length of a block: what is summed is summed by cells of fixed length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from escalera.core.merging import numbers
from escalera.core.merging.numbers import Floats, Kind, Raw

CELL = 1 << 15
"""Numbers that are summed together; blocks are whole multiples of it, but for the last."""

HELD = 1 << 22
"""Numbers that a method may hold beside its blocks, where it is not told otherwise."""

_RUNS = 64
_SAMPLE = 1 << 16


class Tensor(Protocol):
    """Numbers of one tensor, wherever they lie."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, start: int, stop: int, out: Floats) -> None:
        """Write those from *start* to *stop* as float32 to *out*."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A tensor in memory, or in a mapped file: `raw` has one dimension."""

    raw: Raw
    kind: Kind

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.raw.size

    def read(self, start: int, stop: int, out: Floats) -> None:
        """Write those from *start* to *stop* as float32 to *out*."""
        numbers.decode(self.raw[start:stop], self.kind, out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """A table with a row for every token, read in the order of another vocabulary.

    `rows` names for every output row the row to read, or -1 for that of the table `instead`.
    """

    own: Held
    instead: Held
    width: int
    rows: NDArray[np.int64]

    @property
    def size(self) -> int:
        """How many numbers there are to read."""
        return len(self.rows) * self.width

    def read(self, start: int, stop: int, out: Floats) -> None:
        """Write those from *start* to *stop* as float32 to *out*."""
        first, last = start // self.width, -(-stop // self.width)
        rows = self.rows[first:last]
        taken = numbers.as_floats(self.own.raw.reshape(-1, self.width)[rows], self.own.kind)
        if (lacking := rows < 0).any():
            other = self.instead.raw.reshape(-1, self.width)[first:last][lacking]
            taken[lacking] = numbers.as_floats(other, self.instead.kind)
        skipped = start - first * self.width
        np.copyto(out, taken.reshape(-1)[skipped : skipped + stop - start])


class Spare:
    """Arrays that are used again and again, by name: one set for a thread."""

    def __init__(self) -> None:
        self._arrays: dict[str, Floats] = {}
        self._last: dict[str, Floats] = {}

    @property
    def host(self) -> Spare:
        """Arrays in the processor's memory, where these are elsewhere."""
        return self

    def new(self, size: int) -> Floats:
        """A new array of any content."""
        return np.empty(size, np.float32)

    def bring(self, values: Floats) -> Floats:
        """*values* in the processor's memory."""
        return values

    def floats(self, name: str, size: int) -> Floats:
        """*size* numbers of any value; the same object as long as the size is the same."""
        last = self._last.get(name)
        if last is not None and last.size == size:
            return last
        found = self._arrays.get(name)
        if found is None or found.size < size:
            found = self._arrays[name] = self.new(size)
        self._last[name] = found[:size]
        return self._last[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of every input: its first position, and one array each, which may be overwritten."""

    start: int
    values: list[Floats]

    @property
    def size(self) -> int:
        """Numbers of one input."""
        return len(self.values[0])


class Stream:
    """The inputs of one merged tensor; where there is a base, it is the first."""

    def __init__(
        self,
        tensors: Sequence[Tensor],
        *,
        shape: tuple[int, ...],
        spare: Spare | None = None,
        chunk: int = CELL,
        held: int = HELD,
    ) -> None:
        self.tensors = tuple(tensors)
        self.shape = shape
        self.size = tensors[0].size
        self.held = held
        self._spare = spare if spare is not None else Spare()
        self._chunk = max(1, chunk // CELL) * CELL

    def __len__(self) -> int:
        return len(self.tensors)

    def spare(self, name: str, size: int) -> Floats:
        """An array of any content that nobody else uses by this name."""
        return self._spare.floats(name, size)

    def with_more(self, tensors: Sequence[Tensor]) -> Stream:
        """The same inputs, and further ones after them."""
        more = (*self.tensors, *tensors)
        return Stream(more, shape=self.shape, spare=self._spare, chunk=self._chunk, held=self.held)

    def blocks(self) -> Iterator[Block]:
        """All numbers, in order; the arrays of a block hold until the next one is read."""
        return self._parts(self._chunk)

    def rows(self) -> Iterator[Block]:
        """The same in whole rows (the last dimension)."""
        width = self.width
        return self._parts(max(1, self._chunk // width) * width if width else 1)

    @property
    def width(self) -> int:
        """Length of a row."""
        return self.shape[-1] if self.shape else 1

    def sample(self) -> Block:
        """At most 65,536 numbers in runs that are spread evenly; for guesses only."""
        size = min(self.size, _SAMPLE)
        length = size // _RUNS if size < self.size else size
        arrays = [self._array(place, size) for place in range(len(self))]
        for tensor, array in zip(self.tensors, arrays, strict=True):
            for run in range(size // max(1, length)):
                start = run * (self.size // _RUNS)
                part = array[run * length : (run + 1) * length]
                tensor.read(start, start + length, part)
        return Block(start=0, values=arrays)

    # Below: private.

    def _parts(self, length: int) -> Iterator[Block]:
        for start in range(0, self.size, length):
            stop = min(start + length, self.size)
            arrays = [self._array(place, stop - start) for place in range(len(self))]
            for tensor, array in zip(self.tensors, arrays, strict=True):
                tensor.read(start, stop, array)
            yield Block(start=start, values=arrays)

    def _array(self, place: int, size: int) -> Floats:
        return self._spare.floats(f"input {place}", size)
