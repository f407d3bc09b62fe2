"""A project on disk with a judged task and the recorded answers of two models; no endpoint."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from escalera import wiring
from escalera.core.evidence import Evidence
from escalera.core.ladder import naming
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Example
from escalera.testing import playbook

TEXT = """
[project]
name = "shop"
query_type = "declared"

[models.small]
base_url = "http://127.0.0.1:9/v1"
model = "small"

[models.large]
base_url = "http://127.0.0.1:9/v1"
model = "large"

[climb]
model = "small"

[judges.kind]
model = "large"
kind = "{kind}"
rubric = "The answer is kind & <b>plain</b>."
{judge}

[tasks.replies]
title = "Replies to customers"
data = "replies.jsonl"
scorer = "judge:kind"
bar = 0.5
{labels}

[tasks.replies.prompt]
instruction = "Answer the customer."

[tasks.routing]
data = "routing.jsonl"
scorer = "numeric"
bar = 0.5

[tasks.routing.prompt]
instruction = "Give the number of the desk."
"""
EVIL = "<script>document.title = 'owned'</script>"


def write(
    folder: Path,
    *,
    items: int = 30,
    train: int = 0,
    kind: str = "rubric",
    judge: str = "",
    labels: str = "",
) -> Path:
    """Write project and data, record what both models say to `confirm` and `train`; the file."""
    file = folder / "escalera.toml"
    file.write_text(TEXT.format(kind=kind, judge=judge, labels=labels))
    for name, target in (("replies", "Dear {n}"), ("routing", "{n}")):
        rows = [
            {
                "id": f"{split}-{n}",
                "split": split,
                "input": f"{name} {split} {n}",
                "target": target.format(n=n),
                "cluster": f"{name} customer {n // 2}",
            }
            for split, count in (("search", 4), ("confirm", items), ("train", train))
            for n in range(count)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    if not labels:
        record(file)
    return file


def record(file: Path) -> None:
    """Let both models have answered the `confirm` and `train` items of the judged task."""
    installation = wiring.install(file)
    project, task = installation.project, installation.project.task("replies")
    models = naming.Models(names=("small", "large"), find=installation.base_model)
    with closing(installation.journal()) as journal:
        for name in models.names:
            route = naming.resolve(name, project, Evidence(), models)
            calls = [
                Call(system=Evidence().answering(route, item), item=item)
                for item in (*task.items("confirm"), *task.items("train"))
            ]
            journal.append(
                [
                    replace(
                        playbook.observed(project, call, score(call.item)),
                        reply=reply(name, call.item),
                    )
                    for call in calls
                ]
            )


def number(item: Example) -> int:
    """The number in an item's id."""
    return int(item.id.rpartition("-")[2])


def score(item: Example) -> float:
    """What the judge gave: five grades."""
    return number(item) % 5 / 4


def reply(name: str, item: Example) -> str:
    """What a model answered: both alike to every fifth item; some have markup."""
    n = number(item)
    if n % 5 == 0:
        return f"Sorry, {n}."
    return f"{name} says {n} {EVIL if n % 7 == 1 else ''}".strip()
