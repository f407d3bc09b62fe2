"""LoRA adapters merged as files: the model is not loaded, and neither is torch.

An adapter changes a weight W to W + s B A with s = alpha / r. All methods are defined on these
products, never on A and B apart, whose average is not the average of the products:

concatenate  the weighted sum of the products, exactly: [w1 s1 B1 ... wk sk Bk] [A1; ...; Ak].
linear       the best approximation of that sum at the rank that is asked, by default the largest of
             the inputs; no full matrix is formed.
knots_ties   TIES on the right sides of the products in a common basis (Stoica et al. 2024).
others       methods on changes of whole models, on the products; then the best approximation.

One adapter of weight 1 is itself, bit by bit, whatever its kind. What is not a sum of products
(DoRA, trained biases, layers saved whole) can take part in no other merge and is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.core.merging import chance, low_rank, methods
from escalera.core.merging.low_rank import Approximated, Matrix
from escalera.core.merging.methods import Values
from escalera.core.merging.numbers import Floats
from escalera.core.merging.streams import Held, Stream, Tensor
from escalera.edges.merging import adapter_folders
from escalera.edges.merging.adapter_folders import Adapter
from escalera.errors import MergeError

if TYPE_CHECKING:  # recipes load what trainings know, for a tenth of the start of a merge
    from escalera.domain.recipe import MergePlan

EXACT = frozenset({"concatenate", "linear"})
ON_PRODUCTS = (
    "ties", "dare_linear", "dare_ties", "della_linear", "della", "breadcrumbs", "breadcrumbs_ties",
    "sce", "ram", "nuslerp", "multislerp", "karcher", "model_stock", "task_arithmetic",
    "knots_ties",
)  # fmt: skip
"""Methods of whole models that mean something on the changes of adapters."""
BY_RECIPE = ("slerp", "wise_ft", "fisher", "regmean")
"""Those that have to be told more: where on an arc, how much of one change, or statistics."""
POSSIBLE = frozenset({*EXACT, *ON_PRODUCTS, *BY_RECIPE})


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterMerge:
    """What to do: a method, and for every adapter the weight and its other parameters.

    `beside` is what the method needs of a layer beside its changes.
    """

    method: str
    weights: tuple[float, ...]
    each: tuple[Mapping[str, float | bool], ...] = ()
    shared: Mapping[str, float | bool] | None = None
    rank: int | None = None
    seed: int = 0
    beside: tuple[Tensor, ...] = ()


class AdapterMerger:
    """Merges PEFT LoRA folders of one base model.

    The adapters of the last merge are kept in memory: merges of a race are of the same ones, with
    other weights. Folders must not change while they are (artifacts never do).
    """

    def __init__(self) -> None:
        self._held: dict[Path, Adapter] = {}

    def merge(self, plan: MergePlan, adapters: Sequence[Path], *, into: Path) -> None:
        """Merge the adapters of *plan* (folders in its order) into the empty folder *into*."""
        require_usable(plan, adapters)
        weights = tuple(entry.weight for entry in plan.adapters)
        # The weights of a plan belong to the products: TIES averages the weighted ones.
        each = tuple({"weight": 1.0, "density": plan.density} for _ in weights)
        asked = AdapterMerge(method=plan.method, weights=weights, each=each)
        merge(asked, adapters, into=into, read=self._read)

    def _read(self, folders: Sequence[Path]) -> list[Adapter]:
        held = self._held
        self._held = {
            folder: held.get(folder) or adapter_folders.read(folder) for folder in folders
        }
        return [self._held[folder] for folder in folders]


def _read(folders: Sequence[Path]) -> list[Adapter]:
    return [adapter_folders.read(folder) for folder in folders]


Read = Callable[[Sequence[Path]], Sequence[Adapter]]
"""From folders to adapters in memory."""


def merge(asked: AdapterMerge, folders: Sequence[Path], *, into: Path, read: Read = _read) -> float:
    """Merge into the empty folder *into*; the relative error of the sum of all products.

    The error is the Frobenius norm of what the rank cuts off, as a share of the whole; 0 where the
    merge is exact. Raises `MergeError` for what cannot be merged as asked.
    """
    if asked.method in EXACT and asked.weights == (1.0,) and asked.rank is None:
        adapter_folders.copy(folders[0], into)
        return 0.0
    return merge_each(folders, lambda first: dict.fromkeys(first.modules, asked), into, read=read)


def unknown(method: str) -> str:
    """What is said of a method that adapters cannot be merged by."""
    possible = ", ".join(sorted(POSSIBLE))
    return f"adapters cannot be merged by {method!r}. Possible are {possible}."


def merge_each(
    folders: Sequence[Path],
    asked: Callable[[Adapter], Mapping[str, AdapterMerge]],
    into: Path,
    *,
    read: Read = _read,
) -> float:
    """Merge as *asked* of the first adapter for each layer by its name into an empty folder; the
    relative error.
    """
    inputs = read(folders)
    adapter_folders.require_alike(inputs)
    merged = {}
    for module, wanted in asked(inputs[0]).items():
        if wanted.method not in POSSIBLE:
            raise MergeError(unknown(wanted.method))
        rank = wanted.rank or max(item.rank for item in inputs)
        merged[module] = _module(wanted, inputs, module, rank)
    factors = {module: found.factors for module, found in merged.items()}
    adapter_folders.write(factors, inputs[0], into)
    whole = sum(found.whole for found in merged.values())
    return sqrt(sum(found.lost for found in merged.values()) / whole) if whole else 0.0


def changed_by(method: str, asked: AdapterMerge, changes: Sequence[Matrix], module: str) -> Matrix:
    """A method of whole models on the changes of one weight: the base is nothing.

    From nothing there is no arc: that of `slerp` begins at the first change.
    """
    shape = changes[0].shape
    row = methods.named(method)
    is_from_base = row.base == "needed" and method != "slerp"
    flat = [np.zeros(changes[0].size, np.float32)] if is_from_base else []
    flat += [change.astype(np.float32).reshape(-1) for change in changes]
    shared = {p.name: p.default for p in row.parameters if not p.each and p.default is not None}
    keys = [chance.key(asked.seed, str(place), module) for place in range(len(changes))]
    parts = row.run(
        Stream([Held(raw=values, kind="F32") for values in flat], shape=shape),
        Values(shared=shared | dict(asked.shared or {}), each=asked.each, keys=keys),
        asked.beside,
    )
    return _gathered(parts, shape).astype(np.float64)


def require_usable(plan: MergePlan, adapters: Sequence[Path]) -> None:
    """Raise `MergeError` where the numbers of a plan mean nothing, or folders are missing."""
    if not plan.adapters or len(plan.adapters) != len(adapters):
        raise MergeError(
            f"the plan names {len(plan.adapters)} adapters and {len(adapters)} folders were given. "
            "Give at least one, and as many folders as adapters."
        )
    if not 0 < plan.density <= 1:
        raise MergeError(f"density is {plan.density!r}. It is a share: above 0 and at most 1.")
    for entry in plan.adapters:
        if not math.isfinite(entry.weight):
            raise MergeError(f"a weight is {entry.weight!r}. Weights are finite numbers.")


# Below: private.


def _module(asked: AdapterMerge, inputs: Sequence[Adapter], module: str, rank: int) -> Approximated:
    """The merged factors of one layer, for the scale of the first input.

    Scales and weights go into B, so that an adapter of that scale with weight 1 stays as it is.
    """
    parts = [
        item.factors(module, weight * (item.scale / inputs[0].scale))
        for item, weight in zip(inputs, asked.weights, strict=True)
    ]
    if asked.method == "concatenate":
        return Approximated(factors=low_rank.concatenated(parts), whole=0.0)
    if asked.method == "linear":
        return low_rank.best_sum(parts, rank)
    if asked.method == "knots_ties":
        common, rights = low_rank.aligned(parts)
        merged = changed_by("ties", asked, rights, module)
        return low_rank.best_sum([(common, merged)], rank)
    products = [b @ a for b, a in parts]
    return low_rank.best_approximation(changed_by(asked.method, asked, products, module), rank)


def _gathered(parts: Iterable[Floats], shape: tuple[int, ...]) -> Floats:
    out, place = np.empty(math.prod(shape), np.float32), 0
    for part in parts:
        out[place : place + len(part)] = part
        place += len(part)
    return out.reshape(shape)
