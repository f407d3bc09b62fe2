"""Who takes part in a merge, in which role, and which of the given parameters are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import isfinite

from escalera.core.merging import recipe
from escalera.core.merging.fitting import Header, ModelHeader
from escalera.core.merging.methods import METHODS, Method, Parameter
from escalera.core.merging.numbers import STORED
from escalera.core.merging.recipe import Recipe, Scalar, Setting, Slice, Source
from escalera.errors import MergeError

_WITHOUT_EFFECT = frozenset({"int8_mask"})
_ONE_WAY: Mapping[tuple[str, str], Scalar | None] = {
    ("model_stock", "filter_wise"): False,
    ("multislerp", "eps"): None,
    ("nuslerp", "nuslerp_flatten"): True,
    ("nuslerp", "nuslerp_row_wise"): None,
}
"""Parameters of mergekit that are taken at one value only; at any, where they do not matter."""


def owner(asked: Recipe, known: Mapping[str, ModelHeader]) -> ModelHeader:
    """The model whose vocabulary and configuration the output takes."""
    if asked.tokens not in (None, "base", "union"):
        return known[asked.tokens]
    return known[asked.base or asked.slices[0].sources[0].model]


def with_base(asked: Recipe, part: Slice) -> Slice:
    """The slice with the base among its sources, where whole models are merged."""
    base = part.base or asked.base
    named = [source.model for source in part.sources]
    if len(set(named)) != len(named):
        double = next(name for name in named if named.count(name) > 1)
        raise MergeError(f"the model {double!r} stands twice among the sources. Name it once.")
    if base is None or base in named or not asked.whole:
        return part
    return Slice(
        sources=(*part.sources, Source(model=base)), base=part.base, settings=part.settings
    )


def ordered(asked: Recipe, method: Method, part: Slice) -> tuple[bool, tuple[Source, ...]]:
    """Whether the first source is a base that the others change, and the sources in that order."""
    base = part.base or asked.base
    if method.base == "an input" or base is None:
        return False, part.sources
    of_base = [source for source in part.sources if source.model == base]
    others = [source for source in part.sources if source.model != base]
    return bool(of_base), (*of_base, *others)


def require_sources(method: Method, order: tuple[bool, tuple[Source, ...]]) -> None:
    """Raise `MergeError` where a method cannot do with what `ordered` found."""
    about, sources = order
    count = len(sources) - about
    if method.base == "needed" and not about:
        raise MergeError(
            f"the method {method.name!r} needs a base, and none of the sources is it. "
            "Set base_model, and in slices name it among the sources."
        )
    if not method.fewest <= count <= method.most:
        wanted = f"{method.fewest}" if method.fewest == method.most else f"at least {method.fewest}"
        raise MergeError(
            f"the method {method.name!r} takes {wanted} models{' beside the base' * about}, "
            f"not {count}."
        )
    lengths = {source.layers[1] - source.layers[0] for source in sources if source.layers}
    if len(lengths) > 1:
        raise MergeError(
            f"the sources of a slice give {sorted(lengths)} layers. All must give as many."
        )


def unused(asked: Recipe, method: Method) -> list[str]:
    """Parameters that other methods have: said, not used. Raises for those that none has."""
    known = {parameter.name: parameter for parameter in method.parameters}
    other = {p.name for row in METHODS.values() for p in row.parameters} | _WITHOUT_EFFECT
    own = [source.settings for part in asked.slices for source in part.sources]
    given: dict[str, list[Setting]] = {}
    for settings in (asked.settings, *(part.settings for part in asked.slices), *own):
        for name, setting in settings:
            given.setdefault(name, []).append(setting)
    said = []
    for name, settings_of in given.items():
        if (method.name, name) in _ONE_WAY:
            _require_one_way(method, name, settings_of)
        elif name not in known and name not in other:
            raise MergeError(
                f"the method {method.name!r} has no parameter {name!r}. "
                f"It has {', '.join(sorted(known)) or 'none'}."
            )
        elif name not in known:
            said.append(f"{name} has no effect on {method.name}")
    single = dict.fromkeys(name for settings in own for name in recipe.names_of(settings))
    return said + [
        f"{name} of a single model has no effect: in {method.name} it is one of the whole merge, "
        "under parameters"
        for name in single
        if name in known and not known[name].each
    ]


def unread(
    method: Method, known: Mapping[str, Set[str]], beside: Mapping[str, Set[str]]
) -> list[str]:
    """Statistics that nothing reads, in words, by the tensors of models and those *beside* them.

    Raises `MergeError` where none of a file's is read: its names are not those of the model, and
    the merge would be a mean.
    """
    said = []
    for name, held in beside.items():
        if method.beside is None:
            said.append(f"statistics of {name} have no effect on {method.name}")
            continue
        odd = sorted(held - known[name])
        if odd and len(odd) == len(held):
            raise MergeError(
                f"the statistics of the model {name!r} hold {odd[0]!r}, and the model has no such "
                "tensor, nor any other of theirs. Name them as the weights are named."
            )
        if odd:
            said.append(
                f"statistics of {name} hold {len(odd)} tensors that nothing reads, as {odd[0]!r}"
            )
    return said


def require_held(method: Method, model: str, *, held: bool) -> None:
    """Raise `MergeError` where a method needs statistics of *model* that nobody named."""
    if not held:
        raise MergeError(
            f"the method {method.name!r} needs beside each weight {method.beside}, and there is "
            f"none for the model {model!r}. Name a safetensors file under statistics."
        )


def require_fitting(
    method: Method, where: tuple[str, str], shape: tuple[int, ...], found: Header
) -> None:
    """Raise `MergeError` where statistics do not fit *shape*; *where* names model and weight."""
    wanted = shape if method.name == "fisher" else (shape[-1], shape[-1])
    if found.shape != wanted or found.kind not in STORED:
        raise MergeError(
            f"the statistics of {where[1]!r} of the model {where[0]!r} are "
            f"{found.shape} of {found.kind}. Needed is {method.beside}: {wanted}."
        )


def require_all_or_none(tensor: str, found: int, models: int) -> None:
    """Raise `MergeError` where only some of the models have statistics of a tensor."""
    if 0 < found < models:
        raise MergeError(
            f"only some of the models' statistics hold {tensor!r}. "
            "Compute them for all models, or for none."
        )


def require_in_range(parameter: Parameter, value: Scalar, tensor: str) -> None:
    """Raise `MergeError` for a value that the parameter cannot have."""
    if not isfinite(value):
        raise MergeError(f"{parameter.name} is {value!r} for {tensor!r}. Give a finite number.")
    if not parameter.low <= value <= parameter.high:
        raise MergeError(
            f"{parameter.name} is {value!r} for {tensor!r}. It must lie from "
            f"{parameter.low!r} to {parameter.high!r}."
        )


def require_layers(source: Source, stacks: Mapping[str, int]) -> None:
    """Raise `MergeError` where a source of a slice names layers that its model does not have.

    *stacks* has the depth of each stack of layers, by what stands before their numbers.
    """
    if source.layers is None:
        return
    if len(stacks) != 1:
        named = " and ".join(f"{stack.rstrip('.')!r}" for stack in stacks) or "none"
        raise MergeError(
            f"slices are of one stack of layers, and the model {source.model!r} has {named}. "
            "Merge whole models instead: name them under models."
        )
    (depth,) = stacks.values()
    start, stop = source.layers
    if not 0 <= start < stop <= depth:
        raise MergeError(
            f"layer_range of {source.model!r} is [{start}, {stop}], and the model has {depth} "
            "layers. Write it as [first, one after the last], counted from 0."
        )


# Below: private.


def _require_one_way(method: Method, name: str, settings: Sequence[Setting]) -> None:
    wanted = _ONE_WAY[method.name, name]
    if wanted is not None and any(setting != wanted for setting in settings):
        raise MergeError(
            f"{name} of {method.name!r} is supported as {str(wanted).lower()} only. Leave it out."
        )
