"""Scorers of several labels at once: F1 over a set of labels, or over slots and their values.

Both score one item; the mean over items is the macro average by item, which is not the corpus-wide
F1 of CoNLL's tables: there an item with many slots weighs more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from escalera.core.evaluation.matching import json_object, words
from escalera.domain.scoring import Score, Submission, unscored
from escalera.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class SetF1:
    """`separator` stands between labels where a text is no JSON list; `case`: letters count."""

    separator: str = ","
    case: bool = False

    def __post_init__(self) -> None:
        if not self.separator:
            raise BadOption("separator", "is empty", 'Give what stands between labels, as ","')


def set_f1(seen: Submission, options: SetF1) -> Score:
    """F1 between the labels of reply and target; order and repetition are ignored.

    Two empty sets are equal.
    """
    reply, target = (_labels(text, options) for text in (seen.reply, seen.target))
    return Score(value=_f1(len(reply & target), len(reply), len(target)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotF1:
    """`match`: how a slot's value must agree: as text (`exact`) or word by word (`words`)."""

    match: Literal["exact", "words"] = "words"


def slot_f1(seen: Submission, options: SlotF1) -> Score:
    """F1 between the filled slots of reply and target: name and value must both agree.

    Slots are a JSON object from names to values; a list is a slot that is filled several times.
    An empty value is no filled slot. A reply that is no object scores 0; where neither fills a
    slot, both agree.
    """
    wanted, found = json_object(seen.target), json_object(seen.reply)
    if wanted is None:
        return unscored(f"the target {seen.target!r} is not a JSON object")
    if found is None:
        return Score(value=0.0)
    compared = _COMPARED[options.match]
    reply, target = (Counter(_slots(slots, compared)) for slots in (found, wanted))
    return Score(value=_f1((reply & target).total(), reply.total(), target.total()))


def no_slots(target: str, _options: SlotF1) -> str | None:
    """What is wrong with a target of `slot_f1`."""
    return None if json_object(target) is not None else "is no JSON object of slots"


# Below: private.


def _labels(text: str, options: SetF1) -> set[str]:
    listed = _listed(text)
    found = text.split(options.separator) if listed is None else listed
    stripped = {label.strip() for label in found} - {""}
    return stripped if options.case else {label.casefold() for label in stripped}


def _listed(text: str) -> list[str] | None:
    """The entries of a JSON list of texts and numbers, or None."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return [_text(entry) for entry in value] if isinstance(value, list) else None


def _slots(slots: dict[str, Any], compared: Callable[[str], object]) -> Iterator[tuple[str, Any]]:
    for name, value in slots.items():
        for entry in value if isinstance(value, list) else [value]:
            text = "" if entry is None else _text(entry)
            if text.strip():
                yield name, compared(text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _by_words(text: str) -> tuple[str, ...]:
    # A value without a word, such as "?", is compared as it stands.
    return tuple(words(text)) or (text.strip(),)


_COMPARED: dict[str, Callable[[str], object]] = {"exact": str.strip, "words": _by_words}


def _f1(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted) if said + wanted else 1.0
