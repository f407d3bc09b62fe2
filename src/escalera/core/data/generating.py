"""Asking a model for more examples of a task, and reading what it wrote.

It is shown `train` items only: what is tested must not find its way into what is taught. Each call
shows others, drawn by a keyed hash of its number, so that replies differ in more than their chance,
and the same call is asked again after a crash.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.domain.dataset import Example, rank
from escalera.domain.generation import Style
from escalera.domain.identity import canonical
from escalera.domain.message import Message, Query
from escalera.domain.task import PromptParts, Task

NEXT = "Write another one."
"""What a model is told that writes an input at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An example that a model wrote; `target` is empty where it wrote an input alone."""

    input: str
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a reply came to: drafts, and how many things in it that are none."""

    drafts: tuple[Draft, ...]
    unreadable: int = 0


def showable(task: Task) -> tuple[Example, ...]:
    """The `train` items that a model can be shown: those that are a text and its answer."""
    return tuple(item for item in task.items("train") if not (item.history or item.fields))


def shown(items: Sequence[Example], *, call: int, count: int, seed: int) -> tuple[Example, ...]:
    """The items that the call of this number shows."""
    return tuple(
        heapq.nsmallest(count, items, key=lambda item: rank(f"{call} {item.id}", seed=seed))
    )


def told(parts: PromptParts, title: str, style: Style) -> str:
    """The system message: what is to be written, and what the task says of it."""
    known = [text for text in (parts.role, parts.instruction, parts.output, parts.rules) if text]
    rules = "\n".join([f"The task is called {title}.", *known])
    if style == "inputs":
        return f"You write messages as people send them to this task.\n{rules}"
    return f"You write examples from which a model learns a task.\n{rules}"


def asked(shots: Sequence[Example], style: Style, *, rows: int) -> Query:
    """What is asked: a list of rows to go on from, or a talk in which each answer is an input."""
    if style == "inputs":
        turns = [turn for shot in shots for turn in _written(shot)]
        return Query(input=NEXT, history=tuple(turns))
    lines = [json.dumps(_row(shot), ensure_ascii=False) for shot in shots]
    return Query(
        input="\n".join(
            [
                "Examples:",
                *lines,
                "",
                f"Write {rows} more. They must differ from these and from each other in what is "
                "asked, in their wording and in the values that they name, and every target must "
                "be right by the rules of the task. Use the language of the examples. Answer with "
                'one JSON object per line, {"input": …, "target": …}, and with nothing else.',
            ]
        )
    )


def read(reply: str, style: Style) -> Read:
    """The drafts in a reply. Of rows, every JSON object with both texts, whatever is around it."""
    if style == "inputs":
        text = reply.strip()
        return Read(drafts=(Draft(input=text),)) if text else Read(drafts=(), unreadable=1)
    found = [_draft(value) for value in _objects(reply)]
    drafts = tuple(draft for draft in found if draft is not None)
    return Read(drafts=drafts, unreadable=len(found) - len(drafts) if found else 1)


def longest(items: Iterable[Example], style: Style, *, rows: int, answer: int) -> int:
    """Tokens that a reply may have: room for so many rows as long as the longest item, at most."""
    text = max((len(item.input.encode()) for item in items), default=0)
    one = text // 2 + 16
    return one if style == "inputs" else rows * (one + answer + 16)


# Below: private.


def _written(shot: Example) -> tuple[Message, Message]:
    return Message(role="user", content=NEXT), Message(role="assistant", content=shot.input)


def _row(shot: Example) -> dict[str, str]:
    return {"input": shot.input, "target": shot.target}


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in *text* by itself or in a list."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _draft(value: dict[str, Any]) -> Draft | None:
    asked, answer = value.get("input"), value.get("target")
    if not isinstance(asked, str) or answer is None:
        return None
    said = answer if isinstance(answer, str) else canonical(answer).decode()
    whole = asked.encode(errors="ignore").decode() == asked
    if not (asked.strip() and said.strip() and whole):
        return None
    return Draft(input=asked.strip(), target=said.strip())
