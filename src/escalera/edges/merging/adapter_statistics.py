"""What methods need beside the products of adapters: statistics of the layers that these change.

The files are those of merges of models, with tensors that are named as the model's weights are:
what is merged by them are the changes, and the base, which all share, comes out the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from escalera.core.merging import taking_part
from escalera.core.merging.fitting import Header
from escalera.core.merging.methods import Method
from escalera.core.merging.streams import Tensor
from escalera.edges.merging.weights import WeightsFile

_BEFORE = "base_model.model."
"""What PEFT writes before the name of a layer of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Files by the names of adapters, open as long as they are read."""

    method: Method
    adapters: Sequence[str]
    files: Mapping[str, WeightsFile]

    def of(self, module: str, shape: tuple[int, int]) -> tuple[Tensor, ...]:
        """One tensor for each adapter, or none where no file has the layer.

        *shape* is that of the layer's weight.
        Raises `MergeError` where only some have it, or one that does not fit.
        """
        if self.method.beside is None:
            return ()
        name = weight_of(module)
        found = []
        for adapter in self.adapters:
            file = self.files[adapter]
            if name in file.entries:
                entry = file.entries[name]
                held = Header(kind=entry.kind, shape=entry.shape)
                taking_part.require_fitting(self.method, (adapter, name), shape, held)
                found.append(file.tensor(name))
        taking_part.require_all_or_none(name, len(found), len(self.adapters))
        return tuple(found)

    def notes(self, modules: Sequence[str]) -> list[str]:
        """What nothing reads, in words. Raises `MergeError` where none of a file is read."""
        names = {name: {weight_of(module) for module in modules} for name in self.adapters}
        held = {name: set(file.entries) for name, file in self.files.items()}
        return taking_part.unread(self.method, names, held)


@contextmanager
def opened(
    method: Method, adapters: Sequence[str], files: Mapping[str, Path]
) -> Iterator[Statistics]:
    """Statistics of *adapters*. Raises `MergeError` where the method needs more of them."""
    for adapter in adapters if method.beside is not None else ():
        taking_part.require_held(method, adapter, held=adapter in files)
    with ExitStack() as stack:
        held = {name: stack.enter_context(WeightsFile(file)) for name, file in files.items()}
        yield Statistics(method=method, adapters=adapters, files=held)


def weight_of(module: str) -> str:
    """The weight that an adapter's layer changes, as the model names it."""
    return f"{module.removeprefix(_BEFORE)}.weight"
