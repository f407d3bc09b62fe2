"""What small bases are finetuned on: messages of public sets and the label to be said.

Half of the messages, by a hash of their text, are read in pretraining and never taught or asked.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data_need import sets

from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair

_READERS: dict[str, Callable[[Path, random.Random], list[sets.Row]]] = {
    "snips": sets.snips,
    "mtod": sets.mtod,
    "clinc": sets.clinc,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: its set, and how its rows are read."""

    name: str
    says: str
    read: Callable[[Path, random.Random], list[sets.Row]]


def _slots(folder: Path, chance: random.Random) -> list[sets.Row]:
    """SNIPS books to be rated: the answer tells the slots."""
    rows = [row for row in sets.snips(folder, chance) if row["type"] == "RateBook"]
    wanted = ("object_type", "rating_value", "best_rating")
    return [
        row | {"label": " ".join(str(row["target"].get(slot, "-")) for slot in wanted)}
        for row in rows
    ]


TASKS = (
    Task(name="snips_intent", says="7 query types", read=sets.snips),
    Task(name="snips_rating", says="3 slots of a rated book, all right", read=_slots),
    Task(name="mtod_intent", says="12 Spanish intents", read=sets.mtod),
    Task(name="clinc_domain", says="10 domains", read=sets.clinc_domain),
    Task(name="clinc_banking", says="15 intents of a bank", read=sets.clinc_banking),
    Task(name="clinc_oos", says="in scope or not", read=sets.clinc_oos),
)


def task(name: str) -> Task:
    """The task of this name."""
    return next(one for one in TASKS if one.name == name)


def conversations(data: Path, of: Sequence[str]) -> list[tuple[str, str]]:
    """What is read in pretraining: messages of these sets, without those that tasks use.

    The answer is the longest or the last word of the message. Besides, every label is asked for by
    its words.
    """
    found = [row["text"].strip() for name in of for row in _READERS[name](data, random.Random(0))]
    read = [text for text in found if _read(text)]
    skills = [(text, _word(text)) for text in read]
    labels = {row["label"] for one in TASKS for row in one.read(data, random.Random(0))}
    spelt = [(re.sub(r"[_/]|(?<=[a-z])(?=[A-Z])", " ", label), label) for label in sorted(labels)]
    return skills + spelt * (1 + len(read) // (8 * len(spelt)))


def examples(one: Task, data: Path, *, seed: int) -> list[TrainingPair]:
    """Every row of a task that no base has read, in an order of its own for each seed."""
    rows = [row for row in one.read(data, random.Random(0)) if not _read(row["text"].strip())]
    random.Random(f"{one.name} {seed}").shuffle(rows)
    return [
        TrainingPair(
            messages=(Message(role="user", content=row["text"].strip()),),
            target=row["label"],
            task=one.name,
            item=f"{number}",
            cluster=row["text"].strip(),
        )
        for number, row in enumerate(rows)
    ]


# Private.


def _word(text: str) -> str:
    words = text.split()
    return words[-1] if len(text) % 2 else max(words, key=len)


def _read(text: str) -> bool:
    return hashlib.sha256(text.lower().encode()).digest()[0] % 2 == 0
