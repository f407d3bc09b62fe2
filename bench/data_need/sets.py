"""The tasks: what is learned, from which data, by which learner.

The six of `JUDGED` were named before any curve was computed. `OTHERS` are told beside them; those
on real data are further evidence for priors.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data_need import learners

Row = dict
Learner = Callable[[Sequence[Row], Sequence[Row], int], list[float]]
"""Train on the first rows with a seed, and score each of the second, in [0, 1]."""

Teaches = Literal["first", "later", "never"]
"""Whether priors are learned from a task: it was named before any curve was computed, or was added
when there were some, or its data are written by a generator."""

SUPPORT = Path(__file__).resolve().parents[2] / "examples" / "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task: `full` rows are all the data; `held` rows are scored, half of them unseen."""

    name: str
    data: str
    says: str
    learner: str
    teaches: Teaches
    resamples: int
    full: int
    held: int
    read: Callable[[Path, random.Random], list[Row]]
    learn: Learner


def tasks(names: Sequence[str] = ()) -> list[Task]:
    """Return the tasks of these names, or all."""
    every = (*JUDGED, *OTHERS)
    return [task for task in every if not names or task.name in names]


def snips(folder: Path, _: random.Random) -> list[Row]:
    """SNIPS queries of all seven types."""
    rows = [*_read(folder / "snips_slots" / "train"), *_read(folder / "snips_slots" / "test")]
    return _distinct(row | {"label": row["type"]} for row in rows)


def snips_shop(folder: Path, chance: random.Random) -> list[Row]:
    """The three types that mirror a shop's: finding, changing, feedback."""
    wanted = {"SearchCreativeWork", "AddToPlaylist", "RateBook"}
    return [row for row in snips(folder, chance) if row["type"] in wanted]


def mtod(folder: Path, _: random.Random) -> list[Row]:
    """Spanish queries about alarms, reminders and weather."""
    rows = [*_read(folder / "mtod_es" / "train"), *_read(folder / "mtod_es" / "valid")]
    return _distinct(row | {"label": row["intent"]} for row in rows)


def clinc(folder: Path, _: random.Random) -> list[Row]:
    """CLINC150 queries within its scope."""
    rows = [row for part in PARTS for row in _read(folder / "clinc150_oos" / part)]
    return _distinct(row for row in rows if row["label"] != "oos")


def clinc_domain(folder: Path, chance: random.Random) -> list[Row]:
    """The same, by domain."""
    return [row | {"label": row["domain"]} for row in clinc(folder, chance)]


def clinc_oos(folder: Path, chance: random.Random) -> list[Row]:
    """In scope or not: as many of both."""
    rows = [row for part in PARTS for row in _read(folder / "clinc150_oos" / part)]
    out = _distinct(row for row in rows if row["label"] == "oos")
    inside = chance.sample(clinc(folder, chance), len(out))
    return out + [row | {"label": "in scope"} for row in inside]


def hint3(folder: Path, _: random.Random) -> list[Row]:
    """Queries of a shop's customers whose intent is known."""
    rows = [*_read(folder / "hint3_curekart" / "train"), *_read(folder / "hint3_curekart" / "test")]
    return _distinct(row for row in rows if row["label"] != "NO_NODES_DETECTED")


def clinc_banking(folder: Path, chance: random.Random) -> list[Row]:
    """The fifteen intents of one domain."""
    return [row for row in clinc(folder, chance) if row["domain"] == "banking"]


def snips_weather(folder: Path, chance: random.Random) -> list[Row]:
    """One type, with many slots."""
    return [row for row in snips(folder, chance) if row["type"] == "GetWeather"]


def mtod_type(folder: Path, chance: random.Random) -> list[Row]:
    """Alarm, reminder or weather."""
    return [row | {"label": row["type"]} for row in mtod(folder, chance)]


def support_type(_: Path, __: random.Random) -> list[Row]:
    """Which of the running example's three tasks a message is."""
    return [
        row | {"text": row["input"], "label": path.stem}
        for path in sorted((SUPPORT / "data").glob("*.jsonl"))
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def support_theme(where: Path, chance: random.Random) -> list[Row]:
    """What the running example's feedback is about."""
    return [row | {"label": json.loads(row["target"])["theme"]} for row in feedback(where, chance)]


def support_operation(where: Path, chance: random.Random) -> list[Row]:
    """The operation code of the running example's order changes."""
    return [
        row | {"label": json.loads(row["target"])["task"]} for row in order_changes(where, chance)
    ]


def order_changes(_: Path, __: random.Random) -> list[Row]:
    """The order changes of the running example, of all splits."""
    lines = (SUPPORT / "data" / "order_changes.jsonl").read_text(encoding="utf-8").splitlines()
    return [row | {"text": row["input"]} for row in map(json.loads, lines)]


def feedback(_: Path, __: random.Random) -> list[Row]:
    """The feedback of the running example, of all splits."""
    lines = (SUPPORT / "data" / "feedback.jsonl").read_text(encoding="utf-8").splitlines()
    return [row | {"text": row["input"]} for row in map(json.loads, lines)]


PARTS = ("train", "valid", "test")

JUDGED = (
    Task(
        name="snips_intent",
        data="snips",
        says="7 query types, accuracy",
        learner="logistic regression",
        teaches="first",
        resamples=20,
        full=3200,
        held=1000,
        read=snips,
        learn=learners.logistic,
    ),
    Task(
        name="snips_slots",
        data="snips",
        says="slots of 3 types, F1 of an item",
        learner="token classifier (SGD)",
        teaches="first",
        resamples=20,
        full=3200,
        held=1000,
        read=snips_shop,
        learn=learners.tagger,
    ),
    Task(
        name="mtod_intent",
        data="mtod",
        says="12 Spanish intents, accuracy",
        learner="logistic regression",
        teaches="first",
        resamples=20,
        full=2800,
        held=1000,
        read=mtod,
        learn=learners.logistic,
    ),
    Task(
        name="mtod_slots",
        data="mtod",
        says="Spanish slots, F1 of an item",
        learner="token classifier (SGD)",
        teaches="first",
        resamples=20,
        full=2800,
        held=1000,
        read=mtod,
        learn=learners.tagger,
    ),
    Task(
        name="clinc_intent",
        data="clinc",
        says="150 intents, accuracy",
        learner="ridge",
        teaches="first",
        resamples=20,
        full=4800,
        held=1000,
        read=clinc,
        learn=learners.ridge,
    ),
    Task(
        name="clinc_oos",
        data="clinc",
        says="in scope or not, accuracy",
        learner="logistic regression",
        teaches="first",
        resamples=20,
        full=1920,
        held=480,
        read=clinc_oos,
        learn=learners.logistic,
    ),
)

OTHERS = (
    Task(
        name="clinc_domain",
        data="clinc",
        says="10 domains, accuracy",
        learner="naive Bayes",
        teaches="first",
        resamples=20,
        full=4800,
        held=1000,
        read=clinc_domain,
        learn=learners.bayes,
    ),
    Task(
        name="clinc_intent_bayes",
        data="clinc",
        says="150 intents, accuracy",
        learner="naive Bayes",
        teaches="later",
        resamples=6,
        full=4800,
        held=1000,
        read=clinc,
        learn=learners.bayes,
    ),
    Task(
        name="clinc_banking",
        data="clinc",
        says="15 intents, accuracy",
        learner="logistic regression",
        teaches="later",
        resamples=6,
        full=1600,
        held=600,
        read=clinc_banking,
        learn=learners.logistic,
    ),
    Task(
        name="snips_intent_bayes",
        data="snips",
        says="7 query types, accuracy",
        learner="naive Bayes",
        teaches="later",
        resamples=6,
        full=3200,
        held=1000,
        read=snips,
        learn=learners.bayes,
    ),
    Task(
        name="snips_weather",
        data="snips",
        says="slots of 1 type, F1 of an item",
        learner="token classifier (SGD)",
        teaches="later",
        resamples=6,
        full=1280,
        held=600,
        read=snips_weather,
        learn=learners.tagger,
    ),
    Task(
        name="mtod_type",
        data="mtod",
        says="3 types, accuracy",
        learner="ridge",
        teaches="later",
        resamples=6,
        full=2800,
        held=1000,
        read=mtod_type,
        learn=learners.ridge,
    ),
    Task(
        name="mtod_intent_bayes",
        data="mtod",
        says="12 Spanish intents, accuracy",
        learner="naive Bayes",
        teaches="later",
        resamples=6,
        full=2800,
        held=1000,
        read=mtod,
        learn=learners.bayes,
    ),
    Task(
        name="hint3_intent",
        data="hint3",
        says="a shop's 20 intents, accuracy",
        learner="ridge",
        teaches="first",
        resamples=20,
        full=640,
        held=400,
        read=hint3,
        learn=learners.ridge,
    ),
    Task(
        name="hint3_bayes",
        data="hint3",
        says="a shop's 20 intents, accuracy",
        learner="naive Bayes",
        teaches="later",
        resamples=6,
        full=640,
        held=400,
        read=hint3,
        learn=learners.bayes,
    ),
    Task(
        name="support_type",
        data="support",
        says="3 types, accuracy",
        learner="logistic regression",
        teaches="never",
        resamples=6,
        full=3200,
        held=1000,
        read=support_type,
        learn=learners.logistic,
    ),
    Task(
        name="support_theme",
        data="support",
        says="theme of feedback, accuracy",
        learner="ridge",
        teaches="never",
        resamples=6,
        full=800,
        held=480,
        read=support_theme,
        learn=learners.ridge,
    ),
    Task(
        name="support_operation",
        data="support",
        says="operation codes, accuracy",
        learner="logistic regression",
        teaches="never",
        resamples=6,
        full=1440,
        held=700,
        read=support_operation,
        learn=learners.logistic,
    ),
    Task(
        name="order_changes",
        data="support",
        says="whole answer right",
        learner="Llama of 1.4 M, full finetune",
        teaches="never",
        resamples=2,
        full=1500,
        held=700,
        read=order_changes,
        learn=learners.transformer,
    ),
)

# Private.


def _read(path: Path) -> list[Row]:
    with gzip.open(path.with_name(path.name + ".jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _distinct(rows) -> list[Row]:
    """By text, so that no item is in training and held out."""
    seen: dict[str, Row] = {}
    for row in rows:
        seen.setdefault(row["text"].strip().lower(), row)
    return list(seen.values())
