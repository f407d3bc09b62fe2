"""Everything that can be asked by name, and in which order who is asked for it.

A board is what a configuration was made into. It is never changed: a new configuration makes a new
board, and a request keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.targets import Target
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import balancing
from escalera.core.serving.balancing import Load
from escalera.core.serving.breaker import Breaker
from escalera.core.serving.hedging import HedgeBudget
from escalera.domain.job import Published
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Purpose


@dataclass(slots=True, kw_only=True)
class Line:
    """A target with what is known of its health and its speed.

    `decides` is whether what it takes for a mistake of the caller's is one: of a candidate that is
    tried it is not, of what answered before it is. None where the order of the lines says so.
    """

    target: Target
    breaker: Breaker
    load: Load = field(default_factory=Load)
    decides: bool | None = None

    def learn(self, seconds: float, now: float) -> None:
        """Note an answer whose first byte came after *seconds*."""
        self.breaker.succeeded(now)
        self.load.answered(seconds, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Lines that answer alike; by weight where weights are given, or else the quicker first."""

    lines: tuple[Line, ...]
    weights: tuple[float, ...] = ()


class Trial(Protocol):
    """A candidate that is tried on the calls of a name."""

    def begin(self, asked: Asked, plan: Plan) -> Plan:
        """Where a call goes; it may set the call's `watch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is asked under a name: the first tier, and the next ones where it cannot answer.

    `hedges` says when a second line is asked as well, and how often that may be; `trial` is of a
    candidate that is tried on these calls. `owner` is who may ask a finetuned model, empty where
    everybody may. `price` is the highest of all lines, None where one is
    unknown, and `prompt_bytes` the most that any of them adds to what the caller sends; `calls` how
    often a model may be called for one answer.
    """

    name: str
    tiers: tuple[Tier, ...]
    hedges: HedgeBudget | None = None
    trial: Trial | None = None
    owner: str = ""
    price: ModelPrice | None = None
    prompt_bytes: int = 0
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The plans by name, and the name that is meant where a caller gives none.

    `shelved` are the finetuned models among them that were published since.
    """

    plans: Mapping[str, Plan]
    default: str
    version: int = 0
    shelved: Mapping[str, Published] = field(default_factory=dict)

    def plan(self, model: str) -> Plan | None:
        """The plan of *model*; None where there is no such name."""
        return self.plans.get(model or self.default)


def unknown(board: Board, model: str) -> Refusal:
    """Why *model* is not a name here, and what is; of finetuned models their owners know."""
    known = ", ".join(repr(name) for name in board.plans if name not in board.shelved)
    return Refusal(
        f"The model {model!r} is not served here; served are {known}.",
        status=404,
        code="model_not_found",
        param="model",
    )


def order(plan: Plan, now: float, draw: Callable[[], float]) -> Iterator[tuple[Line, Purpose]]:
    """The lines to be asked, one after the other, as long as each fails.

    A line whose breaker is open is passed over; where all are, the first is asked all the same, so
    that a wrong breaker cannot keep everything away. *draw* gives numbers uniform on [0, 1).
    """
    nobody = True
    for place, tier in enumerate(plan.tiers):
        for line in _ranked(tier, draw):
            if line.breaker.admits(now):
                yield line, "first" if nobody and place == 0 else "fallback"
                nobody = False
    if nobody:
        yield plan.tiers[0].lines[0], "first"


def after_first(
    plan: Plan, now: float, draw: Callable[[], float]
) -> Iterator[tuple[Line, Purpose]]:
    """The lines to be asked after the only one of the first tier, as `order` has them."""
    for tier in plan.tiers[1:]:
        for line in _ranked(tier, draw):
            if line.breaker.admits(now):
                yield line, "fallback"


# Below: private.


def _ranked(tier: Tier, draw: Callable[[], float]) -> Sequence[Line]:
    lines = tier.lines
    if len(lines) == 1:
        return lines
    if tier.weights:
        first = balancing.weighted(tier.weights, draw())
    else:
        first = balancing.quicker([line.load for line in lines], draw(), draw())
    others = sorted(
        (line for place, line in enumerate(lines) if place != first),
        key=lambda line: line.load.score(),
    )
    return [lines[first], *others]
