"""Adapters merged as a recipe says: parameters of every layer, a folder of its own, a lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from blake3 import blake3

from escalera.core.merging import methods
from escalera.core.merging.compiling import MergedModel
from escalera.core.merging.methods import Parameter
from escalera.core.merging.recipe import Recipe, Scalar, Settings, Source, layer_of, value_of
from escalera.domain.identity import digest_of
from escalera.edges.merging import adapter_folders, adapters
from escalera.edges.merging.adapters import EXACT, ON_PRODUCTS, AdapterMerge
from escalera.edges.merging.output import LINEAGE
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError

_WEIGHT = Parameter(name="weight", each=True)


def merge_recipe(
    recipe: Recipe, folders: Mapping[str, Path], *, rank: int | None, into: Path
) -> MergedModel:
    """Merge adapters as a recipe says, into a folder that must not exist or be empty."""
    sources = _sources(recipe)
    paths = [folders[source.model] for source in sources]
    plan = digest_of({"recipe": recipe, "rank": rank})
    with _folder(into) as work:
        if len(sources) == 1 and recipe.method in EXACT and rank is None and _is_one(recipe):
            adapter_folders.copy(paths[0], work)
            error = 0.0
        else:
            error = adapters.merge_each(
                paths, lambda modules: _resolved(recipe, rank, modules), work
            )
        written = blake3((work / adapter_folders.WEIGHTS).read_bytes()).hexdigest()
        lineage = {
            "format": "escalera-merge/1",
            "plan": plan,
            "method": {"name": recipe.method},
            "seed": recipe.seed,
            "inputs": [
                {"model": name, "digest": adapter_folders.digest(path)}
                for name, path in zip(recipe.models, paths, strict=True)
            ],
            "digest": written,
            "error": error,
        }
        text = json.dumps(lineage, indent=2, ensure_ascii=False) + "\n"
        (work / LINEAGE).write_text(text, encoding="utf-8")
        with WeightsFile(work / adapter_folders.WEIGHTS) as file:
            count = len(file.entries)
        size = (work / adapter_folders.WEIGHTS).stat().st_size
    return MergedModel(
        folder=str(into), digest=plan, tensors=count, bytes=size, resumed=0, error=error
    )


# Below: private.


def _sources(recipe: Recipe) -> tuple[Source, ...]:
    if recipe.method not in (*EXACT, *ON_PRODUCTS):
        raise MergeError(adapters.unknown(recipe.method))
    if not recipe.whole or recipe.base is not None:
        raise MergeError(
            "adapters are merged whole, and their base is that of their training. "
            "Name them under models, without slices and base_model."
        )
    return recipe.slices[0].sources


def _is_one(recipe: Recipe) -> bool:
    """Whether the one adapter has weight 1 everywhere."""
    (source,) = recipe.slices[0].sources
    return (dict(recipe.settings) | dict(source.settings)).get("weight") == 1.0


def _resolved(recipe: Recipe, rank: int | None, modules: Sequence[str]) -> dict[str, AdapterMerge]:
    """The parameters of every layer by its name."""
    places = {module: layer_of(f"{module}.") for module in modules}
    last = max((place[1] for place in places.values() if place), default=0)
    depths = {
        module: (place[1] / last if last else 1.0) if place else 0.0
        for module, place in places.items()
    }
    return {module: _of_module(recipe, rank, module, depths[module]) for module in modules}


def _of_module(recipe: Recipe, rank: int | None, module: str, depth: float) -> AdapterMerge:
    """Exact methods have weights, which go into the factors; others have their own parameters."""
    sources, exact = recipe.slices[0].sources, recipe.method in EXACT

    def value(parameter: Parameter, *more: Settings) -> Scalar:
        return value_of(
            parameter.name,
            (*more, recipe.settings),
            tensor=module,
            depth=depth,
            default=parameter.default,
        )

    row = "ties" if recipe.method == "knots_ties" else recipe.method
    parameters = () if exact else methods.named(row).parameters
    weights = [float(value(_WEIGHT, source.settings)) if exact else 1.0 for source in sources]
    return AdapterMerge(
        method=recipe.method,
        weights=tuple(weights),
        each=tuple(
            {p.name: value(p, source.settings) for p in parameters if p.each} for source in sources
        ),
        shared={p.name: value(p) for p in parameters if not p.each},
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
