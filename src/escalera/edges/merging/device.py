"""Arrays that lie on a device, such as a GPU, for the NumPy functions that merges are written in.

NumPy hands its functions over to arguments that are no arrays of its own (NEP 13 and NEP 18), so
that a merge method computes on the device without knowing of it: its blocks are read into arrays
of a `DeviceSpare`, and what it yields is brought back to be written. Each function is one operation
of IEEE 754 for a number, and so the bits are those that NumPy computes, but for inner products:
their sums are taken in the device's own order.

What is not listed here raises `TypeError`. Unsigned 32 bits are held as signed ones, which PyTorch
has all operations for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.lib.mixins import NDArrayOperatorsMixin

from escalera.core.merging.numbers import Floats, tidy
from escalera.core.merging.streams import Spare
from escalera.errors import MergeError

CHUNK = 1 << 22
"""Numbers of a block: enough to keep a device busy, and 16 MB of each input."""


def named(name: str) -> torch.device:
    """The device of this name, as PyTorch writes it. Raises `MergeError` where it is not there."""
    try:
        found = torch.device(name)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise MergeError(
            f"the device {name!r} cannot be used: {first}. Name one that PyTorch has, such as "
            "'cuda' or 'cuda:1', or leave it out for the processor's threads."
        ) from error
    return found


class DeviceSpare(Spare):
    """Arrays on a device that are used again and again; `host` are those beside it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device
        self._host = Spare()

    @property
    def host(self) -> Spare:
        """Arrays in the processor's memory."""
        return self._host

    def new(self, size: int) -> Floats:
        """An array on the device."""
        return cast("Floats", DeviceArray(torch.empty(size, device=self._device)))

    def bring(self, values: Floats) -> Floats:
        """Copy *values* from the device; they hold until the next are brought."""
        found = self._host.floats("brought", values.size)
        torch.from_numpy(found).copy_(cast("DeviceArray", values).tensor)
        tidy(found)  # CUDA writes all bits of what is no number
        return found


class DeviceArray(NDArrayOperatorsMixin):
    """What merge methods use of an array, over a tensor; `dtype` is NumPy's."""

    def __init__(self, tensor: torch.Tensor, dtype: np.dtype[Any] | None = None) -> None:
        self.tensor = tensor
        self.dtype = _DTYPES[tensor.dtype] if dtype is None else dtype

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.tensor.numel()

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.tensor.shape)

    def __len__(self) -> int:
        return len(self.tensor)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            return self.tensor[key].cpu().numpy().view(self.dtype)[()]
        return DeviceArray(self.tensor[_key(key)], self.dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tensor[_key(key)] = self._operand(value)

    def view(self, dtype: Any) -> DeviceArray:
        """The same bits as numbers of another kind."""
        found = np.dtype(dtype)
        return DeviceArray(self.tensor.view(_TENSORS[found]), found)

    def astype(self, dtype: Any) -> np.ndarray[Any, Any]:
        """The numbers as others in the processor's memory: what needs this is not done here."""
        return self.tensor.cpu().numpy().view(self.dtype).astype(dtype)

    def reshape(self, *shape: Any) -> DeviceArray:
        """The same numbers in another shape."""
        return DeviceArray(self.tensor.reshape(*shape), self.dtype)

    def copy(self) -> DeviceArray:
        """The same numbers elsewhere."""
        return DeviceArray(self.tensor.clone(), self.dtype)

    def fill(self, value: float) -> None:
        """Make all numbers *value*."""
        self.tensor.fill_(value)

    def partition(self, place: int) -> None:
        """Put what a sort would put at *place* there. All of it is sorted, as signed numbers."""
        del place
        self.tensor.copy_(self.tensor.sort().values)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **given: Any
    ) -> Any:
        if ufunc is np.add and method == "reduce":
            return np.float32(self.tensor.sum().item())
        function = _UFUNCS.get(ufunc.__name__)
        if function is None or method != "__call__" or given:
            return NotImplemented
        unsigned = any(_dtype(value) == np.uint32 for value in inputs)
        found = function(*(self._operand(value) for value in inputs), unsigned=unsigned)
        if isinstance(found, np.ndarray):
            return found
        if out is not None:
            out[0].tensor.copy_(found)
            return out[0]
        return DeviceArray(found, None if found.dtype != self.tensor.dtype else self.dtype)

    def __array_function__(self, function: Any, _: Any, given: Any, named: Any) -> Any:
        found = _FUNCTIONS.get(function.__name__)
        return NotImplemented if found is None else found(*given, **named)

    # Below: private.

    def _operand(self, value: Any) -> torch.Tensor:
        """Any argument as a tensor on the same device; a number as one of the array's kind."""
        if isinstance(value, DeviceArray):
            return value.tensor
        kind = _dtype(value)
        array = np.asarray(value, self.dtype if kind is None else kind)
        return _uploaded(array, self.tensor.device)


# Below: private.

_TENSORS: Mapping[np.dtype[Any], torch.dtype] = {
    np.dtype(np.float32): torch.float32,
    np.dtype(np.int32): torch.int32,
    np.dtype(np.uint32): torch.int32,
    np.dtype(np.bool_): torch.bool,
}
_DTYPES = {torch.float32: np.dtype(np.float32), torch.int32: np.dtype(np.int32)} | {
    torch.bool: np.dtype(np.bool_)
}
_SIGNED = {np.dtype(np.uint32): np.int32, np.dtype(np.uint16): np.int16}
_FIRST = -(1 << 31)


def _dtype(value: Any) -> np.dtype[Any] | None:
    """What NumPy calls the kind of an argument; None of Python's numbers, which have any."""
    found: np.dtype[Any] | None = getattr(value, "dtype", None)
    return found


def _key(key: Any) -> Any:
    return key.tensor if isinstance(key, DeviceArray) else key


def _uploaded(array: np.ndarray[Any, Any], device: torch.device) -> torch.Tensor:
    signed = _SIGNED.get(array.dtype)
    whole = np.array(array if signed is None else array.view(signed))  # files are mapped read-only
    return torch.from_numpy(whole).to(device)


def _plain(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def call(*given: torch.Tensor, unsigned: bool) -> torch.Tensor:
        del unsigned  # it makes no difference
        return function(*given)

    return call


def _shifted_right(values: torch.Tensor, by: torch.Tensor, *, unsigned: bool) -> torch.Tensor:
    found = torch.bitwise_right_shift(values, by)
    if unsigned:
        found &= (1 << (32 - int(by))) - 1
    return found


def _compared(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def compare(one: torch.Tensor, other: torch.Tensor, *, unsigned: bool) -> torch.Tensor:
        # Turning the first bit around makes the order of unsigned numbers that of signed ones.
        return function(one ^ _FIRST, other ^ _FIRST) if unsigned else function(one, other)

    return compare


def _row_products(
    one: torch.Tensor, other: torch.Tensor, *, unsigned: bool
) -> np.ndarray[Any, Any]:
    del unsigned
    return np.asarray(torch.linalg.vecdot(one, other).cpu().numpy())


_UFUNCS: Mapping[str, Callable[..., Any]] = {
    "add": _plain(torch.add),
    "subtract": _plain(torch.sub),
    "multiply": _plain(torch.mul),
    "divide": _plain(torch.div),
    "negative": _plain(torch.neg),
    "absolute": _plain(torch.abs),
    "maximum": _plain(torch.maximum),
    "matmul": _plain(torch.matmul),
    "equal": _plain(torch.eq),
    "isnan": _plain(torch.isnan),
    "bitwise_and": _plain(torch.bitwise_and),
    "bitwise_xor": _plain(torch.bitwise_xor),
    "invert": _plain(torch.bitwise_not),
    "left_shift": _plain(torch.bitwise_left_shift),
    "right_shift": _shifted_right,
    "less": _compared(torch.lt),
    "less_equal": _compared(torch.le),
    "vecdot": _row_products,
}


def _copyto(target: DeviceArray, source: Any) -> None:
    """Exactly; numbers of 16 bits without a sign become such of 32."""
    found = source.tensor if isinstance(source, DeviceArray) else None
    if found is None:
        found = _uploaded(np.asarray(source), target.tensor.device)
        if source.dtype == np.uint16:
            found = found.to(torch.int32) & 0xFFFF
    target.tensor.copy_(found)


def _empty_like(array: DeviceArray, dtype: Any = None) -> DeviceArray:
    kind = array.dtype if dtype is None else np.dtype(dtype)
    return DeviceArray(torch.empty_like(array.tensor, dtype=_TENSORS[kind]), kind)


def _clip(values: DeviceArray, low: Any, high: Any, *, out: DeviceArray) -> DeviceArray:
    torch.clamp(values.tensor, float(low), float(high), out=out.tensor)
    return out


def _searchsorted(values: DeviceArray, value: int, side: str = "left") -> int:
    wanted = _uploaded(np.asarray(value, np.int64), values.tensor.device)
    found = torch.searchsorted(values.tensor.to(torch.int64), wanted, right=side == "right")
    return int(found)


def _bincount(values: DeviceArray, *, minlength: int) -> np.ndarray[Any, Any]:
    counts = torch.bincount(values.tensor.to(torch.int64), minlength=minlength)
    return np.asarray(counts.cpu().numpy())


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "copyto": _copyto,
    "empty_like": _empty_like,
    "clip": _clip,
    "count_nonzero": lambda values: int(torch.count_nonzero(values.tensor)),
    "concatenate": lambda many: DeviceArray(torch.cat([m.tensor for m in many]), many[0].dtype),
    "sort": lambda values: DeviceArray(values.tensor.sort().values, values.dtype),
    "searchsorted": _searchsorted,
    "bincount": _bincount,
}
