"""Jinja in a sandbox, from text and values to text: what `templates` renders when it needs Jinja.

Jinja's sandbox (Jinja documentation, "Sandbox") keeps templates away from attributes, modules and
unbounded ranges; there is no loader, so no template reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from escalera.errors import TemplateError


def render(source: str, values: Mapping[str, Any], *, longest: int) -> str:
    """*source* with *values* filled in.

    Raises `TemplateError` where it is no template, names a value that is not there, or makes more
    than *longest* characters.
    """
    pieces: list[str] = []
    length = 0
    try:
        for piece in _compiled(source).generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > longest:
                break
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(_quoted(source), f"cannot be filled in: {_said(error)}") from error
    if length > longest:
        raise TemplateError(_quoted(source), f"makes more than {longest} characters")
    return "".join(pieces)


def variables(source: str) -> frozenset[str]:
    """The names of the values that *source* may use. Raises `TemplateError` for no template."""
    try:
        _compiled(source)
        return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))
    except jinja2.TemplateError as error:
        raise TemplateError(_quoted(source), f"is no template: {_said(error)}") from error


# Below: private.

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(source)


def _quoted(source: str) -> str:
    first = source.strip().partition("\n")[0]
    return repr(first if len(first) <= 60 else f"{first[:59]}…")


def _said(error: Exception) -> str:
    where = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
    said = str(error).rstrip(".")
    return f"{said}{where}"
