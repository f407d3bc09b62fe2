"""How much a measured system adds to what a caller sends: a bound, before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterable

from escalera.domain.system import System

FRAME = 64
"""Bytes that a turn may take besides its text."""


def prompt_bytes(system: System) -> int:
    """The most bytes that the prompt of *system* adds, its schema and what it selects included.

    What is selected is bounded in tokens, of which each is counted as a byte here: where these
    bytes are taken for tokens again, nothing is counted too low.
    """
    prompt = system.prompt
    turns = [turn.content for turn in prompt.turns]
    shots = [part for shot in prompt.shots for part in (shot.input, shot.target, prompt.template)]
    past = [turn.content for shot in prompt.shots for turn in shot.history]
    values = [value for shot in prompt.shots for _, value in shot.fields]
    said = [prompt.system, prompt.template, *turns, *shots, *past, *values]
    if system.output is not None:
        said.append(system.output.schema)
    selected = sum(one.tokens + FRAME * one.count for one in prompt.selections)
    return selected + sum(len(text.encode()) + FRAME for text in said)


def calls(systems: Iterable[System]) -> int:
    """How often the model of any of *systems* may be called for one answer."""
    outputs = [system.output for system in systems]
    return 1 + max((output.repairs for output in outputs if output is not None), default=0)
