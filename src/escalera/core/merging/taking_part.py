"""Who takes part in a merge, in which role, and which of the given parameters are meant."""

from __future__ import annotations

from collections.abc import Mapping

from escalera.core.merging import recipe
from escalera.core.merging.fitting import ModelHeader
from escalera.core.merging.methods import METHODS, Method
from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.errors import MergeError

_WITHOUT_EFFECT = frozenset({"int8_mask"})


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
    known = {parameter.name for parameter in method.parameters}
    other = {p.name for row in METHODS.values() for p in row.parameters} | _WITHOUT_EFFECT
    sources = [source for part in asked.slices for source in part.sources]
    given: dict[str, None] = {}
    parts = [*(part.settings for part in asked.slices), *(s.settings for s in sources)]
    for settings in (asked.settings, *parts):
        given.update(dict.fromkeys(recipe.names_of(settings)))
    for name in given:
        if name not in known | other:
            raise MergeError(
                f"the method {method.name!r} has no parameter {name!r}. "
                f"It has {', '.join(sorted(known)) or 'none'}."
            )
    return [f"{name} has no effect on {method.name}" for name in given if name not in known]
