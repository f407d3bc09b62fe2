"""From a ranking to the material of a prompt: guard against leaks, count, token budget, order.

Who ranked the pool does not matter here. The best example stands last where the order says so,
next to the message: models weigh what they read last (Zhao et al. 2021, arXiv 2102.09690), and
the nearest examples help most (Liu et al. 2022, arXiv 2101.06804).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from escalera.core.prompts import overlap
from escalera.domain.dataset import Example
from escalera.domain.selection import Passage, Selection
from escalera.domain.system import Material, Shot
from escalera.domain.task import Pool

AROUND = 16
"""Tokens that may stand around one example or passage: marks of turns, a number, a source."""

Count = Callable[[str], int]
"""How many tokens a text has, or an upper bound of it."""
Entry = Example | Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, by id in the order of the prompt, and what was left out on the way."""

    chosen: tuple[str, ...]
    leaks: tuple[str, ...]
    dropped: int
    tokens: int


def choose(
    selection: Selection,
    pool: Sequence[Entry],
    ranking: Iterable[int],
    *,
    leaking: frozenset[int],
    count: Count,
) -> Choice:
    """The best of *pool* by *ranking* (places, best first) that do not leak and that fit.

    Examples that nothing speaks for fill up what is missing, in the order of the pool; passages
    do not. What does not fit is dropped from the lowest-ranked on.
    """
    best: list[int] = []
    leaks: list[str] = []
    for place in _filled(selection, ranking, len(pool)):
        if len(best) == selection.count:
            break
        if place in leaking:
            leaks.append(pool[place].id)
        else:
            best.append(place)
    sizes = [AROUND + sum(map(count, _shown(pool[place]))) for place in best]
    fitting = len(best)
    while sum(sizes[:fitting]) > selection.tokens:
        fitting -= 1
    kept = best[:fitting]
    if selection.order == "nearest last":
        kept.reverse()
    return Choice(
        chosen=tuple(pool[place].id for place in kept),
        leaks=tuple(leaks),
        dropped=len(best) - fitting,
        tokens=sum(sizes[:fitting]),
    )


def searched(entry: Entry) -> str:
    """The text that a query is compared with."""
    return entry.text if isinstance(entry, Passage) else overlap.said(entry.query)


def shot(item: Example) -> Shot:
    """*item* as a worked example."""
    return Shot(input=item.input, target=item.target, history=item.history, fields=item.fields)


def material(pool: Pool, chosen: Iterable[str]) -> Material:
    """The entries of *pool* with these ids, as a prompt shows them. KeyError for an unknown id."""
    entries = [pool.entries[name] for name in chosen]
    return Material(
        shots=tuple(shot(entry) for entry in entries if isinstance(entry, Example)),
        passages=tuple(entry for entry in entries if isinstance(entry, Passage)),
    )


# Below: private.


def _filled(selection: Selection, ranking: Iterable[int], size: int) -> Iterator[int]:
    seen = set()
    for place in ranking:
        seen.add(place)
        yield place
    if selection.kind == "examples":
        yield from (place for place in range(size) if place not in seen)


def _shown(entry: Entry) -> tuple[str, ...]:
    if isinstance(entry, Passage):
        return entry.id, entry.text
    return overlap.said(entry.query), entry.target
