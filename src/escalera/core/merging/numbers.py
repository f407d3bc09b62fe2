"""Numbers as files hold them, and as float32, in which everything is computed.

A bfloat16 is the upper half of a float32, so it is read by a shift of its bits and written by
rounding them: to the nearest, and from the middle to the even one (IEEE 754, section 4.3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Raw: TypeAlias = NDArray[Any]
"""Numbers of a file: uint16 for BF16, else of their own kind."""

Kind = Literal["BF16", "F16", "F32"]
"""Kinds of numbers that can be merged, by their names in safetensors."""

STORED: Mapping[str, np.dtype[Any]] = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
_ROUND = np.uint32(0x7FFF)


def decode(raw: Raw, kind: Kind, out: Floats) -> None:
    """Write the numbers of *raw* to *out* as float32, exactly."""
    if kind == "BF16":
        bits = out.view(np.uint32)
        np.copyto(bits, raw)
        np.left_shift(bits, 16, out=bits)
    else:
        np.copyto(out, raw)
        _tidy(out)


def encode(values: Floats, kind: Kind, out: Raw, spare: Floats) -> int:
    """Round *values* into *out*; how many of them are no finite numbers. *spare* is overwritten.

    Infinities and "not a number" stay what they are; what is too large becomes infinite.
    """
    if kind == "BF16":
        bits, work = values.view(np.uint32), spare.view(np.uint32)
        np.right_shift(bits, 16, out=work)
        np.bitwise_and(work, 1, out=work)
        np.add(work, _ROUND, out=work)
        np.add(work, bits, out=work)
        np.right_shift(work, 16, out=work)
        np.copyto(out, work, casting="unsafe")
    elif kind == "F16":
        with np.errstate(over="ignore"):
            np.copyto(out, values, casting="unsafe")
    else:
        np.copyto(out, values)
    return _strange(out, kind, spare)


def as_floats(raw: Raw, kind: Kind) -> Floats:
    """All numbers of *raw* as a new array of float32, in its shape."""
    out = np.empty(raw.shape, np.float32)
    decode(raw, kind, out)
    return out


def as_stored(values: Floats, kind: Kind) -> Raw:
    """All of *values* rounded to *kind*, as a new array in their shape."""
    out = np.empty(values.shape, STORED[kind])
    encode(values, kind, out, np.empty(values.shape, np.float32))
    return out


def sums(values: Floats, cell: int, spare: Floats) -> list[float]:
    """Sums of cells of numbers, the same on every machine; *spare* (a cell) is overwritten.

    Within a cell, columns of 512 are added row by row in float32, and their sums in double
    precision, so that the order of additions is fixed by the place of a number and nothing else.
    """
    whole = len(values) // cell
    columns = np.add.reduce(values[: whole * cell].reshape(whole, cell // 512, 512), axis=1)
    found = [float(np.add.reduce(row, dtype=np.float64)) for row in columns]
    if rest := len(values) - whole * cell:
        rows = -(-rest // 512)
        padded = spare[: 512 * rows]
        padded[:rest] = values[whole * cell :]
        padded[rest:] = 0
        column = np.add.reduce(padded.reshape(1, rows, 512), axis=1)[0]
        found.append(float(np.add.reduce(column, dtype=np.float64)))
    return found


_EXPONENTS: Mapping[Kind, tuple[Any, Any]] = {
    "BF16": (np.uint16(0x7FFF), np.uint16(0x7F80)),
    "F16": (np.uint16(0x7FFF), np.uint16(0x7C00)),
    "F32": (np.uint32(0x7FFFFFFF), np.uint32(0x7F800000)),
}
"""Everything but the sign, and the least of it that is no finite number."""


def _strange(raw: Raw, kind: Kind, spare: Floats) -> int:
    """How many numbers are not finite."""
    size, least = _EXPONENTS[kind]
    work = spare.reshape(-1).view(size.dtype)[: raw.size]
    np.bitwise_and(raw.reshape(-1).view(size.dtype), size, out=work)
    if np.maximum.reduce(work, initial=0) < least:
        return 0
    return int(np.count_nonzero(work >= least))


def _tidy(values: Floats) -> None:
    # Some patterns of "not a number" would round to numbers; a sum is finite only if all are.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduce(values, axis=None)
    if not np.isfinite(total):
        values[np.isnan(values)] = np.float32(np.nan)
