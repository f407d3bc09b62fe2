"""What a model is told when it is to improve a prompt, and how its reply is read.

It sees the prompt, answers that were wrong beside what was expected, and what was tried before with
what it was worth. It is asked for separate edits, because edits can be screened together: each
answer then counts for every one of them. What it says is text for a prompt, never a template.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from escalera.core.prompts import templates
from escalera.domain.dataset import Example
from escalera.domain.system import Prompt

MOST_EDITS = 7
"""As many as one factorial design of 16 prompts holds."""

LONGEST_EDIT = 400
"""Characters; an instruction that is longer is several."""

MOST_TOKENS = 1024
"""Of the reply: seven edits and their list."""

LONGEST_SHOWN = 600
"""Characters of a message or an answer that are shown to the model."""

SYSTEM = (
    "You improve the instructions that a language model is given for a task. You see the "
    "instructions, and answers that were wrong. Find out what the model does not know or does "
    "not do, and write instructions that would have prevented the mistakes on messages like "
    "these. Write rules that hold for messages that you have not seen; do not copy messages or "
    "their answers."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """An answer that scored less than 1: what was asked, what was expected, what was said."""

    input: str
    expected: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An edit of a round before, and what it added to the mean score."""

    edit: str
    effect: float


def brief(prompt: Prompt, mistakes: Sequence[Mistake], tried: Sequence[Tried]) -> str:
    """The message that asks for edits of *prompt*."""
    shown = [_shown(number, mistake) for number, mistake in enumerate(mistakes, start=1)]
    before = [f"- ({one.effect:+.2f}) {one.edit}" for one in tried]
    return "\n\n".join(
        [
            _part("instructions", [prompt.system] if prompt.system else []),
            _part("mistakes", shown),
            _part("tried", before),
            f"Write up to {MOST_EDITS} new instructions to add, each independent of the others, "
            "each one or two sentences, none that was tried. Answer with a JSON list of strings "
            "and nothing else.",
        ]
    )


def longest(prompt: Prompt, shown: Sequence[Example], tried: Sequence[Tried]) -> int:
    """An upper bound of the bytes that are sent for edits of *prompt*, whatever was answered."""
    whole = [
        Mistake(input=item.input, expected=item.target, said=_WIDEST * LONGEST_SHOWN)
        for item in shown
    ]
    return len(f"{SYSTEM}{brief(prompt, whole, tried)}".encode())


def likely(prompt: Prompt, shown: Sequence[Example]) -> int:
    """About how many tokens are sent for edits of *prompt*; answers are taken for targets."""
    whole = [Mistake(input=item.input, expected=item.target, said=item.target) for item in shown]
    return len(f"{SYSTEM}{brief(prompt, whole, ())}".encode()) // _BYTES_PER_TOKEN


def edits(reply: str) -> tuple[str, ...]:
    """The edits in *reply*: a JSON list of strings, or a line with a dash or a number for each.

    At most `MOST_EDITS`, each once; longer ones than `LONGEST_EDIT` are left out. Nothing where
    the reply holds none.
    """
    found = _listed(reply) or _dashed(reply)
    clean = (" ".join(text.split()) for text in found)
    usable = dict.fromkeys(text for text in clean if 0 < len(text) <= LONGEST_EDIT)
    return tuple(usable)[:MOST_EDITS]


def added(prompt: Prompt, chosen: Sequence[str]) -> Prompt:
    """*prompt* with the edits *chosen*, one line each, below its system message."""
    lines = [templates.literal(text) for text in chosen]
    system = "\n".join([prompt.system, *lines] if prompt.system else lines)
    return replace(prompt, system=system)


def plain(prompt: Prompt) -> str:
    """What a tool may rewrite: the system message, or nothing where it names values of the item."""
    if templates.variables(prompt.system):
        return ""
    return templates.render(prompt.system, {})


def rewritten(prompt: Prompt, text: str) -> Prompt:
    """*prompt* saying *text* instead of what is `plain`; below what names values of the item."""
    said = templates.literal(text)
    if templates.variables(prompt.system):
        said = f"{prompt.system}\n{said}" if text else prompt.system
    return replace(prompt, system=said)


# Below: private.

_LONGEST_READ = 16 * MOST_TOKENS
"""Characters of a reply in which a list is looked for: no honest one is longer."""
_BYTES_PER_TOKEN = 4
"""Of English with most tokenizers; other languages take more."""
_WIDEST = "\U0001f7e5"
"""A character of four bytes: none has more."""


def _part(name: str, lines: Sequence[str]) -> str:
    inner = "\n".join(lines) or "(none)"
    return f"<{name}>\n{inner}\n</{name}>"


def _shown(number: int, mistake: Mistake) -> str:
    return (
        f"{number}. message: {_cut(mistake.input)}\n"
        f"   expected: {_cut(mistake.expected)}\n"
        f"   answered: {_cut(mistake.said) or '(nothing)'}"
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _listed(reply: str) -> list[str]:
    """The first JSON list in the reply that holds strings; mistakes are cited as [1], too."""
    decoder = json.JSONDecoder()
    for begin, character in enumerate(reply[:_LONGEST_READ]):
        if character != "[":
            continue
        try:
            value, _ = decoder.raw_decode(reply, begin)
        except (ValueError, RecursionError):
            continue
        if found := [entry for entry in value if isinstance(entry, str)]:
            return found
    return []


def _dashed(reply: str) -> list[str]:
    found = []
    for line in reply.splitlines():
        text = line.strip()
        marked = text.lstrip("-*•0123456789.) ")
        if marked != text:
            found.append(marked)
    return found
