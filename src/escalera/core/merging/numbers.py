"""Numbers as files hold them, and as float32, in which everything is computed.

A bfloat16 is the upper half of a float32, so it is read by a shift of its bits and written by
rounding them: to the nearest, and from the middle to the even one (IEEE 754, section 4.3.1).
NumKong, where it is installed, does either in one pass; NumPy, which has no such numbers, in two
and six. The bits are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

try:
    import numkong
except ImportError:  # an extra
    numkong = None

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
_HALF, _ONE, _ROUND = np.uint32(16), np.uint32(1), np.uint32(0x7FFF)
_ROW = 4096


def decode(raw: Raw, kind: Kind, out: Floats) -> None:
    """Write the numbers of *raw* to *out* as float32, exactly."""
    if kind == "BF16":
        _widen(raw, out)
    else:
        np.copyto(out, raw)
        tidy(out)


def encode(values: Floats, kind: Kind, out: Raw, spare: Floats) -> int:
    """Round *values* into *out*; how many of them are no finite numbers. *spare* is overwritten.

    Infinities and "not a number" stay what they are; what is too large becomes infinite.
    """
    if kind == "BF16":
        _narrow(values, out, spare)
    elif kind == "F16":
        with np.errstate(over="ignore"):
            np.copyto(out, values, casting="unsafe")
    else:
        np.copyto(out, values)
    return _strange(out, kind)


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


def tidy(values: Floats) -> None:
    """Give what is no number the common bits in place: others may round to a number."""
    # A sum is finite only if all are.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduce(values, axis=None)
    if not np.isfinite(total):
        values[np.isnan(values)] = np.float32(np.nan)


def products(one: Floats, other: Floats, cell: int) -> list[float]:
    """Inner products of two arrays, cell by cell; *cell* is a multiple of 4096.

    Rows of 4096 are multiplied by the linear algebra library, too short for it to share them among
    threads, and added in double precision: the order is fixed by the place of a number. Within a
    row it is the library's own, so that the last digits may differ from processor to processor.
    """
    whole = len(one) // cell * cell
    found: list[float] = []
    if whole:
        rows = np.vecdot(one[:whole].reshape(-1, _ROW), other[:whole].reshape(-1, _ROW))
        cells = rows.reshape(-1, cell // _ROW)
        found = np.add.reduce(cells, axis=1, dtype=np.float64).tolist()
    if whole < len(one):
        starts = range(whole, len(one), _ROW)
        found.append(sum(float(np.vecdot(one[n : n + _ROW], other[n : n + _ROW])) for n in starts))
    return found


def _widen(raw: Raw, out: Floats) -> None:
    """Write bfloat16 numbers as float32."""
    # Arrays that are not NumPy's compute for themselves, on a device.
    ours = isinstance(out, np.ndarray) and raw.flags.c_contiguous and out.flags.c_contiguous
    if numkong is not None and ours:
        numkong.astype(_bfloats(raw), "float32", out=out)
        return
    bits = out.view(np.uint32)
    np.copyto(bits, raw)
    np.left_shift(bits, _HALF, out=bits)


def _narrow(values: Floats, out: Raw, spare: Floats) -> None:
    """Write float32 numbers as bfloat16."""
    if numkong is not None and values.flags.c_contiguous and out.flags.c_contiguous:
        numkong.astype(values, "bfloat16", out=_bfloats(out))
        return
    bits, work = values.view(np.uint32), spare.view(np.uint32)
    np.right_shift(bits, _HALF, out=work)
    np.bitwise_and(work, _ONE, out=work)
    np.add(work, _ROUND, out=work)
    np.add(work, bits, out=work)
    np.right_shift(work, _HALF, out=work)
    np.copyto(out, work, casting="unsafe")


def _bfloats(raw: Raw) -> Any:
    """The same memory, called what it is: NumPy and its buffers have no name for it."""
    return numkong.from_pointer(raw.ctypes.data, raw.shape, "bfloat16", owner=raw)


_LEAST: Mapping[Kind, tuple[Any, Any]] = {
    "BF16": (np.int16(0x7F80), np.uint16(0xFF80)),
    "F16": (np.int16(0x7C00), np.uint16(0xFC00)),
    "F32": (np.int32(0x7F800000), np.uint32(0xFF800000)),
}
"""The least bits that are no finite number: of those above zero, and of those below."""


def _strange(raw: Raw, kind: Kind) -> int:
    """How many numbers are not finite."""
    above, below = _LEAST[kind]
    # Bits with a sign are negative as integers with one, and the largest as integers without.
    signed, bits = raw.view(above.dtype), raw.view(below.dtype)
    most = np.maximum.reduce(signed, axis=None, initial=0)
    if most < above and np.maximum.reduce(bits, axis=None, initial=0) < below:
        return 0
    return int(np.count_nonzero(signed >= above) + np.count_nonzero(bits >= below))
