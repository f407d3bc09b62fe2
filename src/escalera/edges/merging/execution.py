"""One tensor of a plan, computed from mapped files block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np
from blake3 import blake3

from escalera.core.merging import chance, methods, numbers
from escalera.core.merging.compiling import COPY, Input, Plan, TensorTask
from escalera.core.merging.methods import Values
from escalera.core.merging.numbers import STORED, Floats, Kind
from escalera.core.merging.streams import CELL, Aligned, Held, Spare, Stream, Tensor
from escalera.edges.merging.models import Model
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError

BESIDE = "beside:"
_EVERY = 16
"""One cell in so many is looked at for what rounding costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is known of a tensor that was written.

    `changed` and `rounded` are sums of squares, over a sample, of what the merge changed in the
    base and of what rounding to the output's kind took away again.
    """

    digest: str
    strange: int = 0
    changed: float = 0.0
    rounded: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What all tensors of a merge are made from."""

    plan: Plan
    models: Mapping[str, Model]
    beside: Mapping[str, WeightsFile]
    chunk: int = CELL
    held: int = 1 << 22

    def blocks(self, task: TensorTask, spare: Spare) -> Iterator[Floats]:
        """The merged numbers of a task in order, as float32; each block holds until the next."""
        stream = Stream(
            [self._tensor(read) for read in task.inputs],
            shape=task.shape,
            spare=spare,
            chunk=self.chunk,
            held=self.held,
        )
        beside = [self._tensor(read) for read in task.beside]
        return methods.named(task.method).run(stream, self._values(task), beside)

    def write(self, task: TensorTask, spare: Spare, put: Callable[[memoryview], None]) -> Written:
        """Compute a task and *put* its bytes, part by part; a part holds until the next."""
        if task.method == COPY:
            return self._copy(task, put)
        kind = cast("Kind", task.kind)
        base = self._tensor(task.inputs[0]) if task.base else None
        width = STORED[kind].itemsize
        whole, place, strange = blake3(), 0, 0
        sums = np.zeros(2)
        raw = np.empty(0, STORED[kind])
        view = memoryview(b"")
        host = spare.host
        for merged in self.blocks(task, spare):
            block = spare.bring(merged)
            size = len(block)
            if size != raw.size:
                raw = host.floats("output", size).view(STORED[kind])[:size]
                view = memoryview(raw.data).cast("B")
            strange += numbers.encode(block, kind, raw, host.floats("read", size))
            if base is not None:
                sums += _costs(base, kind, block, raw, place, host)
            whole.update(view)
            put(view)
            place += size
        if place * width != task.bytes:
            raise AssertionError(f"{task.name!r} came out with {place} numbers")
        changed, rounded = (float(value) for value in sums)
        return Written(digest=whole.hexdigest(), strange=strange, changed=changed, rounded=rounded)

    def forget(self, number: int) -> None:
        """Drop the pages of what no task after this one reads."""
        for read in self.plan.last_uses[number]:
            if read.model.startswith(BESIDE):
                self.beside[read.model.removeprefix(BESIDE)].forget(read.tensor)
            else:
                self.models[read.model].forget(read.tensor)

    def check_copies(self) -> None:
        """Raise `MergeError` where tensors that can only be copied differ between models."""
        for task in self.plan.tasks:
            if task.method == COPY:
                first, *others = (
                    self.models[read.model].numbers(read.tensor) for read in task.inputs
                )
                if not all(np.array_equal(first, other) for other in others):
                    raise MergeError(
                        f"{task.name!r} holds {task.kind}, which can only be copied, and differs "
                        "between the models. Only models with the same such tensors can be merged."
                    )

    # Below: private.

    def _copy(self, task: TensorTask, put: Callable[[memoryview], None]) -> Written:
        read = task.inputs[0]
        raw = self.models[read.model].numbers(read.tensor)
        whole = blake3()
        for begin in range(0, raw.size, 1 << 20):
            part = np.array(raw[begin : begin + (1 << 20)])
            view = memoryview(part.data).cast("B")
            whole.update(view)
            put(view)
        return Written(digest=whole.hexdigest())

    def _tensor(self, read: Input) -> Tensor:
        if read.model.startswith(BESIDE):
            return self.beside[read.model.removeprefix(BESIDE)].tensor(read.tensor)
        aligned = self.plan.alignment
        if not read.aligned or aligned is None or read.model == aligned.owner:
            return self.models[read.model].tensor(read.tensor)
        return Aligned(
            own=self._held(read.model, read.tensor),
            instead=self._held(aligned.owner, read.tensor),
            width=prod(self.models[read.model].entry(read.tensor).shape[1:]),
            rows=aligned.places[read.model],
        )

    def _held(self, model: str, tensor: str) -> Held:
        found = self.models[model]
        return Held(raw=found.numbers(tensor), kind=cast("Kind", found.entry(tensor).kind))

    def _values(self, task: TensorTask) -> Values:
        seed = self.plan.recipe.seed
        return Values(
            shared=dict(task.shared),
            each=[dict(given) for given in task.each],
            keys=[chance.key(seed, str(place), task.name) for place in range(len(task.each))],
        )


def _costs(
    base: Tensor, kind: Kind, block: Floats, raw: numbers.Raw, place: int, spare: Spare
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Squares of the change and of what rounding cost, over every sixteenth cell."""
    sums = np.zeros(2)
    end = place + len(block)
    for cell in range(place // CELL, -(-end // CELL)):
        if cell % _EVERY == 0:
            start, stop = max(cell * CELL, place), min((cell + 1) * CELL, end)
            merged = block[start - place : stop - place]
            work = spare.floats("cost", len(merged))
            base.read(start, stop, work)
            sums[0] += _squares(merged, work)
            numbers.decode(raw[start - place : stop - place], kind, work)
            sums[1] += _squares(merged, work)
    return sums


def _squares(one: Floats, other: Floats) -> float:
    """The sum of squared differences; *other* is overwritten."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is told by itself
        np.subtract(one, other, out=other)
        np.multiply(other, other, out=other)
    return float(np.add.reduce(other, dtype=np.float64))
