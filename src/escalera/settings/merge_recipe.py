"""Files that say how to merge: TOML, or the YAML of mergekit as it is.

Both have the same keys. What mergekit knows and is not done here is refused by its name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from escalera.core.merging.numbers import Kind
from escalera.core.merging.recipe import (
    Conditional,
    Recipe,
    Scalar,
    Setting,
    Settings,
    Slice,
    Source,
)
from escalera.errors import DataError

KINDS: Mapping[str, Kind] = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


class SourceTable(msgspec.Struct, forbid_unknown_fields=True):
    """A model and what is said of it; `layer_range` within slices only."""

    model: str
    layer_range: tuple[int, int] | None = None
    parameters: dict[str, Any] = {}
    statistics: str | None = None


class SliceTable(msgspec.Struct, forbid_unknown_fields=True):
    """Some layers of the output."""

    sources: list[SourceTable]
    base_model: str | None = None
    parameters: dict[str, Any] = {}


class TokenizerTable(msgspec.Struct, forbid_unknown_fields=True):
    """Whose tokenizer the output has."""

    source: str = "union"


class MergeTable(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    merge_method: str
    models: list[SourceTable] = []
    slices: list[SliceTable] = []
    base_model: str | None = None
    parameters: dict[str, Any] = {}
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    out_dtype: Literal["bfloat16", "float16", "float32"] | None = None
    tokenizer_source: str | None = None
    tokenizer: TokenizerTable | None = None
    seed: int = 0
    rank: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeFile:
    """A recipe, and where its models and their statistics lie."""

    recipe: Recipe
    folders: Mapping[str, Path]
    statistics: Mapping[str, Path]
    rank: int | None = None


_TABLES: tuple[type[msgspec.Struct], ...] = (MergeTable, SourceTable, SliceTable, TokenizerTable)
_UNKNOWN = re.compile("unknown field `([^`]+)`")

_NOT_DONE: Mapping[str, str] = {
    "modules": "Merge models of one stack of layers, or each part by itself.",
    "chat_template": "Put the template into the tokenizer's files after the merge.",
    "residual_weight": "Leave it out.",
    "tokens": "Leave it out: tokens that a model lacks take the row of the tokenizer's model.",
    "pad_to_multiple_of": "Leave it out: the output has the rows of the tokenizer's model.",
}
"""Keys of mergekit that are refused, each with what to do."""


def read(file: Path) -> MergeFile:
    """Parse a file. Raises `DataError` for what is wrong in it, or not supported."""
    found = _decoded(file)
    if bool(found.models) == bool(found.slices):
        raise _error(file, "models", "either models or slices must be given", "Give one of them")
    if found.tokenizer is not None and found.tokenizer_source is not None:
        raise _error(file, "tokenizer", "stands beside tokenizer_source", "Give one of them")
    slices = found.slices or [SliceTable(sources=found.models)]
    sources = [source for part in slices for source in part.sources]
    for source in sources:
        if bool(found.slices) != (source.layer_range is not None):
            raise _error(
                file,
                "layer_range",
                f"of {source.model!r} must be given in slices, and only there",
                "Write it as [first, one after the last]",
            )
    if found.rank is not None and found.rank < 1:
        raise _error(file, "rank", f"is {found.rank}", "Give at least 1")
    kind = found.out_dtype or found.dtype
    tokens = found.tokenizer_source
    if found.tokenizer is not None:
        tokens = found.tokenizer.source
    recipe = Recipe(
        method=found.merge_method,
        slices=tuple(_slice(file, part) for part in slices),
        base=found.base_model,
        settings=_settings(file, found.parameters),
        kind=None if kind is None else KINDS[kind],
        tokens=tokens,
        seed=found.seed,
        statistics=tuple((s.model, s.statistics) for s in sources if s.statistics is not None),
    )
    names = (*recipe.models, *([tokens] if tokens not in (None, "base", "union") else []))
    return MergeFile(
        recipe=recipe,
        folders={name: _folder(file, name) for name in names},
        statistics={name: _folder(file, path) for name, path in recipe.statistics},
        rank=found.rank,
    )


# Below: private.


def _decoded(file: Path) -> MergeTable:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise DataError(
            file=str(file), problem=f"cannot be read: {error}", remedy="Name a merge recipe."
        ) from error
    decode = msgspec.yaml.decode if file.suffix in (".yaml", ".yml") else msgspec.toml.decode
    try:
        document = _given(decode(text))
        _refuse(file, document)
        return msgspec.convert(document, MergeTable)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DataError(
            file=str(file),
            problem=str(error),
            remedy=_remedy(str(error)),
        ) from error


def _given(document: Any) -> Any:
    """Without the keys that hold nothing, which in YAML stand for keys that are not there."""
    if isinstance(document, dict):
        return {key: _given(value) for key, value in document.items() if value is not None}
    return [_given(value) for value in document] if isinstance(document, list) else document


def _remedy(problem: str) -> str:
    """The key that may have been meant, or all there are; of a model and a slice, too."""
    known = sorted({key for table in _TABLES for key in table.__struct_fields__})
    unknown = _UNKNOWN.search(problem)
    close = [] if unknown is None else difflib.get_close_matches(unknown[1], known, n=1, cutoff=0.5)
    said = f"Did you mean {close[0]!r}? " if close else ""
    return f"{said}Known keys are {', '.join(known)}."


def _refuse(file: Path, document: Any) -> None:
    """Name what mergekit has and is not done here, wherever it stands."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            if key in _NOT_DONE:
                raise _error(file, key, "is not supported", _NOT_DONE[key].rstrip("."))
            _refuse(file, value)
    elif isinstance(document, Sequence) and not isinstance(document, str):
        for value in document:
            _refuse(file, value)


def _slice(file: Path, part: SliceTable) -> Slice:
    return Slice(
        sources=tuple(
            Source(
                model=_plain(file, source.model),
                layers=source.layer_range,
                settings=_settings(file, source.parameters),
            )
            for source in part.sources
        ),
        base=part.base_model,
        settings=_settings(file, part.parameters),
    )


def _plain(file: Path, model: str) -> str:
    if "+" in model:
        raise _error(
            file, "model", f"{model!r} names a model and an adapter", "Merge the adapter first"
        )
    return model


def _settings(file: Path, given: Mapping[str, Any]) -> Settings:
    return tuple((name, _setting(file, name, value)) for name, value in given.items())


def _setting(file: Path, name: str, value: Any) -> Setting:
    if isinstance(value, Mapping):
        return (_conditional(file, name, value),)
    if not isinstance(value, list):
        return _scalar(file, name, value)
    if not value:
        raise _error(file, name, "is an empty list", "Give at least one value")
    if all(isinstance(entry, Mapping) for entry in value):
        return tuple(_conditional(file, name, entry) for entry in value)
    return tuple(float(_scalar(file, name, entry)) for entry in value)


def _conditional(file: Path, name: str, given: Mapping[str, Any]) -> Conditional:
    if set(given) - {"filter", "value"} or "value" not in given:
        raise _error(
            file, name, f"{dict(given)!r} is no value by filter", "Give value, and filter if wanted"
        )
    value = _setting(file, name, given["value"])
    if isinstance(value, tuple) and any(isinstance(entry, Conditional) for entry in value):
        raise _error(file, name, "has a filter within a filter", "Give one filter for a value")
    return Conditional(
        value=cast("Scalar | tuple[float, ...]", value),
        filter=None if given.get("filter") is None else str(given["filter"]),
    )


def _scalar(file: Path, name: str, value: Any) -> Scalar:
    if isinstance(value, bool):
        return value
    try:
        return float(value)  # YAML reads 1e-5 as a string
    except (TypeError, ValueError):
        raise _error(file, name, f"is {value!r}", "Give a number, or true or false") from None


def _folder(file: Path, name: str) -> Path:
    """Beside the file, or where nothing is there, below the folder that one is in."""
    beside = file.parent / name
    return beside if beside.exists() else Path(name)


def _error(file: Path, key: str, problem: str, remedy: str) -> DataError:
    return DataError(file=str(file), place=key, problem=problem, remedy=f"{remedy}.")
