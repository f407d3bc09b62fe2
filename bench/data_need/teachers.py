"""Tasks that only teach priors, on the sets of the six judged tasks and on others.

They were named when the curves of the six had been seen, and teach only: a forecast of one of the
six is judged with what tasks outside the six, on other data sets, have taught.
"""

from __future__ import annotations

import random
from pathlib import Path

from bench.data_need import learners, sets
from bench.data_need.sets import Row, Task
from sklearn.datasets import load_digits


def mmlu(folder: Path, _: random.Random) -> list[Row]:
    """Questions of MMLU, by subject; at most 250 of one, so that law does not drown the others."""
    found: dict[str, list[Row]] = {}
    for row in sets.lines(folder / "routing_outcomes" / "outcomes"):
        if row["benchmark"] == "mmlu":
            found.setdefault(row["group"], []).append(row)
    some = [row for of in found.values() for row in of[:250]]
    return sets.distinct({"text": row["prompt"], "label": row["group"]} for row in some)


def personal(folder: Path, _: random.Random) -> list[Row]:
    """Texts with marked personal data."""
    return sets.distinct(
        row | {"spans": [span | {"slot": span["type"]} for span in row["spans"]]}
        for row in sets.lines(folder / "pii_presidio" / "texts")
    )


def snips_playlist(folder: Path, chance: random.Random) -> list[Row]:
    """One type, with the slots of a playlist."""
    return [row for row in sets.snips(folder, chance) if row["type"] == "AddToPlaylist"]


def mtod_alarm(folder: Path, chance: random.Random) -> list[Row]:
    """Queries about alarms and reminders, with their intents."""
    return [row for row in sets.mtod(folder, chance) if row["type"] in {"alarm", "reminder"}]


def clinc_two(folder: Path, chance: random.Random) -> list[Row]:
    """The thirty intents of two domains."""
    return [row for row in sets.clinc(folder, chance) if row["domain"] in {"travel", "work"}]


def digits(_: Path, __: random.Random) -> list[Row]:
    """Handwritten digits of 8 by 8 pixels, which come with scikit-learn."""
    images, labels = load_digits(return_X_y=True)
    return [
        {"text": str(place), "pixels": image.tolist(), "label": str(label)}
        for place, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


TEACHERS = tuple(
    Task(
        name=name,
        data=name.split("_")[0],
        says=says,
        learner=learner,
        teaches="later",
        resamples=6,
        full=full,
        held=held,
        read=read,
        learn=learn,
    )
    for name, says, learner, full, held, read, learn in (
        ("mmlu_subject", "32 subjects, accuracy", "ridge", 3200, 800, mmlu, learners.ridge),
        ("mmlu_subject_bayes", "32 subjects, accuracy", "naive Bayes", 3200, 800, mmlu,
         learners.bayes),
        ("pii_slots", "17 kinds of personal data, F1 of an item", "token classifier (SGD)", 960,
         400, personal, learners.tagger),
        ("digits_near", "10 digits, accuracy", "nearest neighbour", 1200, 580, digits,
         learners.nearest),
        ("digits_linear", "10 digits, accuracy", "logistic regression", 1200, 580, digits,
         learners.pixels),
        ("hint3_logistic", "a shop's 20 intents, accuracy", "logistic regression", 640, 400,
         sets.hint3, learners.logistic),
        ("snips_playlist", "slots of 1 type, F1 of an item", "token classifier (SGD)", 1280, 600,
         snips_playlist, learners.tagger),
        ("mtod_alarm", "9 Spanish intents, accuracy", "ridge", 1600, 600, mtod_alarm,
         learners.ridge),
        ("clinc_two", "30 intents, accuracy", "ridge", 2000, 600, clinc_two, learners.ridge),
    )
)  # fmt: skip
"""Named on 2026-11-22, when the six had been looked at: none of them may be judged."""


def every() -> list[Task]:
    """All tasks that teach: those of `sets` outside the six, and these."""
    return [*(task for task in sets.OTHERS if task.teaches != "never"), *TEACHERS]
