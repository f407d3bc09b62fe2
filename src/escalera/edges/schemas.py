"""JSON Schemas (draft 2020-12), and texts that are to be valid against them.

A schema is the user's, a text is a model's: neither may make us read from the network or keep a
regular expression busy, so references stay inside the schema and patterns run in linear time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import jsonschema_rs
import msgspec

from escalera.domain.dataset import Example
from escalera.errors import ProjectError

MAX_SAID = 300
"""Characters of what is said to be wrong."""


def unusable(schema: str) -> str | None:
    """Why *schema* (JSON text) cannot be checked against, or None when it can."""
    try:
        _validator(schema)
    except (jsonschema_rs.ValidationError, msgspec.DecodeError) as error:
        return _said(error)
    return None


def check(schema: str, examples: Sequence[Example], *, task: str, project: Path) -> None:
    """Raise `ProjectError` unless *schema* is usable and every target of *task* valid against it.

    *project* is the file that names the schema.
    """
    key = f"tasks.{task}.schema"
    if wrong := unusable(schema):
        raise ProjectError(
            file=str(project),
            key=key,
            problem=f"it cannot be checked against: {wrong}",
            remedy="Write it for draft 2020-12, with references inside itself only, and patterns "
            "that do not look around or back",
        )
    for item in examples:
        if wrong := invalid(schema, item.target):
            raise ProjectError(
                file=str(project),
                key=key,
                problem=f"the target of the item {item.id!r} is not valid against it: {wrong}",
                remedy="Mend the target in the data file, or the schema",
            )


def invalid(schema: str, text: str) -> str | None:
    """What is wrong with *text* as an answer: no JSON, or not valid against *schema*; else None.

    Numbers that JSON lacks (NaN) and text around the value make it invalid, white space does not.
    *schema* must be usable.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return f"it is not JSON: {error}"
    found = next(iter(_validator(schema).iter_errors(value)), None)
    return None if found is None else _said(found)


# Below: private.


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        msgspec.json.decode(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
    )


def _said(error: Exception) -> str:
    if not isinstance(error, jsonschema_rs.ValidationError):
        return f"it is not JSON: {error}"
    place = "".join(f"/{part}" for part in error.instance_path)
    said = f"at {place}: {error.message}" if place else error.message
    return said if len(said) <= MAX_SAID else said[:MAX_SAID] + "…"
