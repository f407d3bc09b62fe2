"""Other tools that search for prompts: which one, and the events of its search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.domain.message import Usage

OptimiserName = Literal["gepa", "miprov2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """Another tool that searches for prompts, and about how many calls it may make for a task."""

    name: OptimiserName
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A model replied to a message of an optimiser: a tool that searches for a prompt.

    `request` is the key of what was sent, by which a search that was cut off finds the reply again.
    """

    task: str
    model: str
    request: str
    reply: str
    usage: Usage
    micro_dollars: int | None
    revision: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """An optimiser ended its search for a task's prompt.

    `parent` is the digest of the system that it began with, `rewrites` what it proposes to say
    instead, best first. What it asked for are `Written` events and answers.
    """

    task: str
    parent: str
    optimiser: str
    rewrites: tuple[str, ...]
