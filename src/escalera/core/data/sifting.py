"""What of the drafts of a model may be taught, and why the others go.

Each rule takes the drafts that the rules before it left, and says of each that goes why. The guard
against leaks does not look at answers: a question that nearly stands in a split must not be taught
with any answer, right or wrong.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from escalera.core.data import likeness
from escalera.core.data.generating import Draft
from escalera.core.data.likeness import Pile, Sketches
from escalera.core.data.rows import Row
from escalera.domain.dataset import Example

SPOKEN = 0.02
"""Share of the examples from which a language is one of the task's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A draft that is left out: the rule's name, and what it found."""

    draft: Draft
    rule: str
    found: str


@dataclass(slots=True)
class Sieve:
    """Drafts that stay so far, and those that went, in the order of the rules."""

    kept: list[Draft]
    gone: list[Gone] = field(default_factory=list)

    def keep(self, rule: str, wrong: Callable[[Draft], str | None]) -> None:
        """Leave out what is *wrong*; the function says what it found, or None."""
        self.sort(rule, [wrong(draft) for draft in self.kept])

    def sort(self, rule: str, found: Sequence[str | None]) -> None:
        """Leave out the drafts for which something was *found*, one entry for each that is left."""
        pairs = list(zip(self.kept, found, strict=True))
        self.gone += [Gone(draft=d, rule=rule, found=said) for d, said in pairs if said is not None]
        self.kept = [draft for draft, said in pairs if said is None]

    def reasons(self) -> dict[str, int]:
        """How many went, by rule, the commonest first."""
        return dict(Counter(one.rule for one in self.gone).most_common())


def spoken(items: Iterable[Example], language: Callable[[str], str]) -> frozenset[str]:
    """The languages that are told of the items, each of a share that is no accident."""
    counts = Counter(language(item.input) for item in items)
    least = SPOKEN * counts.total()
    return frozenset(name for name, count in counts.items() if count >= least)


def foreign(draft: Draft, language: Callable[[str], str], known: Collection[str]) -> str | None:
    """The language of a draft that is none of the task's.

    Texts too short to tell are let pass, and so is all where the examples are.
    """
    told = language(draft.input)
    return None if not told or told in known or not any(known) else f"is in the language {told!r}"


def forms(items: Iterable[Example]) -> frozenset[frozenset[str]]:
    """The sets of keys of the targets, where all of them are JSON objects; else nothing."""
    found = [_keys(item.target) for item in items]
    return frozenset(keys for keys in found if keys is not None) if None not in found else _NONE


def formless(draft: Draft, known: Collection[frozenset[str]]) -> str | None:
    """What is wrong with a target where those of the task are objects with some keys."""
    if not known:
        return None
    keys = _keys(draft.target)
    if keys is None:
        return "the target is no JSON object, as those of the examples are"
    said = ", ".join(sorted(keys)) or "none"
    return None if keys in known else f"the target has the keys {said}, as no example has"


def alike(
    drafts: Sequence[Draft],
    items: Iterable[Example],
    *,
    sketches: Sequence[Sketches],
    near: float,
) -> list[str | None]:
    """What each draft is like: an item of any split, whatever its answer, or a draft before it.

    *sketches* are empty ones, one for each kind of shingles.
    """
    pile, names = Pile(), []
    for item in items:
        pile.append(_asked(item), kept=True)
        names.append(f"the {item.split} item {item.id}")
    first = len(pile)
    for number, draft in enumerate(drafts, start=1):
        pile.append(Row(name="", split="train", input=draft.input, target=draft.target))
        names.append(f"the draft {number}")
    found = likeness.find(pile, sketches=sketches, near=near)
    said: dict[int, str] = {}
    for one in found.alike:
        said[one.place] = f"{_LIKE[one.kind]} {names[one.other]} ({one.value:.2f})"
    for conflict in found.conflicts:
        said.setdefault(conflict.place, f"answers otherwise than {names[conflict.other]}")
    return [said.get(first + place) for place in range(len(drafts))]


# Below: private.

_NONE: frozenset[frozenset[str]] = frozenset()
_LIKE = {"exact": "is the same as", "near": "is nearly", "held": "holds"}


def _keys(target: str) -> frozenset[str] | None:
    """The keys of a JSON object, None where the text is none."""
    try:
        found = json.loads(target)
    except (ValueError, RecursionError):
        return None
    return frozenset(found) if isinstance(found, dict) else None


def _asked(item: Example) -> Row:
    """An item without its answer, so that every answer agrees with it."""
    return Row(
        name=item.id,
        split=item.split,
        input=item.input,
        target="",
        history=item.history,
        fields=item.fields,
    )
