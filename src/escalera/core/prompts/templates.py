"""Templates of prompts: from text and values to text, by Jinja or as Jinja would.

Templates come from the user's own files. What a model proposes, and what a user writes, is never
a template: it goes in as a value, or through `literal`.

Most templates are text with `{{ input }}` in it. Those are filled in here, and Jinja (`sandbox`),
which takes 2 MB, is loaded for the first that has more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from keyword import iskeyword
from typing import Any

LONGEST = 1_000_000
"""Characters that a template may make: more fits no context window."""


def render(source: str, values: Mapping[str, Any]) -> str:
    """*source* with *values* filled in.

    Raises `TemplateError` where it is no template, names a value that is not there, or makes more
    than `LONGEST` characters.
    """
    made = _filled(source, values)
    if made is not None and len(made) <= LONGEST:
        return made
    from escalera.core.prompts import sandbox

    return sandbox.render(source, values, longest=LONGEST)


def variables(source: str) -> frozenset[str]:
    """The names of the values that *source* may use. Raises `TemplateError` for no template."""
    from escalera.core.prompts import sandbox

    return sandbox.variables(source)


def literal(text: str) -> str:
    """A template that renders to exactly *text*, whatever marks it holds."""
    return _MARK.sub(lambda found: f"{{{{ {found.group()!r} }}}}", text)


# Below: private.

_MARK = re.compile(r"\{(?=[{%#]|\Z)|\r")
"""A brace that would open a mark, also together with what may be put behind the text; and a
carriage return, which Jinja takes for a line break."""

_HOLE = re.compile(r"\{\{ ([A-Za-z_][A-Za-z0-9_]*) \}\}")

_WORDS = frozenset({"true", "false", "none"})
"""Names that mean something to Jinja and are no keywords of Python."""


def _filled(source: str, values: Mapping[str, Any]) -> str | None:
    """*source* with texts in its holes, or None where it takes Jinja to say what is meant."""
    pieces = _pieces(source)
    if pieces is None:
        return None
    filled = [*pieces]
    for at in range(1, len(pieces), 2):
        value = values.get(pieces[at])
        if not isinstance(value, str):
            return None
        filled[at] = value
    return "".join(filled)


@lru_cache(maxsize=1024)
def _pieces(source: str) -> tuple[str, ...] | None:
    """Texts, and between them names of values; None where there is more than that."""
    pieces = tuple(_HOLE.split(source))
    if any(_MARK.search(text) for text in pieces[::2]):
        return None
    if any(iskeyword(name) or name in _WORDS for name in pieces[1::2]):
        return None
    return pieces
