"""Models merged as a plan says: opened, checked, computed by some threads, written, described."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, sqrt
from pathlib import Path
from threading import local
from typing import Any

from escalera.core.merging import methods, shards
from escalera.core.merging.compiling import MergedModel, Plan, compile_plan
from escalera.core.merging.fitting import Header, ModelHeader
from escalera.core.merging.recipe import Recipe
from escalera.core.merging.streams import CELL, Spare
from escalera.domain.identity import digest_of
from escalera.edges.merging import models
from escalera.edges.merging.execution import Shop, Written
from escalera.edges.merging.models import Model
from escalera.edges.merging.output import LINEAGE, Output, work_of
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError

SHARD = 5_000_000_000
_HELD = 4 << 20
"""Numbers that all threads together may hold beside their blocks: 32 MB with their copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How a merge is computed; threads, shards and chunks change no byte of a tensor.

    `spare` makes the arrays that a thread computes in. On a *device* inner products are added up in
    another order, so that methods which need them may differ in the last bit.
    """

    threads: int = 1
    shard: int = SHARD
    chunk: int = 2 * CELL
    device: str | None = None
    spare: Callable[[], Spare] = Spare


@dataclass(slots=True, kw_only=True)
class Opened:
    """Models that stay mapped over many merges; a search holds one and asks it again and again."""

    models: Mapping[str, Model]
    beside: Mapping[str, WeightsFile] = field(default_factory=dict)

    def plan(self, recipe: Recipe) -> Plan:
        """The plan of a recipe for these models. Raises `MergeError` for what cannot be merged."""
        beside = {name: _beside(name, file) for name, file in self.beside.items()}
        return compile_plan(recipe, [model.header for model in self.models.values()], beside)

    def shop(self, plan: Plan, *, chunk: int = 2 * CELL, sharing: int = 1) -> Shop:
        """Where single tensors of a plan are computed, into memory if wanted.

        What may be held is shared by as many threads as *sharing* says.
        """
        return Shop(
            plan=plan,
            models=self.models,
            beside=self.beside,
            chunk=chunk,
            held=_HELD // sharing,
        )

    def merge(
        self,
        plan: Plan,
        *,
        into: Path,
        means: Means,
        progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> MergedModel:
        """Merge into the folder *into*, which must not exist or be empty, or hold this merge.

        Raises `MergeError`; then nothing is left of it. Killed, it goes on when it is called again.
        """
        layout = shards.lay_out(plan.tasks, limit=means.shard)
        inputs = self._inputs(plan, clock=True)
        device = {} if means.device is None else {"device": means.device}
        key = digest_of({"plan": plan.digest, "shard": means.shard, "inputs": inputs, **device})
        if found := _there(into, key):
            return found
        shop = self.shop(plan, chunk=means.chunk, sharing=means.threads)
        shop.check_copies()
        _require_room(into, plan.bytes)
        output = Output(into, plan, layout, key)
        try:
            written = _work(shop, output, means, progress)
            merged = _merged(plan, into, written, resumed=len(output.done))
            output.complete(
                self.models[plan.owner].folder,
                {**self._lineage(plan, key, written, merged), **device},
            )
        except (MergeError, OSError) as error:
            output.remove()
            if isinstance(error, OSError):
                raise MergeError(
                    f"{str(into)!r} could not be written: {error}. Nothing is left of it."
                ) from error
            raise
        finally:
            output.close()
        return merged

    # Below: private.

    def _inputs(self, plan: Plan, *, clock: bool = False) -> list[dict[str, Any]]:
        files = [
            (name, file) for name in plan.recipe.models for file in self.models[name].files
        ] + [(f"statistics of {name}", file) for name, file in self.beside.items()]
        return [
            {
                "model": name,
                "file": file.path.name,
                "bytes": (stat := file.path.stat()).st_size,
                "header": file.digest,
                **({"changed": stat.st_mtime_ns} if clock else {}),
            }
            for name, file in files
        ]

    def _lineage(
        self, plan: Plan, key: str, written: Mapping[int, Written], merged: MergedModel
    ) -> dict[str, Any]:
        method = methods.named(plan.recipe.method)
        return {
            "format": "escalera-merge/1",
            "key": key,
            "plan": plan.digest,
            "recipe": plan.recipe.digest,
            "method": {"name": method.name, "source": method.source},
            "seed": plan.recipe.seed,
            "inputs": self._inputs(plan),
            "tensors": {task.name: written[n].digest for n, task in enumerate(plan.tasks)},
            "bytes": merged.bytes,
            "rounding": merged.rounding,
            "notes": list(merged.notes),
        }


@contextmanager
def opened(folders: Mapping[str, Path], statistics: Mapping[str, Path]) -> Iterator[Opened]:
    """Models by the name that recipes give them, and files with what a method needs beside them."""
    beside: dict[str, WeightsFile] = {}
    try:
        with models.opened(folders) as found:
            for name, path in statistics.items():
                beside[name] = WeightsFile(path)
            yield Opened(models=found, beside=beside)
    finally:
        for file in beside.values():
            file.close()


def threads() -> int:
    """How many threads this machine serves well."""
    if hasattr(os, "sched_getaffinity"):
        return min(16, len(os.sched_getaffinity(0)))
    return min(16, os.cpu_count() or 1)


# Below: private.


def _beside(name: str, file: WeightsFile) -> ModelHeader:
    tensors = {
        tensor: Header(kind=entry.kind, shape=entry.shape) for tensor, entry in file.entries.items()
    }
    return ModelHeader(name=name, tensors=tensors, config={})


def _there(into: Path, key: str) -> MergedModel | None:
    """What an earlier run left, if it is this merge. Raises where something else is there."""
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return None
    lineage = models.document(into / LINEAGE) if into.is_dir() else None
    if lineage is None or lineage.get("key") != key:
        raise MergeError(
            f"{str(into)!r} is there and holds something else. Name a new folder, or remove it."
        )
    count = len(lineage["tensors"])
    return MergedModel(
        folder=str(into),
        digest=lineage["plan"],
        tensors=count,
        bytes=lineage["bytes"],
        resumed=count,
        rounding=lineage["rounding"],
        notes=tuple(lineage["notes"]),
    )


def _require_room(into: Path, wanted: int) -> None:
    """What an earlier, killed run has taken already counts as free."""
    standing = next(path for path in into.absolute().parents if path.exists())
    free = shutil.disk_usage(standing).free
    if work_of(into).is_dir():
        free += sum(512 * file.stat().st_blocks for file in work_of(into).iterdir())
    if free < wanted:
        raise MergeError(
            f"the merge writes {wanted:,} bytes and {str(standing)!r} has {free:,} left. "
            "Make room, or name a folder on another disk."
        )


def _work(
    shop: Shop, output: Output, means: Means, progress: Callable[[str, int, int], None]
) -> dict[int, Written]:
    done = dict(output.done)
    tasks = shop.plan.tasks
    mine = local()

    def one(number: int) -> None:
        if not hasattr(mine, "spare"):
            mine.spare = means.spare()
        pieces = output.pieces(number)
        written = shop.write(tasks[number], mine.spare, pieces.write)
        pieces.close()
        output.finished(number, written)
        shop.forget(number)
        done[number] = written
        progress("merge", len(done), len(tasks))

    left = [number for number in range(len(tasks)) if number not in done]
    if means.threads == 1:
        for number in left:
            one(number)
        return done
    pool = ThreadPoolExecutor(means.threads)
    try:
        # The longest first, so that no thread is left alone with one at the end.
        ordered = sorted(left, key=lambda number: -tasks[number].bytes)
        finished, _ = wait(
            [pool.submit(one, number) for number in ordered], return_when=FIRST_EXCEPTION
        )
        for future in finished:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return done


def _merged(plan: Plan, into: Path, written: Mapping[int, Written], *, resumed: int) -> MergedModel:
    changed = sum(found.changed for _, found in sorted(written.items()))
    rounded = sum(found.rounded for _, found in sorted(written.items()))
    strange = [
        f"{found.strange} numbers of {plan.tasks[number].name} are not finite"
        for number, found in sorted(written.items())
        if found.strange
    ]
    return MergedModel(
        folder=str(into),
        digest=plan.digest,
        tensors=len(plan.tasks),
        bytes=plan.bytes,
        resumed=resumed,
        # Four digits: how the sums were split among blocks and runs is not to be seen.
        rounding=float(f"{sqrt(rounded / changed):.4g}")
        if changed and isfinite(changed + rounded)
        else None,
        notes=(*plan.notes, *strange),
    )
