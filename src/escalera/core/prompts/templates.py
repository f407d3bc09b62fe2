"""Templates: Jinja in a sandbox, from text and values to text.

Templates come from the user's own files. What a model proposes, and what a user writes, is never
a template: it goes in as a value, or through `literal`. Jinja's sandbox (Jinja documentation,
"Sandbox") keeps templates away from attributes, modules and unbounded ranges; there is no loader,
so no template reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from escalera.errors import TemplateError

LONGEST = 1_000_000
"""Characters that a template may make: more fits no context window."""


def render(source: str, values: Mapping[str, Any]) -> str:
    """*source* with *values* filled in.

    Raises `TemplateError` where it is no template, names a value that is not there, or makes more
    than `LONGEST` characters.
    """
    pieces: list[str] = []
    length = 0
    try:
        for piece in _compiled(source).generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST:
                break
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(_quoted(source), f"cannot be filled in: {_said(error)}") from error
    if length > LONGEST:
        raise TemplateError(_quoted(source), f"makes more than {LONGEST} characters")
    return "".join(pieces)


def variables(source: str) -> frozenset[str]:
    """The names of the values that *source* may use. Raises `TemplateError` for no template."""
    try:
        _compiled(source)
        return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))
    except jinja2.TemplateError as error:
        raise TemplateError(_quoted(source), f"is no template: {_said(error)}") from error


def literal(text: str) -> str:
    """A template that renders to exactly *text*, whatever marks it holds."""
    return _MARK.sub(lambda found: f"{{{{ {found.group()!r} }}}}", text)


# Below: private.

_MARK = re.compile(r"\{(?=[{%#]|\Z)|\r")
"""A brace that would open a mark, also together with what may be put behind the text; and a
carriage return, which Jinja takes for a line break."""

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
    return f"{error}{where}"
