"""Versions of a prompt: each as text, and what changed from one to another."""

from __future__ import annotations

import difflib

from escalera.domain.message import Message
from escalera.domain.system import Prompt


def lines(prompt: Prompt) -> tuple[str, ...]:
    """*prompt* as lines: a heading in brackets for every part, then the part as it is written."""
    parts = [("system", prompt.system)] if prompt.system else []
    parts += [(turn.role, turn.content) for turn in prompt.turns]
    for number, shot in enumerate(prompt.shots, start=1):
        parts += [_named(f"example {number}, ", turn) for turn in shot.history]
        parts += [(f"example {number}, message", shot.input)]
        parts += [(f"example {number}, answer", shot.target)]
    if prompt.shots and prompt.placing != "turns":
        parts += [("examples", f"in the system message, {prompt.placing}")]
    parts += [("user", prompt.template)]
    if prompt.marker:
        parts += [("answer behind", prompt.marker)]
    return tuple(line for name, text in parts for line in (f"[{name}]", *text.splitlines()))


def changes(before: Prompt, after: Prompt) -> tuple[str, ...]:
    """What has to be done to *before* to get *after*: lines with ' ', '-' or '+' in front.

    Only changed places with two lines around them, each under a line that begins with '@@'. Nothing
    where both read alike.
    """
    found = difflib.unified_diff(lines(before), lines(after), n=2, lineterm="")
    return tuple(found)[2:]


# Below: private.


def _named(name: str, turn: Message) -> tuple[str, str]:
    return f"{name}{turn.role}", turn.content
