"""Tensors of safetensors files: read part by part, or mapped into memory.

The format (safetensors 0.4 and later): eight bytes with the length of a JSON header, the header
with each tensor's kind, shape and place, then the numbers. Whatever is wrong with a file is said
before anything of it is used.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np

from escalera.core.merging import numbers
from escalera.core.merging.numbers import STORED, Floats, Kind, Raw
from escalera.errors import MergeError

_WIDTHS: Mapping[str, int] = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2,
    "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
_LONGEST = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tensor of a file: its kind, its shape, and where its bytes lie."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)


class WeightsFile:
    """One safetensors file, open until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries, self.metadata, self.digest = _header(path)
        self._file = os.open(path, os.O_RDONLY)
        self._map: mmap.mmap | None = None

    def __enter__(self) -> WeightsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def numbers(self, name: str) -> Raw:
        """The numbers of a tensor in one dimension, mapped: read when they are touched."""
        if self._map is None:
            self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        entry = self.entries[name]
        if len(self._map) < entry.end:
            raise _cut_off(self.path, len(self._map), entry.end)
        kind = STORED.get(entry.kind, np.dtype(np.uint8))
        return np.frombuffer(
            self._map, kind, (entry.end - entry.begin) // kind.itemsize, entry.begin
        )

    def tensor(self, name: str) -> Mapped:
        """A tensor that is read part by part. Its kind must be one that can be merged."""
        entry = self.entries[name]
        return Mapped(self, self.numbers(name), cast("Kind", entry.kind), entry.end)

    def forget(self, name: str) -> None:
        """Let the system drop the mapped pages of a tensor; they are read again when touched."""
        if self._map is None:
            return
        entry = self.entries[name]
        begin = -(-entry.begin // mmap.PAGESIZE) * mmap.PAGESIZE
        length = entry.end // mmap.PAGESIZE * mmap.PAGESIZE - begin
        if length > 0:
            self._map.madvise(mmap.MADV_DONTNEED, begin, length)

    def length(self) -> int:
        """Its bytes now, which may be fewer than when it was opened."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file; arrays that are still held keep what they map."""
        os.close(self._file)


def write(
    path: Path, shapes: Mapping[str, tuple[int, ...]], values: Callable[[str], Floats]
) -> None:
    """Write a file of float32 tensors in the order of *shapes*, asking *values* for each."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in shapes:
            file.write(np.ascontiguousarray(values(name), dtype=np.float32).tobytes())


class Mapped:
    """A tensor of an open file, in the memory that the file is mapped to.

    Numbers are converted as they are read, so that they need not be copied into a buffer first, and
    what is gone through twice need not be kept. Touching what a file no longer has would end the
    process: that it is still there is asked before every part.
    """

    def __init__(self, file: WeightsFile, raw: Raw, kind: Kind, end: int) -> None:
        self.size = raw.size
        self._raw, self._kind = raw, kind
        self._file, self._end = file, end

    def read(self, start: int, stop: int, out: Floats) -> None:
        """Write those from *start* to *stop* as float32 to *out*.

        Raises `MergeError` where the file was cut off since it was opened.
        """
        if (length := self._file.length()) < self._end:
            raise _cut_off(self._file.path, length, self._end)
        numbers.decode(self._raw[start:stop], self._kind, out)


# Below: private.


def _cut_off(path: Path, length: int, end: int) -> MergeError:
    return MergeError(
        f"{str(path)!r} was cut off while it was read: it ends at byte {length}, and a tensor "
        f"of it at byte {end}. Fetch or save the file again."
    )


def _header(path: Path) -> tuple[dict[str, Entry], dict[str, str], str]:
    """Entries, metadata and digest of a file's header. Raises `MergeError` for a broken file."""
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if length < 8 or size > min(length - 8, _LONGEST):
                raise _broken(path, f"its header of {size} bytes does not fit into {length} bytes")
            text = file.read(size)
    except OSError as error:
        raise _broken(path, f"it cannot be read: {error}") from error
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__", {})
        entries = {name: _entry(value, 8 + size) for name, value in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path, f"its header is not understood: {error}") from error
    for name, entry in entries.items():
        _check(path, name, entry, (8 + size, length))
    return entries, metadata, hashlib.sha256(text).hexdigest()


def _entry(value: Mapping[str, Any], after: int) -> Entry:
    begin, end = value["data_offsets"]
    shape = tuple(int(side) for side in value["shape"])
    return Entry(kind=str(value["dtype"]), shape=shape, begin=after + begin, end=after + end)


def _check(path: Path, name: str, entry: Entry, within: tuple[int, int]) -> None:
    first, length = within
    if not first <= entry.begin <= entry.end or min(entry.shape, default=0) < 0:
        raise _broken(
            path,
            f"{name!r} of the shape {entry.shape} is said to lie from byte {entry.begin - first} "
            f"to {entry.end - first} of the numbers",
        )
    if entry.end > length:
        raise _broken(
            path,
            f"it ends at byte {length}, and {name!r} would reach to {entry.end}: it is cut off",
        )
    width = _WIDTHS.get(entry.kind)
    if width is not None and entry.size * width != entry.end - entry.begin:
        raise _broken(
            path,
            f"{name!r} has the shape {entry.shape} of {entry.kind} and "
            f"{entry.end - entry.begin} bytes",
        )


def _broken(path: Path, problem: str) -> MergeError:
    return MergeError(f"{str(path)!r}: {problem}. Fetch or save the file again.")
