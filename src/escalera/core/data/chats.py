"""Chats in OpenAI's form: turns with roles, and which answers of them are to be learned.

An answer is to be learned unless its `weight` is 0, as in a finetuning file. What stands before it
is its history; a system message is no turn, and becomes the field `system` of the item.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.core.data.flaws import Flaw, shown
from escalera.domain.message import Message

TOLD = ("system", "developer")
"""Roles of what the operator says; only in front."""
TALK = ("user", "assistant")
KEYS = ("role", "content", "weight", "name")
UNKNOWN = "Escalera learns from text alone: write calls of tools as text, or leave the row out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An answer with the message before it and the turns before that.

    `rejected` is an answer that was turned down in favour of it.
    """

    input: str
    target: str
    history: tuple[Message, ...] = ()
    system: str | None = None
    rejected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of a chat that are to be learned, or what is wrong with the chat."""

    turns: tuple[Turn, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def answers(messages: Any) -> Answers:
    """Every answer of a chat that is to be learned."""
    flaws = [*_flaws(messages, "messages", told=True)]
    if flaws:
        return Answers(flaws=tuple(flaws))
    turns = tuple(_turns(messages))
    if messages[-1]["role"] != "assistant":
        rule = f"the last message is of the {messages[-1]['role']}, and must be of the assistant"
        flaws.append(Flaw(rule, "End the chat with the answer that is to be learned"))
    elif not turns:
        rule = "no answer is to be learned: every `weight` is 0, or no user speaks before"
        flaws.append(Flaw(rule, "Give the last answer the weight 1"))
    return Answers(flaws=tuple(flaws)) if flaws else Answers(turns=turns)


def turns(value: Any, key: str) -> tuple[tuple[Message, ...], tuple[Flaw, ...]]:
    """The turns before an input, and what is wrong with them."""
    flaws = tuple(_flaws(value, key, told=False))
    if flaws:
        return (), flaws
    return tuple(Message(role=turn["role"], content=turn["content"]) for turn in value), ()


def messages(
    history: Sequence[Message], asked: str, answer: str, fields: Mapping[str, str]
) -> list[dict[str, str]]:
    """The chat of an item: the way back. A field `system` that is text stands in front."""
    system = fields.get("system")
    told = json.loads(system) if system is not None else None
    found = [{"role": "system", "content": told}] if isinstance(told, str) else []
    found += [{"role": turn.role, "content": turn.content} for turn in history]
    talk = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return [*found, *talk]


# Below: private.


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
    told = [entry["content"] for entry in messages if entry["role"] in TOLD]
    talk = [entry for entry in messages if entry["role"] in TALK]
    said = [Message(role=entry["role"], content=entry["content"]) for entry in talk]
    for place in range(1, len(talk)):
        learned = said[place].role == "assistant" and talk[place].get("weight", 1) != 0
        if learned and said[place - 1].role == "user":
            yield Turn(
                input=said[place - 1].content,
                target=said[place].content,
                history=tuple(said[: place - 1]),
                system="\n\n".join(told) if told else None,
            )


def _flaws(value: Any, key: str, *, told: bool) -> Iterator[Flaw]:
    if not isinstance(value, Sequence) or isinstance(value, str) or (told and not value):
        rule = f"is not an item: `{key}` is {shown(value)}, not a list of messages"
        yield Flaw(rule, 'Write them like [{"role": "user", "content": "…"}]')
        return
    before = ""
    for place, entry in enumerate(value):
        where = f"{key}[{place}]"
        if not isinstance(entry, Mapping):
            rule = f"is not an item: {where} is {shown(entry)}, not an object"
            yield Flaw(rule, 'Write it like {"role": "user", "content": "…"}')
            continue
        yield from _message(where, entry, told=told)
        role = entry.get("role")
        yield from _order(where, role, before, told=told)
        before = role if isinstance(role, str) else ""


def _message(where: str, entry: Mapping[str, Any], *, told: bool) -> Iterator[Flaw]:
    allowed = (*TOLD, *TALK) if told else TALK
    role, content, weight = entry.get("role"), entry.get("content"), entry.get("weight")
    if role not in allowed:
        remedy = UNKNOWN if role in ("tool", "function") else "Use one of them"
        yield Flaw(f"{where}.role is {shown(role)}, not one of {', '.join(allowed)}", remedy)
    if not isinstance(content, str):
        yield Flaw(f"{where}.content is {shown(content)}, not text", UNKNOWN)
    elif not content.strip():
        yield Flaw(f"{where}.content is empty", "Fill it in, or remove the message")
    elif not content.isascii() and content != content.encode(errors="ignore").decode():
        yield Flaw(f"{where}.content holds half of a character (a lone surrogate)", "Remove it")
    if weight is not None and (
        role != "assistant" or isinstance(weight, bool) or weight not in (0, 1)
    ):
        rule = f"{where}.weight is {shown(weight)}: only answers have one, 0 or 1"
        yield Flaw(rule, "Correct or remove it")
    for key in entry:
        if key not in (KEYS if told else KEYS[:2]):
            yield Flaw(f"{where} has the unknown key {key!r}", "Remove it")


def _order(where: str, role: Any, before: str, *, told: bool) -> Iterator[Flaw]:
    if not told:
        return
    if role in TOLD and before in TALK:
        yield Flaw(f"{where} is of the {role}, behind the talk", "Put it in front")
    if role in TALK and role == before:
        yield Flaw(f"{where} is of the {role}, and so is the one before", "Join the two")
