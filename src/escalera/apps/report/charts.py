"""Geometry of the report's charts: values in, positions out; the templates draw.

Horizontal positions are percentages of the chart's width, so that one drawing fits every screen
without scaling its letters. Nothing here knows HTML, colours or words of verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 320
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A score with its interval on the axis from 0 to 1, in percent; `bar` is where the bar is."""

    dot: float
    low: float
    high: float
    bar: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One entrant after one round: where, its mean so far, and whether it goes on."""

    x: float
    items: int
    mean: float | None
    survived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One entrant's way through a race; `won` is whether it survived the last round."""

    operator: str
    stops: tuple[Stop, ...]
    won: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A loss curve inside a square of 100 by 100, y downwards, and what to write beside it.

    `unusable` counts points whose loss is no finite number; `path` is empty without a usable one.
    """

    path: str
    area: str
    first: tuple[int, float] | None
    last: tuple[int, float] | None
    lowest: tuple[int, float] | None
    end_y: float
    start_y: float
    unusable: int


def strip(figure: Mapping[str, Any], bar: float) -> Strip:
    """Place a figure and its bar on the axis from 0 to 1."""
    return Strip(
        dot=percent(figure["value"]),
        low=percent(figure["lower"]),
        high=percent(figure["upper"]),
        bar=percent(bar),
    )


def columns(rounds: int) -> tuple[float, ...]:
    """Place the rounds of a race at equal distances.

    Rounds grow geometrically in items; an axis in items would crowd the first ones.
    """
    if rounds <= 1:
        return (100.0,) * rounds
    return tuple(round(100 * i / (rounds - 1), 2) for i in range(rounds))


def lanes(race: Mapping[str, Any]) -> tuple[Lane, ...]:
    """Return one lane per entrant: those that came furthest first, then by their last mean."""
    rounds = race["rounds"]
    places = columns(len(rounds))
    stops: dict[str, list[Stop]] = {}
    for x, one in zip(places, rounds, strict=True):
        for entrant in one["entrants"]:
            stop = Stop(
                x=x,
                items=one["items"],
                mean=entrant["mean"],
                survived=entrant["survived"],
            )
            stops.setdefault(entrant["operator"], []).append(stop)
    final = rounds[-1]["items"] if rounds else None
    made = [
        Lane(
            operator=operator,
            stops=tuple(way),
            won=way[-1].survived and way[-1].items == final,
        )
        for operator, way in stops.items()
    ]
    return tuple(sorted(made, key=_furthest_first))


def ceiling(trainings: Sequence[Mapping[str, Any]]) -> float:
    """Return the loss at the top of the axis, common to all curves so that they compare."""
    losses = [loss for one in trainings for _, loss in one["curve"] if _usable(loss)]
    top = max(losses, default=1.0)
    return top if top > 0 else 1.0


def curve(points: Sequence[Sequence[float]], top: float) -> Curve:
    """Draw a loss curve between 0 and `top` over its own steps."""
    usable = [(int(step), float(loss)) for step, loss in points if _usable(loss)]
    if not usable:
        return Curve(
            path="",
            area="",
            first=None,
            last=None,
            lowest=None,
            end_y=0.0,
            start_y=0.0,
            unusable=len(points),
        )
    begin, width = usable[0][0], max(1, usable[-1][0] - usable[0][0])
    drawn = [(100 * (step - begin) / width, _height(loss, top)) for step, loss in thin(usable)]
    path = "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in drawn)
    return Curve(
        path=path,
        area=f"{path} L{drawn[-1][0]:.2f} 100 L0 100 Z",
        first=usable[0],
        last=usable[-1],
        lowest=min(usable, key=lambda point: point[1]),
        end_y=drawn[-1][1],
        start_y=drawn[0][1],
        unusable=len(points) - len(usable),
    )


def thin(points: Sequence[tuple[int, float]], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """Return at most about `most` points that keep every spike.

    Of each run of neighbours the lowest and the highest stay, and the two ends always do.
    """
    if len(points) <= most:
        return list(points)
    size = math.ceil(2 * len(points) / most)
    kept: set[tuple[int, float]] = {points[0], points[-1]}
    for start in range(0, len(points), size):
        run = points[start : start + size]
        kept.add(min(run, key=lambda point: point[1]))
        kept.add(max(run, key=lambda point: point[1]))
    return sorted(kept)


def percent(value: float) -> float:
    """Return where a score stands on the axis from 0 to 1; what lies outside stands at the end."""
    if math.isnan(value):
        return 0.0
    return round(100 * min(1.0, max(0.0, value)), 2)


def part(value: float | None, largest: float) -> float:
    """Return the length of a bar for `value` in percent of the largest one."""
    if value is None or largest <= 0:
        return 0.0
    return round(100 * min(1.0, max(0.0, value / largest)), 2)


# Private.


def _height(loss: float, top: float) -> float:
    return 100 - 100 * min(1.0, max(0.0, loss / top))


def _usable(loss: float | None) -> bool:
    return loss is not None and math.isfinite(loss)


def _furthest_first(lane: Lane) -> tuple[bool, int, float, str]:
    last = lane.stops[-1]
    mean = -math.inf if last.mean is None else last.mean
    return (not lane.won, -last.items, -mean, lane.operator)
