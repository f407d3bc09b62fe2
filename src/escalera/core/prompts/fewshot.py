"""Few-shot prompts: worked examples from the `train` items, chosen in more than one way.

Examples come from `train` only, so no item under test can show its own answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.domain.dataset import Example
from escalera.domain.system import Prompt, Shot

COUNTS = (2, 4, 8)


def propose(prompt: Prompt, train: Sequence[Example]) -> tuple[tuple[str, Prompt], ...]:
    """*prompt* with 2, 4 and 8 examples, chosen as they come and chosen to differ.

    *train* is in the project's order. Names say what was done ("4 diverse examples").
    """
    made: dict[Prompt, str] = {}
    for count in COUNTS:
        if count > len(train):
            continue
        for how, chosen in (("first", train[:count]), ("diverse", diverse(train, count))):
            shots = tuple(shot(item) for item in chosen)
            made.setdefault(replace(prompt, shots=shots), f"{count} {how} examples")
    return tuple((name, made_prompt) for made_prompt, name in made.items())


def shot(item: Example) -> Shot:
    """*item* as a worked example."""
    return Shot(input=item.input, target=item.target, history=item.history, fields=item.fields)


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


def _words(item: Example) -> frozenset[str]:
    return frozenset(f"{item.input} {item.target}".casefold().split())


def _distance(left: frozenset[str], right: frozenset[str]) -> float:
    union = len(left | right)
    return 1 - len(left & right) / union if union else 0.0
