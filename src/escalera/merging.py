"""Merging from files to files: what `escalera merge` does, and what a search over merges asks.

A composition root of its own, beside `wiring`: a merge needs neither engine nor providers, and
starts in a fraction of the time without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from escalera.core.merging.compiling import MergedModel, Plan
from escalera.edges.merging import adapter_folders, adapter_recipes, whole_models
from escalera.edges.merging.whole_models import Means, Opened
from escalera.errors import MergeError, MissingExtra
from escalera.settings import merge_recipe
from escalera.settings.merge_recipe import MergeFile

if TYPE_CHECKING:  # ports load every event, for a third of the start of a plan
    from escalera.ports import Progress


@contextmanager
def opened(
    folders: Mapping[str, Path], statistics: Mapping[str, Path] | None = None
) -> Iterator[Opened]:
    """Models by the names that recipes give them, open for as many merges as wanted.

    `plan` compiles a recipe for them, `shop(plan).blocks(task, spare)` computes a tensor into
    memory, and `merge` writes a folder. Raises `MergeError` for what is no whole model.
    """
    with whole_models.opened(folders, statistics or {}) as models:
        yield models


def plan(file: Path) -> Plan:
    """What a merge of models would do; nothing is written. Raises as `merge` does."""
    found = merge_recipe.read(file)
    if any(adapter_folders.is_adapter(folder) for folder in found.folders.values()):
        raise MergeError(
            "a plan is made for models, and this recipe names adapters. They are checked and "
            "merged in one go: give --into."
        )
    _require_no_rank(found)
    with opened(found.folders, found.statistics) as models:
        return models.plan(found.recipe)


def merge(
    file: Path,
    *,
    into: Path,
    threads: int | None,
    shard: int,
    progress: Progress,
    device: str | None = None,
) -> MergedModel:
    """Merge as a file says, into a folder: models, or adapters where all of them are.

    Models are computed on the *device* that PyTorch knows by this name, else by the processor;
    adapters always by the processor, in seconds. Raises `MissingExtra` for a device where PyTorch
    is not installed, `DataError` for the file and `MergeError` for what cannot be merged.
    """
    found = merge_recipe.read(file)
    folders = found.folders
    adapters = {name for name in folders if adapter_folders.is_adapter(folders[name])}
    if adapters == set(folders):
        return adapter_recipes.merge_recipe(
            found.recipe, folders, rank=found.rank, into=into, statistics=found.statistics
        )
    if adapters:
        _require_folders(folders)
        raise MergeError(
            f"{min(adapters)!r} is an adapter and others are models. "
            "Merge models with models, and adapters with adapters."
        )
    _require_no_rank(found)
    means = _means(threads or whole_models.threads(), shard, device)
    with opened(folders, found.statistics) as models:
        return models.merge(models.plan(found.recipe), into=into, means=means, progress=progress)


# Below: private.


def _require_no_rank(found: MergeFile) -> None:
    if found.rank is not None:
        raise MergeError(
            f"rank is {found.rank}, which only adapters have, and models are merged here. "
            "Leave it out."
        )


def _require_folders(folders: Mapping[str, Path]) -> None:
    for name, folder in folders.items():
        if not folder.is_dir():
            raise MergeError(
                f"{name!r} is no folder ({str(folder)!r}). Name the folder of an adapter or model."
            )


def _means(threads: int, shard: int, name: str | None) -> Means:
    if name is None:
        return Means(threads=threads, shard=shard)
    if find_spec("torch") is None:
        raise MissingExtra(feature="merging on a device", package="torch", extra="local")
    from escalera.edges.merging import device

    return Means(
        threads=threads,
        shard=shard,
        chunk=device.CHUNK,
        device=name,
        spare=partial(device.DeviceSpare, device.named(name)),
    )
