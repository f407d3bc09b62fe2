"""Trainings with a planted cause: what is drawn for each, as a function of (cause, seed)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from escalera.core.finetuning.finding import CAUSES, Cause
from escalera.domain.dataset import Example, Split
from escalera.domain.levers import Levers, Schedule, Trainable

DATA = Path(__file__).resolve().parents[2] / "examples" / "support" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One training: the model that is told it, its examples, levers, and what is wrong with it.

    `template` and `mask` name a fault of how examples are told; `bad` are the ids of planted bad
    examples, the worst of what a person would look for first.
    """

    cause: Cause
    seed: int
    task: str
    instruction: str
    examples: tuple[Example, ...]
    trainable: Trainable
    levers: Levers
    template: str = ""
    mask: str = ""
    bad: frozenset[str] = frozenset()
    words: str = ""

    @property
    def train(self) -> list[Example]:
        """What is taught, in order."""
        return [item for item in self.examples if item.split == "train"]


def simulation(cause: Cause, seed: int) -> Simulation:
    """The training of *seed* with the fault *cause* planted."""
    random = np.random.default_rng([seed, CAUSES.index(cause)])
    return _PLANTS[cause](cause, seed, random)


# Below: private. Tasks.

Random = np.random.Generator
Reading = Callable[[dict[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    source: str
    instructions: tuple[str, ...]
    target: Reading


_TASKS: dict[str, _Task] = {
    "theme": _Task(
        source="feedback",
        instructions=("Name the theme.", "What is it about?"),
        target=lambda row: row["theme"],
    ),
    "both": _Task(
        source="feedback",
        instructions=("Label the message.", "Theme and mood, please."),
        target=lambda row: f"{row['theme']} {row['sentiment']}",
    ),
    "labels": _Task(
        source="feedback",
        instructions=("Label it.", "Answer in JSON."),
        target=lambda row: json.dumps(row, separators=(",", ":")),
    ),
    "code": _Task(
        source="order_changes",
        instructions=("What is asked?", "Give the code."),
        target=lambda row: row["task"],
    ),
    "order": _Task(
        source="order_changes",
        instructions=("Handle the order.", "Which change is it?"),
        target=lambda row: json.dumps(row, separators=(",", ":")),
    ),
}
_EASY = ("theme", "both", "labels")
_HARD = ("code", "order")


def _rows(source: str, split: Split) -> list[dict[str, Any]]:
    lines = (DATA / f"{source}.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["split"] == split]


def _examples(task: str, split: Split, count: int, random: Random) -> list[Example]:
    rows = _rows(_TASKS[task].source, split)
    return [
        Example(
            id=row["id"],
            task=task,
            split=split,
            input=row["input"],
            target=_TASKS[task].target(json.loads(row["target"])),
            cluster=row["id"],
        )
        for row in (rows[place] for place in random.permutation(len(rows))[:count])
    ]


# What a sound training looks like; each fault changes a part of it.


def _sound(cause: Cause, seed: int, random: Random, tasks: Sequence[str] = _EASY) -> Simulation:
    task = str(random.choice(list(tasks)))
    count = int(random.integers(70, 121))
    full = random.random() < 0.25
    rate = _log_uniform(random, 3e-3, 8e-3)
    rank = int(random.choice([4, 8, 16]))
    levers = Levers(
        learning_rate=rate / 10 if full else rate,
        schedule=_SCHEDULES[int(random.integers(len(_SCHEDULES)))],
        epochs=int(random.integers(3, 5)),
        batch_tokens=int(random.integers(192, 321)),
        seed=seed,
    )
    lora = Trainable(rank=rank, alpha=2 * rank, dropout=float(random.choice([0.0, 0.05])))
    return Simulation(
        cause=cause,
        seed=seed,
        task=task,
        instruction=str(random.choice(_TASKS[task].instructions)),
        examples=(
            *_examples(task, "train", count, random),
            *_examples(task, "search", 32, random),
            *_examples(task, "confirm", 48, random),
        ),
        trainable=Trainable(method="full") if full else lora,
        levers=levers,
    )


_SCHEDULES: tuple[Schedule, ...] = ("linear", "cosine", "constant")


def _log_uniform(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _with_train(base: Simulation, train: Sequence[Example]) -> tuple[Example, ...]:
    return (*train, *(item for item in base.examples if item.split != "train"))


# Faults.


def _rate_high(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    factor = _log_uniform(random, 15, 80)
    rate = (base.levers.learning_rate or 0.0) * factor
    return replace(
        base, levers=replace(base.levers, learning_rate=rate), words=f"{factor:.0f} times"
    )


def _rate_low(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    factor = _log_uniform(random, 30, 300)
    rate = (base.levers.learning_rate or 0.0) / factor
    return replace(base, levers=replace(base.levers, learning_rate=rate), words=f"a {factor:.0f}th")


def _few_steps(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    levers = replace(base.levers, epochs=1)
    steps = int(random.integers(6, 13))
    per_step = max(1, levers.batch_tokens // 45)
    train = base.train[: steps * per_step]
    return replace(
        base,
        examples=_with_train(base, train),
        levers=levers,
        words=f"{len(train)} examples once",
    )


def _overfit(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random, _HARD)
    count = int(random.integers(12, 25))
    epochs = int(random.integers(20, 29))
    return replace(
        base,
        examples=_with_train(base, base.train[:count]),
        levers=replace(base.levers, epochs=epochs),
        words=f"{count} examples {epochs} times",
    )


def _underfit(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random, _HARD)
    place = str(random.choice(["k_proj", "layers.0.input_layernorm", "model.norm"]))
    if place == "k_proj":
        trainable = Trainable(rank=1, alpha=2, targets=(place,))
        rate = _log_uniform(random, 5e-3, 1.5e-2)
    else:
        trainable = Trainable(method="partial", layers=(place,))
        rate = _log_uniform(random, 2e-2, 4e-2)
    epochs = int(random.integers(4, 6))
    return replace(
        base,
        trainable=trainable,
        levers=replace(base.levers, learning_rate=rate, epochs=epochs),
        words=f"{trainable.method} on {place}",
    )


def _noise(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    share = random.uniform(0.2, 0.45)
    train = base.train
    wrong = random.permutation(len(train))[: round(share * len(train))]
    bad = []
    for place in wrong:
        others = [item.target for item in train if item.target != train[place].target]
        train[place] = replace(train[place], target=str(random.choice(others)))
        bad.append(train[place].id)
    return replace(
        base, examples=_with_train(base, train), bad=frozenset(bad), words=f"{share:.0%} wrong"
    )


def _duplicates(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    share = random.uniform(0.25, 0.6)
    train = base.train
    copied = round(share * len(train))
    originals = train[: len(train) - copied]
    few = originals[: int(random.integers(5, max(6, len(originals))))]
    copies = [
        replace(item, id=f"{item.id}-again-{n}", input=_disguised(item.input, random))
        for n, item in enumerate(few[int(random.integers(len(few)))] for _ in range(copied))
    ]
    return replace(
        base,
        examples=_with_train(base, _shuffled([*originals, *copies], random)),
        words=f"{share:.0%} copies",
    )


def _leakage(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    split = str(random.choice(["search", "confirm"]))
    share = random.uniform(0.1, 0.6)
    tested = [item for item in base.examples if item.split == split]
    leaked = [
        replace(item, id=f"{item.id}-copy", split="train", input=_disguised(item.input, random))
        for item in tested[: max(3, round(share * len(tested)))]
    ]
    train = _shuffled([*base.train, *leaked], random)
    return replace(base, examples=_with_train(base, train), words=f"{len(leaked)} items of {split}")


def _template(cause: Cause, seed: int, random: Random) -> Simulation:
    kind = str(random.choice(["chatml", "headings", "serving"]))
    return replace(_sound(cause, seed, random), template=kind, words=kind)


def _mask(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    kind = str(random.choice(["prompt taught", "end only", "no end", "prompt in target"]))
    if kind != "prompt in target":
        return replace(base, mask=kind, words=kind)
    train = [replace(item, target=f"{item.input} {item.target}") for item in base.train]
    return replace(base, examples=_with_train(base, train), words=kind)


def _imbalance(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    share, count = random.uniform(0.8, 0.95), len(base.train)
    pool = _examples(base.task, "train", 600, random)
    classes = sorted({_theme(item) for item in pool})
    common = str(random.choice(classes))
    many = [item for item in pool if _theme(item) == common][: round(share * count)]
    rare = [item for item in pool if _theme(item) != common][: count - len(many)]
    return replace(
        base,
        examples=_with_train(base, _shuffled([*many, *rare], random)),
        words=f"{share:.0%} of {common}",
    )


def _theme(item: Example) -> str:
    found = item.target
    return str(json.loads(found)["theme"]) if found.startswith("{") else found.split(" ")[0]


def _spikes(cause: Cause, seed: int, random: Random) -> Simulation:
    base = _sound(cause, seed, random)
    train = base.train
    count = int(random.integers(2, 6))
    kind = str(random.choice(["letters", "another text", "one sign"]))
    bad = []
    for place in random.permutation(len(train))[:count]:
        target = _garbage(kind, random)
        train[place] = replace(train[place], target=target)
        bad.append(train[place].id)
    return replace(
        base,
        examples=_with_train(base, train),
        bad=frozenset(bad),
        words=f"{count} of {kind}",
    )


def _garbage(kind: str, random: Random) -> str:
    length = int(random.integers(12, 40))
    if kind == "letters":
        letters = list("abcdefghijklmnopqrstuvwxyz0123456789#;{}")
        return "".join(random.choice(letters, length))
    if kind == "one sign":
        return str(random.choice(list("#;{}%?"))) * length
    words = [
        "lorem",
        "ipsum",
        "dolor",
        "sit",
        "amet",
        "consectetur",
        "adipiscing",
        "elit",
        "sed",
        "do",
        "eiusmod",
    ]
    return " ".join(random.choice(words, length // 3))


def _disguised(text: str, random: Random) -> str:
    """The same words, in another dress."""
    kind = int(random.integers(3))
    return (text, text.upper() if len(text) < 40 else text + " ", text.replace(".", "!"))[kind]


def _shuffled(items: Sequence[Example], random: Random) -> list[Example]:
    return [items[place] for place in random.permutation(len(items))]


def _healthy(cause: Cause, seed: int, random: Random) -> Simulation:
    return _sound(cause, seed, random)


_PLANTS: dict[Cause, Callable[[Cause, int, Random], Simulation]] = {
    "rate too high": _rate_high,
    "rate too low": _rate_low,
    "too few steps": _few_steps,
    "overfit": _overfit,
    "underfit": _underfit,
    "label noise": _noise,
    "duplicates": _duplicates,
    "leakage": _leakage,
    "wrong template": _template,
    "wrong mask": _mask,
    "class imbalance": _imbalance,
    "spikes": _spikes,
    "healthy": _healthy,
}
