"""What the examples are: the same ones again, items of the tests, one class and little else."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from escalera.core.finetuning.finding import Finding, beyond, measured
from escalera.core.finetuning.record import RunRecord, Taught, Wanted
from escalera.domain.recipe import TrainingRecipe

_COPIES = 0.1
"""Share of the examples that repeat others from which it is worth a word."""

_COMMON = 0.6
_MORE = 0.25
_ERRORS = 4.0
"""A class is too common: its share, how much more than among the tests, in standard errors."""

_CLASSES = 20
"""As many different answers, at most, are classes."""

_WORDS = 4
"""An answer of so many words, at most, may be made of classes."""


def duplicates(record: RunRecord) -> Finding | None:
    """Examples that say the same as others before them."""
    copies = [
        one.item
        for place, one in enumerate(record.examples)
        if any(twin < place for twin in one.twins)
    ]
    share = len(copies) / len(record.examples)
    if share < _COPIES:
        return None
    apart = sum(
        any(record.examples[twin].target != one.target for twin in one.twins)
        for one in record.examples
    )
    return Finding(
        cause="duplicates",
        strength=beyond(share, _COPIES, 0.4),
        words=f"{len(copies)} of {len(record.examples)} examples repeat others but for case, "
        "punctuation or a greeting",
        figures=measured(copies=len(copies), share=share, of_them_answered_otherwise=apart),
        remedy="Leave the copies out: they are taught more often than the rest, and the data seem "
        "to be more than they are.",
        items=tuple(copies),
        setting=without(record.recipe, copies),
        command="escalera climb",
    )


def leakage(record: RunRecord) -> Finding | None:
    """Examples that are items of the tests in disguise."""
    taught = [one for one in record.examples if one.tested]
    if not taught:
        return None
    items = {name for one in taught for name in one.tested}
    share = len(items) / max(record.tested, len(items))
    return Finding(
        cause="leakage",
        strength=beyond(share, 0.005, 0.05),
        words=f"{len(items)} items of `search` and `confirm` are among the training examples: "
        "scores on them say nothing",
        figures=measured(items=len(items), of=record.tested, share=share),
        remedy="Leave these examples out, or give them and their items the same `cluster` and "
        "split, and train again.",
        items=tuple(one.item for one in taught),
        setting=without(record.recipe, [one.item for one in taught]),
        command="escalera climb",
    )


def imbalance(record: RunRecord) -> Finding | None:
    """A class that is far more common among the examples than among the items of the tests."""
    found = [
        (ours - theirs, name, value, ours, theirs)
        for name, read in _readings(record.examples)
        for value, ours, theirs in _common(read, record)
        if ours >= _COMMON and _apart(record, ours, theirs)
    ]
    if not found:
        return None
    more, name, value, ours, theirs = max(found)
    return Finding(
        cause="class imbalance",
        strength=beyond(more, _MORE, 0.5),
        words=f"{ours:.0%} of the examples have the {name} {value!r}, and {theirs:.0%} of the "
        "`search` items",
        figures=measured(share_of_examples=ours, share_of_search_items=theirs),
        remedy="Give examples of the rare classes, or take fewer of the common one: classes should "
        "be as frequent as they are in use.",
        command="escalera doctor",
    )


def without(recipe: TrainingRecipe, items: Sequence[str]) -> str:
    """The line of the project file by which examples are left out, beside those that were."""
    before = [item for part in recipe.ingredients for item in part.without]
    skipped = () if recipe.rewound is None else recipe.rewound.items
    said = json.dumps(list(dict.fromkeys([*before, *skipped, *items])), ensure_ascii=False)
    return f"training.without = {said}"


def rewind(recipe: TrainingRecipe, after: int, items: Sequence[str]) -> str:
    """The line by which a training goes back to a step, and on without examples.

    One that went back already goes back from the same training, to the earlier step, and leaves out
    what it left out besides.
    """
    back, name = recipe.rewound, recipe.digest
    if back is not None:
        name, after = back.recipe, min(after, back.after)
        items = list(dict.fromkeys([*items, *back.items]))
    said = json.dumps(list(items), ensure_ascii=False)
    return f'training.rewind = {{ recipe = "{name[:12]}", after = {after}, without = {said} }}'


# Below: private.

_Reading = Callable[[Taught | Wanted], str | None]


def _readings(examples: Sequence[Taught]) -> Iterator[tuple[str, _Reading]]:
    """The ways in which answers fall into classes: by task, as a whole, by field or word."""
    names = sorted({key for one in examples for key in _fields(one.target)})
    yield "task", lambda one: one.task
    yield "answer", lambda one: one.target
    for name in names:
        yield name, lambda one, name=name: _fields(one.target).get(name)  # type: ignore[misc]


def _fields(target: str) -> dict[str, str]:
    """The texts of an answer in JSON; else its words, where they are few."""
    try:
        found = json.loads(target)
    except ValueError:
        words = target.split()
        few = words if len(words) <= _WORDS else []
        return {f"{number}. word": word for number, word in enumerate(few, start=1)}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _common(read: _Reading, record: RunRecord) -> Iterator[tuple[str, float, float]]:
    """The most common class with its share of the examples and of the items that are wanted."""
    ours = Counter(value for one in record.examples if (value := read(one)) is not None)
    if not ours or len(ours) > _CLASSES:
        return
    theirs = Counter(value for one in record.wanted if (value := read(one)) is not None)
    if not theirs:
        return
    value, count = ours.most_common(1)[0]
    yield value, count / ours.total(), theirs[value] / theirs.total()


def _apart(record: RunRecord, ours: float, theirs: float) -> bool:
    pooled = (ours + theirs) / 2
    error = math.sqrt(
        pooled * (1 - pooled) * (1 / len(record.examples) + 1 / max(1, len(record.wanted)))
    )
    return ours - theirs >= max(_MORE, _ERRORS * error)
