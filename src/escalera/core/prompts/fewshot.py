"""Few-shot prompts: worked examples from the `train` items, chosen in more than one way.

Examples come from `train` only, and none is shown that is an item under test in disguise
(`overlap`): from the fixed sets it is left out for good, from the sets that are chosen for each
query it is left out for that query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from escalera.core.prompts import overlap
from escalera.core.prompts.choosing import shot
from escalera.domain.dataset import Example
from escalera.domain.selection import Selection
from escalera.domain.system import Prompt

COUNTS = (2, 4, 8)
MIDDLE = 4
"""How many examples stand for any number where only one is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What examples are chosen from, and how.

    `train` is in the project's order, without the items in disguise; `nearest` has a selection for
    each way of finding the nearest examples, whose count and order are filled in.
    """

    train: tuple[Example, ...]
    nearest: tuple[Selection, ...]


def untested(train: Sequence[Example], tested: Sequence[Example]) -> tuple[Example, ...]:
    """*train* without what is an item of *tested* in disguise, or shares a cluster with one."""
    twins = overlap.Twins(train)
    leaking = frozenset[int]().union(*(twins.of(item) for item in tested))
    return tuple(example for place, example in enumerate(train) if place not in leaking)


def propose(prompt: Prompt, ways: Ways) -> tuple[tuple[str, Prompt], ...]:
    """*prompt* with 2, 4 and 8 examples, chosen in every way; names say what was done.

    Fixed sets come first: they are cheaper, as an endpoint may keep the beginning of a prompt. One
    of them is also told in the system message, first and last (the place of examples matters: Lu et
    al. 2022, arXiv 2104.08786; Liu et al. 2024, arXiv 2307.03172).
    """
    made: dict[Prompt, str] = {}
    for count in COUNTS:
        for how in ("first", "diverse", *(["random"] if count == MIDDLE else [])):
            _fixed(made, prompt, ways, count, how)
    _placed(made)
    for selection in ways.nearest:
        for count in COUNTS:
            _chosen(made, prompt, ways, replace(selection, count=count))
        _chosen(made, prompt, ways, replace(selection, count=MIDDLE, order="nearest first"))
    return tuple((name, made_prompt) for made_prompt, name in made.items())


def sketch(prompt: Prompt, ways: Ways) -> tuple[tuple[str, Prompt], ...]:
    """The two sets that a second wording is tried with: wording and examples hardly interact, so
    every set for every wording would buy little."""
    made: dict[Prompt, str] = {}
    _fixed(made, prompt, ways, MIDDLE, "diverse")
    for selection in ways.nearest[:1]:
        _chosen(made, prompt, ways, replace(selection, count=MIDDLE))
    return tuple((name, made_prompt) for made_prompt, name in made.items())


def diverse(train: Sequence[Example], count: int) -> tuple[Example, ...]:
    """*count* examples that share few words: farthest first by Jaccard distance.

    Greedy farthest-point selection (Gonzalez 1985), started at the first item, over the first 200
    items; ties go to the earlier item, so the choice is the same everywhere.
    """
    pool = train[:200]
    words = [_words(item) for item in pool]
    chosen = [0]
    nearest = [_distance(words[0], other) for other in words]
    while len(chosen) < count:
        left = [index for index in range(len(pool)) if index not in chosen]
        farthest = max(left, key=lambda index: (nearest[index], -index))
        chosen.append(farthest)
        nearest = [
            min(d, _distance(words[farthest], w)) for d, w in zip(nearest, words, strict=True)
        ]
    return tuple(pool[index] for index in chosen)


def random(train: tuple[Example, ...], count: int) -> tuple[Example, ...]:
    """*count* examples by lot: those with the smallest keyed hash of their ids.

    The project's order is another keyed hash, so that the first examples are a draw by themselves;
    which examples are shown matters much (Lu et al. 2022), and this is a second ticket.
    """
    drawn = sorted(train, key=lambda item: hashlib.blake2b(item.id.encode(), key=b"drawn").digest())
    return tuple(drawn[:count])


# Below: private.

_Pick = Callable[[tuple[Example, ...], int], tuple[Example, ...]]
_PICK: Mapping[str, _Pick] = {
    "first": lambda train, count: train[:count],
    "diverse": diverse,
    "random": random,
}


def _fixed(made: dict[Prompt, str], prompt: Prompt, ways: Ways, count: int, how: str) -> None:
    if count <= len(ways.train):
        shots = tuple(shot(item) for item in _PICK[how](ways.train, count))
        made.setdefault(replace(prompt, shots=shots), f"{count} {how} examples")


def _placed(made: dict[Prompt, str]) -> None:
    """One of the sets as text in the system message, before and behind what is told there."""
    sets = [(prompt, name) for prompt, name in made.items() if len(prompt.shots) == MIDDLE]
    for prompt, name in sets[:1]:
        made.setdefault(replace(prompt, placing="first"), f"{name}, told first")
        made.setdefault(replace(prompt, placing="last"), f"{name}, told last")


def _chosen(made: dict[Prompt, str], prompt: Prompt, ways: Ways, selection: Selection) -> None:
    if selection.count > len(ways.train):
        return
    how = "nearest" if selection.method == "bm25" else "nearest (embedding)"
    order = ", nearest first" if selection.order == "nearest first" else ""
    wanted = replace(prompt, selections=(*prompt.selections, selection))
    made.setdefault(wanted, f"{selection.count} {how} examples{order}")


def _words(item: Example) -> frozenset[str]:
    return frozenset(f"{item.input} {item.target}".casefold().split())


def _distance(left: frozenset[str], right: frozenset[str]) -> float:
    union = len(left | right)
    return 1 - len(left & right) / union if union else 0.0
