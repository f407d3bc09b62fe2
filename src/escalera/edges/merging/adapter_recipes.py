"""Adapters merged as a recipe says: parameters of every layer, a folder of its own, a lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from blake3 import blake3

from escalera.core.merging import methods, taking_part
from escalera.core.merging.compiling import MergedModel
from escalera.core.merging.methods import Method, Parameter
from escalera.core.merging.recipe import Recipe, Scalar, Settings, Source, layer_of, value_of
from escalera.domain.identity import digest_of
from escalera.edges.merging import adapter_folders, adapter_statistics, adapters
from escalera.edges.merging.adapter_folders import Adapter
from escalera.edges.merging.adapter_statistics import Statistics
from escalera.edges.merging.adapters import BY_RECIPE, EXACT, ON_PRODUCTS, POSSIBLE, AdapterMerge
from escalera.edges.merging.output import LINEAGE
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError

_SUM = replace(methods.named("task_arithmetic"), parameters=(Parameter(name="weight", each=True),))
_METHODS: Mapping[str, Method] = {
    "concatenate": replace(_SUM, name="concatenate"),
    "linear": replace(_SUM, name="linear"),
    "knots_ties": replace(
        methods.named("ties"), name="knots_ties", source="Stoica et al. 2024, arXiv 2410.19735"
    ),
    **{name: methods.named(name) for name in (*ON_PRODUCTS, *BY_RECIPE) if name != "knots_ties"},
    "slerp": replace(
        methods.named("slerp"), title="along the arc between two changes", fewest=2, most=2
    ),
}
"""What adapters are merged by: a weighted sum, or a method of whole models on the products."""


def merge_recipe(
    recipe: Recipe,
    folders: Mapping[str, Path],
    *,
    rank: int | None,
    into: Path,
    statistics: Mapping[str, Path] | None = None,
) -> MergedModel:
    """Merge adapters as a recipe says, into a folder that must not exist or be empty.

    *statistics* are files with what a method needs beside the weights, by the adapters' names.
    """
    sources, files = _sources(recipe), statistics or {}
    notes, row = _unused(recipe), _METHODS[recipe.method]
    paths = [folders[source.model] for source in sources]
    plan = digest_of({"recipe": recipe, "rank": rank})
    with _folder(into) as work:
        if len(sources) == 1 and recipe.method in EXACT and rank is None and _is_one(recipe):
            adapter_folders.copy(paths[0], work)
            error = 0.0
        else:
            with adapter_statistics.opened(row, [s.model for s in sources], files) as beside:

                def resolved(first: Adapter) -> Mapping[str, AdapterMerge]:
                    notes.extend(beside.notes(first.modules))
                    return _resolved(recipe, rank, first, beside)

                error = adapters.merge_each(paths, resolved, work)
        written = blake3((work / adapter_folders.WEIGHTS).read_bytes()).hexdigest()
        with WeightsFile(work / adapter_folders.WEIGHTS) as file:
            tensors = {
                name: blake3(file.numbers(name).tobytes()).hexdigest() for name in file.entries
            }
        lineage = {
            "format": "escalera-merge/1",
            "plan": plan,
            "method": {"name": recipe.method, "source": _METHODS[recipe.method].source},
            "seed": recipe.seed,
            "inputs": [
                {"model": name, "digest": adapter_folders.digest(path)}
                for name, path in zip(recipe.models, paths, strict=True)
            ]
            + [
                {"model": f"statistics of {name}", "digest": blake3().update_mmap(path).hexdigest()}
                for name, path in files.items()
            ],
            "digest": written,
            "tensors": tensors,
            "error": error,
            "notes": notes,
        }
        text = json.dumps(lineage, indent=2, ensure_ascii=False) + "\n"
        (work / LINEAGE).write_text(text, encoding="utf-8")
        size = (work / adapter_folders.WEIGHTS).stat().st_size
    return MergedModel(
        folder=str(into),
        digest=plan,
        tensors=len(tensors),
        bytes=size,
        resumed=0,
        error=error,
        notes=tuple(notes),
    )


# Below: private.


def _sources(recipe: Recipe) -> tuple[Source, ...]:
    if recipe.method not in POSSIBLE:
        raise MergeError(adapters.unknown(recipe.method))
    if not recipe.whole or recipe.base is not None:
        raise MergeError(
            "adapters are merged whole, and their base is that of their training. "
            "Name them under models, without slices and base_model."
        )
    sources = taking_part.with_base(recipe, recipe.slices[0]).sources
    # Each counts as a model that is not the base, which is that of the adapters' training.
    row = replace(_METHODS[recipe.method], base="an input")
    taking_part.require_sources(row, (False, sources))
    return sources


def _unused(recipe: Recipe) -> list[str]:
    """What is said in the recipe and makes no difference to adapters."""
    asked = {"dtype": recipe.kind, "tokenizer_source": recipe.tokens}
    said = [f"{key} has no effect on adapters" for key, value in asked.items() if value is not None]
    return said + taking_part.unused(recipe, _METHODS[recipe.method])


def _is_one(recipe: Recipe) -> bool:
    """Whether the one adapter has weight 1 everywhere."""
    (source,) = recipe.slices[0].sources
    return (dict(recipe.settings) | dict(source.settings)).get("weight") == 1.0


def _resolved(
    recipe: Recipe, rank: int | None, first: Adapter, beside: Statistics
) -> dict[str, AdapterMerge]:
    """The parameters of every layer by its name."""
    places = {module: layer_of(f"{module}.") for module in first.modules}
    last = max((place[1] for place in places.values() if place), default=0)
    depths = {
        module: (place[1] / last if last else 1.0) if place else 0.0
        for module, place in places.items()
    }
    return {
        module: replace(
            _of_module(recipe, rank, module, depths[module]),
            beside=beside.of(module, first.shape(module)),
        )
        for module in first.modules
    }


def _of_module(recipe: Recipe, rank: int | None, module: str, depth: float) -> AdapterMerge:
    """Exact methods have weights, which go into the factors; others have their own parameters."""
    sources, exact = recipe.slices[0].sources, recipe.method in EXACT

    def value(parameter: Parameter, *more: Settings) -> Scalar:
        found = value_of(
            parameter.name,
            (*more, recipe.settings),
            tensor=module,
            depth=depth,
            default=parameter.default,
            each=parameter.each,
        )
        taking_part.require_in_range(parameter, found, module)
        return found

    parameters = _METHODS[recipe.method].parameters
    each = [{p.name: value(p, source.settings) for p in parameters if p.each} for source in sources]
    return AdapterMerge(
        method=recipe.method,
        weights=tuple(float(given["weight"]) if exact else 1.0 for given in each),
        each=() if exact else tuple(each),
        shared={} if exact else {p.name: value(p) for p in parameters if not p.each},
        rank=rank,
        seed=recipe.seed,
    )


@contextmanager
def _folder(into: Path) -> Iterator[Path]:
    """A folder beside *into* that takes its name in the end, or goes when something fails."""
    if into.exists() and not (into.is_dir() and not any(into.iterdir())):
        raise MergeError(f"{str(into)!r} is there already. Name a new folder, or remove it.")
    into.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        yield work
        work.chmod(0o755)
        work.rename(into)
    finally:
        rmtree(work, ignore_errors=True)
