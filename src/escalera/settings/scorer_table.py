"""The scorer of a task: a name, or a table with its kind and that kind's options."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from escalera.errors import BadOption

Written = str | dict[str, Any]
"""`scorer = "exact"`, or `[tasks.NAME.scorer]` with `kind = "regex"` and its options."""


def read(written: Written, kinds: Mapping[str, type]) -> tuple[str, Any]:
    """The kind and its options, checked. Raises `BadOption` for the first thing that is wrong.

    *kinds* holds, by name, the dataclass whose fields are the kind's options.
    """
    table = {"kind": written} if isinstance(written, str) else dict(written)
    named = table.pop("kind", None)
    if named is None:
        raise BadOption("kind", "is missing", f"Choose one of {', '.join(kinds)}")
    if not isinstance(named, str) or named not in kinds:
        # Of a plain name the key is that of the task, of a table it is `kind`.
        key = "" if isinstance(written, str) else "kind"
        raise BadOption(key, f"{named!r} is not a scorer", f"Choose one of {', '.join(kinds)}")
    return named, _options(named, table, kinds[named])


def kind(written: Written) -> str:
    """The kind, of a scorer that was read without an error."""
    return written if isinstance(written, str) else str(written["kind"])


def key(task: str, error: BadOption) -> str:
    """The full key of what *error* is about."""
    return ".".join(part for part in (f"tasks.{task}.scorer", error.key) if part)


# Below: private.

_PATH = re.compile(r" - at `\$\.?([^`]*)`$")


def _options(kind: str, table: Mapping[str, Any], options: type) -> Any:
    fields = {field.name: field for field in dataclasses.fields(options)}
    for name in table:
        if name not in fields:
            raise BadOption(name, f"is no option of the scorer {kind!r}", _suggest(name, fields))
    for name, field in fields.items():
        if name not in table and field.default is dataclasses.MISSING:
            example = f'scorer = {{ kind = "{kind}", {name} = … }}'
            raise BadOption(name, f"is missing, and {kind!r} needs it", f"Give it: {example}")
    try:
        return msgspec.convert(table, options)
    except msgspec.ValidationError as error:
        problem = str(error)
        where = _PATH.search(problem)
        key = where.group(1) if where else ""
        said = _PATH.sub("", problem)
        value = table.get(key.partition("[")[0])
        raise BadOption(
            key, f"has the value {value!r}: {said[:1].lower()}{said[1:]}", "Give what it expects"
        ) from None


def _suggest(name: str, fields: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, fields, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"It has {', '.join(fields)}" if fields else "It has none: leave it out"
