"""Trained weights of a model merged as files: the model's own, plus what each training changed.

A training of the model's own weights leaves a folder with those that changed. Their changes are the
differences from the base, nothing for a weight that a training left alone:

linear  the base and the weighted sum of the changes (task arithmetic; Ilharco et al. 2022, arXiv
        2212.04089, section 2), in double precision.
others  methods on changes of whole models, with weights as for adapters.

One training of weight 1 is itself, bit by bit. Weights are read and written one at a time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import numpy as np

from escalera.core.merging import numbers
from escalera.core.merging.low_rank import Matrix
from escalera.core.merging.numbers import STORED, Floats, Kind
from escalera.domain.recipe import MergePlan
from escalera.edges.merging import models, weights
from escalera.edges.merging.adapters import (
    ON_PRODUCTS,
    AdapterMerge,
    AdapterMerger,
    changed_by,
    require_usable,
)
from escalera.edges.merging.models import Model
from escalera.edges.merging.weights import Entry, WeightsFile
from escalera.errors import MergeError

WEIGHTS = "tuned_weights.safetensors"
CONFIG = "tuned_config.json"
PROBES = "prompt_tokens.json"
METHODS = ("linear", *(name for name in ON_PRODUCTS if name != "knots_ties"))
"""Those that need no factors."""


class TrainedMerger:
    """Merges what trainings of the model in *base* left: adapters, or weights of its own."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._adapters = AdapterMerger()

    def merge(self, plan: MergePlan, adapters: Sequence[Path], *, into: Path) -> None:
        """Merge the folders of *plan*, in its order, into the empty folder *into*.

        Raises `MergeError`, also where adapters would be merged with weights.
        """
        tuned = [folder for folder in adapters if (folder / WEIGHTS).is_file()]
        if not tuned:
            self._adapters.merge(plan, adapters, into=into)
            return
        if len(tuned) < len(adapters):
            odd = next(folder for folder in adapters if folder not in tuned)
            raise MergeError(
                f"{odd.name!r} is an adapter, and {tuned[0].name!r} holds weights of the model. "
                "Merge what was trained by one method."
            )
        merge(plan, tuned, base=self._base, into=into)


def merge(plan: MergePlan, folders: Sequence[Path], *, base: Path, into: Path) -> None:
    """Merge folders of trained weights of the model in *base* into the empty folder *into*.

    Raises `MergeError` for what cannot be merged as asked; then nothing is written.
    """
    require_usable(plan, folders)
    if plan.method not in METHODS:
        raise MergeError(
            f"weights of the model cannot be merged by {plan.method!r}, which is of factors. "
            f"Possible are {', '.join(METHODS)}."
        )
    configs = [_config(folder) for folder in folders]
    _require_alike(folders, configs)
    if [entry.weight for entry in plan.adapters] == [1.0] and plan.method == "linear":
        shutil.copyfile(folders[0] / WEIGHTS, into / WEIGHTS)
    else:
        _merge(plan, folders, base, into)
    if (folders[0] / PROBES).is_file():
        shutil.copyfile(folders[0] / PROBES, into / PROBES)
    text = json.dumps(
        dict(configs[0]) | {"method": f"merged ({plan.method})"}, indent=2, sort_keys=True
    )
    (into / CONFIG).write_text(text + "\n", encoding="utf-8")


# Below: private.


def _merge(plan: MergePlan, folders: Sequence[Path], base: Path, into: Path) -> None:
    with _opened(folders) as files, models.opened({"base": base}) as opened:
        model = opened["base"]
        names = sorted({name for file in files for name in file.entries})
        shapes = {name: _shape(model, files, name) for name in names}
        asked = AdapterMerge(
            method=plan.method,
            weights=tuple(entry.weight for entry in plan.adapters),
            each=tuple({"weight": 1.0, "density": plan.density} for _ in plan.adapters),
        )

        def merged(name: str) -> Floats:
            found = _read(model.numbers(name), model.entry(name)).astype(np.float64)
            changes = [
                weight * _change(file, name, found)
                for file, weight in zip(files, asked.weights, strict=True)
            ]
            model.forget(name)
            return (found + _together(asked, changes, name)).astype(np.float32)

        weights.write(into / WEIGHTS, shapes, merged)


def _together(asked: AdapterMerge, changes: Sequence[Matrix], name: str) -> Matrix:
    if asked.method == "linear":
        total: Matrix = np.sum(changes, axis=0)
        return total
    return changed_by(asked.method, asked, changes, name)


def _change(file: WeightsFile, name: str, base: Matrix) -> Matrix:
    if name not in file.entries:
        return np.zeros_like(base)
    found = _read(file.numbers(name), file.entries[name]).astype(np.float64) - base
    file.forget(name)
    return found


def _read(raw: numbers.Raw, entry: Entry) -> Floats:
    return numbers.as_floats(raw, cast("Kind", entry.kind)).reshape(entry.shape)


@contextmanager
def _opened(folders: Sequence[Path]) -> Iterator[list[WeightsFile]]:
    with ExitStack() as stack:
        yield [stack.enter_context(WeightsFile(folder / WEIGHTS)) for folder in folders]


def _shape(model: Model, files: Sequence[WeightsFile], name: str) -> tuple[int, ...]:
    """The shape of a weight, which all that have it agree on. Raises `MergeError`."""
    if name not in model.entries():
        raise MergeError(
            f"the model in {str(model.folder)!r} has no weight {name!r}. "
            "Merge what was trained from that model."
        )
    entry = model.entry(name)
    for found in (entry, *(file.entries[name] for file in files if name in file.entries)):
        if found.kind not in STORED or found.shape != entry.shape:
            raise MergeError(
                f"{name!r} is {entry.kind} of shape {entry.shape} in the model, and there is one "
                f"of {found.kind} {found.shape}. Weights to be merged have one shape, and numbers "
                f"of {', '.join(STORED)}."
            )
    return entry.shape


def _config(folder: Path) -> Mapping[str, object]:
    found = models.document(folder / CONFIG)
    if found is None:
        raise MergeError(f"{folder.name!r} has no {CONFIG}. Restore the folder from a copy.")
    return found


def _require_alike(folders: Sequence[Path], configs: Sequence[Mapping[str, object]]) -> None:
    """Raise `MergeError` where trainings are of different models, or were told other tokens."""
    name = "base_model_name_or_path"
    for folder, config in zip(folders, configs, strict=True):
        if config.get(name) != configs[0].get(name):
            raise MergeError(
                f"{folders[0].name!r} was trained from {configs[0].get(name)!r}, {folder.name!r} "
                f"from {config.get(name)!r}. Merge trainings of one model."
            )
        if _probes(folder) != _probes(folders[0]):
            raise MergeError(
                f"{folders[0].name!r} and {folder.name!r} were trained with other chat templates "
                "or tokenizers: the same conversation is told with other tokens. Train one anew."
            )


def _probes(folder: Path) -> bytes:
    file = folder / PROBES
    return file.read_bytes() if file.is_file() else b""
