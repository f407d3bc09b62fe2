"""Topics that are learned from a few messages: what is found of one, and what else is blamed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from bench.gateway import guard_data

from escalera.core.routing import fitting

TRIALS = 12
OTHERS = 400
"""Messages of what is allowed, of half of the other intents."""


def lines(data: Path) -> list[str]:
    """The section of the page."""
    taught = guard_data.rows(data, "clinc150_oos/train.jsonl.gz")
    tested = guard_data.rows(data, "clinc150_oos/test.jsonl.gz")
    intents = sorted({row["label"] for row in taught} - {"oos"})
    found = [
        "## Topics",
        "",
        f"One of CLINC150's {len(intents)} intents is the topic, drawn {TRIALS} times; it is "
        f"learned from some of its messages beside {OTHERS} of half of the other intents. Found: "
        "test messages of the topic. Blamed: test messages of intents that were not among the "
        "others.",
        "",
        "| messages of the topic | found (least to most) | blamed |",
        "|---|---|---|",
    ]
    for shots in (10, 50, 100):
        drawn = random.Random(shots)
        told = [_trial(taught, tested, intents, shots, drawn) for _ in range(TRIALS)]
        caught, blamed = zip(*told, strict=True)
        found.append(
            f"| {shots} | {np.mean(caught):.2f} ({min(caught):.2f} to {max(caught):.2f}) | "
            f"{np.mean(blamed):.4f} |"
        )
    return found


# Below: private.


def _trial(
    taught: list[dict[str, str]],
    tested: list[dict[str, str]],
    intents: list[str],
    shots: int,
    drawn: random.Random,
) -> tuple[float, float]:
    topic, *rest = drawn.sample(intents, len(intents))
    known = set(rest[: len(rest) // 2])
    denied = drawn.sample([row["text"] for row in taught if row["label"] == topic], shots)
    others = drawn.sample([row["text"] for row in taught if row["label"] in known], OTHERS)
    labels = ["denied"] * len(denied) + ["allowed"] * len(others)
    router = fitting.fit(("denied", "allowed"), [*denied, *others], labels)

    def share(texts: list[str]) -> float:
        return sum(router.infer(text) == "denied" for text in texts) / len(texts)

    return (
        share([row["text"] for row in tested if row["label"] == topic]),
        share([row["text"] for row in tested if row["label"] not in {topic, "oos", *known}]),
    )
