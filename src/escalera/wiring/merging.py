"""What `escalera merge` works with: a recipe's file, and the models that it names."""

from __future__ import annotations

from pathlib import Path

from escalera.core.merging.compiling import MergedModel, Plan
from escalera.edges.merging import adapter_folders, adapter_recipes, whole_models
from escalera.edges.merging.whole_models import Means
from escalera.errors import MergeError
from escalera.ports import Progress
from escalera.settings import merge_recipe


def plan(file: Path) -> Plan:
    """What a merge of models would do; nothing is written."""
    found = merge_recipe.read(file)
    with whole_models.opened(found.folders, found.statistics) as models:
        return models.plan(found.recipe)


def merge(
    file: Path, *, into: Path, threads: int | None, shard: int, progress: Progress
) -> MergedModel:
    """Merge as a file says, into a folder: models, or adapters where all of them are."""
    found = merge_recipe.read(file)
    adapters = {
        name for name, folder in found.folders.items() if adapter_folders.is_adapter(folder)
    }
    if adapters == set(found.folders):
        return adapter_recipes.merge_recipe(found.recipe, found.folders, rank=found.rank, into=into)
    if adapters:
        raise MergeError(
            f"{min(adapters)!r} is an adapter and others are models. "
            "Merge models with models, and adapters with adapters."
        )
    means = Means(threads=threads or whole_models.threads(), shard=shard)
    with whole_models.opened(found.folders, found.statistics) as models:
        return models.merge(models.plan(found.recipe), into=into, means=means, progress=progress)
