"""The figures of `python -m bench.engine` as a page: medians over the rounds, ratios, bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from bench.engine.systems import BATCHING, ESCALERA, NAIVE, SERVE

MOST = 32
"""Clients at which the bars are read."""
KEYS = ("tokens_per_second", "tokens_per_cpu_second")
OVER_NAIVE, OVER_SERVE, ADAPTERS_COST = 5.0, 1.5, 1.5

HEAD = """# Speed of the engine

Written by `make bench-engine`; `engine.json` beside it has every round. Every system is a process
that serves the same folder of float32 weights over HTTP, on one core; the clients are a process on
the other. Systems take turns at every number of clients; figures are medians over the rounds, in
brackets the range. *Tokens per processor second* divides by the processor time that the system
took: it does not depend on what others on the machine left, and wall figures do. Ratios are of
medians; a bar is reached where both are above it.
"""

MODEL = """## {title}: {parameters:,} parameters

Rounds: {rounds}. Threads: {threads}. Requests of a client in a round: {each}; 4 in all at least.
Tokens of every answer: {tokens}.

{machine}.
"""


def page(figures: Mapping[str, Any]) -> str:
    """The whole page."""
    told = [HEAD]
    for title, model in figures["models"].items():
        told += [MODEL.format(title=title, **model), *_systems(model["systems"])]
        told += ["", *_ratios(model["systems"]), ""]
        if model.get("adapters"):
            told += [*_adapters(model["adapters"]), ""]
    return "\n".join(told)


def middle(rounds: Sequence[Mapping[str, float]], key: str) -> float:
    """The median of a figure over the rounds."""
    return median([one[key] for one in rounds])


def ratio(
    systems: Mapping[str, Any], first: str, second: str, *, clients: int, key: str
) -> float | None:
    """How many times as much of *key* the first system does; None where one was not measured."""
    rounds = [systems.get(name, {}).get(str(clients)) for name in (first, second)]
    if not all(rounds):
        return None
    return middle(rounds[0], key) / middle(rounds[1], key)


def bars(systems: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """What was asked for at the most clients: the other system, both ratios, and the bar."""
    found = []
    for other, bar in ((NAIVE, OVER_NAIVE), (SERVE, OVER_SERVE), (BATCHING, OVER_SERVE)):
        wall, cpu = (ratio(systems, ESCALERA, other, clients=MOST, key=key) for key in KEYS)
        if wall is not None and cpu is not None:
            found.append((other, wall, cpu, bar))
    return found


def cost(kinds: Mapping[str, Sequence[Mapping[str, float]]], key: str) -> float:
    """How much more sixteen adapters cost than one."""
    return middle(kinds["one"], key) / middle(kinds["sixteen"], key)


# Below: private.


def _systems(systems: Mapping[str, Any]) -> Iterator[str]:
    yield "| system | clients | requests/s | tokens/s | tokens per processor second | p50, s |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, points in systems.items():
        for clients, rounds in points.items():
            cells = [_range(rounds, key) for key in ("requests_per_second", *KEYS)]
            yield f"| {name} | {clients} | {' | '.join(cells)} | {middle(rounds, 'p50'):.2f} |"
    failed = {
        name: rounds[0]["failure"]
        for name, points in systems.items()
        for rounds in points.values()
        if any(one["failures"] for one in rounds)
    }
    for name, why in failed.items():
        yield f"\n{name}: some requests failed: {why}"


def _range(rounds: Sequence[Mapping[str, float]], key: str) -> str:
    values = [one[key] for one in rounds]
    return f"{_short(median(values))} ({_short(min(values))}–{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _ratios(systems: Mapping[str, Any]) -> Iterator[str]:
    yield f"| Escalera at {MOST} clients over | tokens/s | tokens per processor second | bar | |"
    yield "|---|---:|---:|---:|---|"
    for other, wall, cpu, bar in bars(systems):
        word = "reached" if min(wall, cpu) >= bar else "**missed**"
        yield f"| {other} | {wall:.2f} | {cpu:.2f} | {bar:g} | {word} |"


def _adapters(kinds: Mapping[str, Sequence[Mapping[str, float]]]) -> Iterator[str]:
    names = {"none": "none", "one": "one", "sixteen": "sixteen in turn"}
    yield "| adapters of 32 requests at once | tokens/s | tokens per processor second |"
    yield "|---|---:|---:|"
    for kind, rounds in kinds.items():
        cells = [_range(rounds, key) for key in KEYS]
        yield f"| {names[kind]} | {' | '.join(cells)} |"
    wall, cpu = (cost(kinds, key) for key in KEYS)
    word = "reached" if max(wall, cpu) <= ADAPTERS_COST else "**missed**"
    yield ""
    yield (
        f"Sixteen cost {wall:.2f} times one ({cpu:.2f} in processor time); "
        f"the bar is {ADAPTERS_COST:g}: {word}."
    )
