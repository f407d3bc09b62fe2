"""Examples that a model wrote: how it was asked, and what it replied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.domain.message import FinishReason, Usage

Style = Literal["rows", "inputs"]
"""What a model is asked to write: rows with input and target, or an input alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A model was shown `train` items of a task and wrote more of their kind.

    `request` is the key of what was sent, by which a run that was cut off finds the reply again;
    `shown` are the ids of the items. `finish` is None where the endpoint refused the request.
    What is made of the reply is worked out anew from it, and is no part of the event.
    """

    task: str
    model: str
    style: Style
    request: str
    shown: tuple[str, ...]
    reply: str
    finish: FinishReason | None
    attempts: int
    usage: Usage
    micro_dollars: int | None
    revision: str
    seconds: float
