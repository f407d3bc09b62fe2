"""What `escalera merge` works with: a recipe's file, and the models that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from escalera.core.merging.compiling import MergedModel, Plan
from escalera.edges.merging import whole_models
from escalera.edges.merging.whole_models import Means, Opened
from escalera.ports import Progress
from escalera.settings import merge_recipe
from escalera.settings.merge_recipe import MergeFile


@contextmanager
def opened(file: Path) -> Iterator[tuple[MergeFile, Opened]]:
    """A recipe and its models, open. Raises `DataError` or `MergeError` for what cannot be used."""
    found = merge_recipe.read(file)
    with whole_models.opened(found.folders, found.statistics) as models:
        yield found, models


def plan(file: Path) -> Plan:
    """What a merge would do; nothing is written."""
    with opened(file) as (found, models):
        return models.plan(found.recipe)


def merge(
    file: Path, *, into: Path, threads: int | None, shard: int, progress: Progress
) -> MergedModel:
    """Merge as a file says, into a folder."""
    means = Means(threads=threads or whole_models.threads(), shard=shard)
    with opened(file) as (found, models):
        return models.merge(models.plan(found.recipe), into=into, means=means, progress=progress)
