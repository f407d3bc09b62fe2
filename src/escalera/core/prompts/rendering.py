"""From a prompt and a query to the conversation that is sent, and from the reply to the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from escalera.core.prompts import templates
from escalera.domain.contract import OutputContract
from escalera.domain.message import Message, Query, Request
from escalera.domain.selection import Passage
from escalera.domain.system import Material, Prompt, Shot, System

NO_MATERIAL = Material()


def conversation(
    prompt: Prompt, query: Query, material: Material = NO_MATERIAL
) -> tuple[Message, ...]:
    """What is sent to get the answer to *query*.

    System message, fixed turns, worked examples (those of the prompt, then those chosen for the
    query), the turns before the query, and the query in its frame. An empty system message is
    none. Raises `TemplateError` where a field is missing.
    """
    return tuple(_turns(prompt, query, material))


def request(
    system: System, query: Query, *, repeat: int = 0, material: Material = NO_MATERIAL
) -> Request:
    """The call that asks *system* for the answer to *query*; each repeat has its own seed."""
    decoding = system.decoding
    if repeat:
        decoding = replace(decoding, seed=decoding.seed + repeat)
    messages = conversation(system.prompt, query, material)
    if system.output is not None and system.output.told:
        messages = _told(messages, system.output)
    return Request(
        messages=messages, decoding=decoding, adapter=system.adapter, output=system.output
    )


def answer(prompt: Prompt, reply: str) -> str:
    """The answer in *reply*: all of it, or what follows the last marker of a prompt that has one.

    A reply without its marker is taken as it is, and so is wrong unless it is the bare answer.
    """
    if not prompt.marker:
        return reply
    _, marked, after = reply.rpartition(prompt.marker)
    return after.strip() if marked else reply


def values(query: Query) -> dict[str, Any]:
    """The names that a template may use for *query*, with their values."""
    return {"input": query.input} | {name: json.loads(text) for name, text in query.fields}


# Below: private.


def _turns(prompt: Prompt, query: Query, material: Material) -> Iterator[Message]:
    known = _known(prompt, query, material.passages)
    shots = (*prompt.shots, *material.shots)
    if said := _system(prompt, known, shots):
        yield Message(role="system", content=said)
    for turn in prompt.turns:
        yield Message(role=turn.role, content=templates.render(turn.content, known))
    if prompt.placing == "turns":
        for shot in shots:
            yield from _shown(prompt, shot)
    yield from query.history
    yield _framed(prompt, known)


def _system(prompt: Prompt, known: Mapping[str, Any], shots: Sequence[Shot]) -> str:
    """What the system message says, with the examples where they are shown there."""
    said = templates.render(prompt.system, known) if prompt.system else ""
    if prompt.placing == "turns" or not shots:
        return said
    texts = [_as_text(number, prompt, shot) for number, shot in enumerate(shots, start=1)]
    parts = [*texts, said] if prompt.placing == "first" else [said, *texts]
    return "\n\n".join(part for part in parts if part)


def _as_text(number: int, prompt: Prompt, shot: Shot) -> str:
    turns = [f"{turn.role}: {turn.content}" for turn in _shown(prompt, shot)]
    return "\n".join([f"Example {number}", *turns])


def _told(messages: tuple[Message, ...], output: OutputContract) -> tuple[Message, ...]:
    """*messages* with the schema in their system message."""
    if messages[0].role != "system":
        return (Message(role="system", content=output.telling()), *messages)
    said = f"{messages[0].content}\n{output.telling()}"
    return (replace(messages[0], content=said), *messages[1:])


def _known(prompt: Prompt, query: Query, passages: Sequence[Passage] = ()) -> dict[str, Any]:
    """The values of a query, with the passages in a prompt that chooses some."""
    known = values(query)
    if any(selection.kind == "passages" for selection in prompt.selections):
        shown = [{"id": p.id, "source": p.source, "text": p.text} for p in passages]
        known["passages"] = shown
    return known


def _shown(prompt: Prompt, shot: Shot) -> Iterator[Message]:
    """An example, without passages: they are looked for by the query alone."""
    yield from shot.history
    yield _framed(prompt, _known(prompt, shot.query))
    told = f"{prompt.marker} {shot.target}" if prompt.marker else shot.target
    yield Message(role="assistant", content=told)


def _framed(prompt: Prompt, known: Mapping[str, Any]) -> Message:
    return Message(role="user", content=templates.render(prompt.template, known))
