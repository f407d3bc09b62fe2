"""A merge as data: which models, by which method, with which parameters for which tensors.

The words are those of mergekit's configuration, so that its files can be read as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from escalera.core.merging.numbers import Kind
from escalera.domain.identity import digest_of
from escalera.errors import MergeError

Scalar = float | bool
_LAYER = re.compile(r"^(|.*?\.)(layers|h|blocks|block|layer)\.(\d+)\.(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """A value for tensors in whose name the filter stands; without a filter, for all."""

    value: Scalar | tuple[float, ...]
    filter: str | None = None


Setting = Scalar | tuple[float, ...] | tuple[Conditional, ...]
"""One value; values at even distances from the first layer to the last; or values by filter."""

Settings = tuple[tuple[str, Setting], ...]
"""Parameters by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model (a folder, as the user wrote it) that takes part; `layers` is all, or [from, to)."""

    model: str
    layers: tuple[int, int] | None = None
    settings: Settings = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some layers of the output: as many as each of its sources gives."""

    sources: tuple[Source, ...]
    base: str | None = None
    settings: Settings = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is merged. One slice whose sources name no layers is a merge of whole models.

    `kind` is that of the output's numbers, by default those of the base or the first model.
    `tokens` says whose vocabulary the output has, where they differ: the base's, all of them, or
    that of a named model. `statistics` are folders with what a method needs beside the weights.
    """

    method: str
    slices: tuple[Slice, ...]
    base: str | None = None
    settings: Settings = ()
    kind: Kind | None = None
    tokens: str | None = None
    seed: int = 0
    statistics: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """Content hash of the recipe."""
        return digest_of(self)

    @property
    def models(self) -> tuple[str, ...]:
        """All models, the base first where there is one, each once."""
        named = [self.base, *(part.base for part in self.slices)]
        named += [source.model for part in self.slices for source in part.sources]
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def whole(self) -> bool:
        """Whether all layers of all models take part."""
        return all(source.layers is None for part in self.slices for source in part.sources)


def value_of(
    name: str,
    layers: Sequence[Settings],
    *,
    tensor: str,
    depth: float,
    default: Scalar | None,
    each: bool = True,
) -> Scalar:
    """The value of a parameter for a tensor at a relative depth (0 first layer, 1 last).

    *layers* are looked through from the most particular to the most general; settings whose filters
    fit nothing are passed over. Raises `MergeError` where nothing is said and there is no default;
    whether it is one of *each* model decides what the message advises.
    """
    for settings in layers:
        for key, setting in settings:
            found = _fitting(setting, tensor, depth) if key == name else None
            if found is not None:
                return found
    if default is None:
        raise MergeError(
            f"the parameter {name!r} is not given for {tensor!r}, and has no default. "
            + (
                "Give it to every model, or to all of them under parameters."
                if each
                else "It is one of the whole merge: give it under parameters, not to a model."
            )
        )
    return default


def layer_of(name: str) -> tuple[str, int, str] | None:
    """What stands before a layer's number in a name, the number, and what comes after it."""
    found = _LAYER.match(name)
    return None if found is None else (f"{found[1]}{found[2]}.", int(found[3]), found[4])


def names_of(settings: Settings) -> Iterator[str]:
    """The parameters that are set."""
    return (name for name, _ in settings)


# Below: private.


def _fitting(setting: Setting, tensor: str, depth: float) -> Scalar | None:
    if not isinstance(setting, tuple):
        return setting
    plain = [value for value in setting if not isinstance(value, Conditional)]
    if plain:
        return _along(plain, depth)
    for condition in setting:
        if isinstance(condition, Conditional) and (
            condition.filter in (None, "*") or condition.filter in tensor
        ):
            return _fitting(condition.value, tensor, depth)
    return None


def _along(values: Sequence[float], depth: float) -> float:
    """Linear interpolation between values at even distances."""
    place = depth * (len(values) - 1)
    first = int(place)
    second = min(len(values) - 1, first + 1)
    share = place - first
    return (1 - share) * values[first] + share * values[second]
