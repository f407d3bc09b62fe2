"""A project on disk whose climb was simulated: no model, no endpoint."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from escalera import wiring
from escalera.testing.playbook import luck, simulate

HEAD = """\
[project]
name = "support"
query_type = "declared"

[models.base]
{model}

[climb]
model = "base"
looks = [0.5, 1.0]
"""
TASK = """
[tasks.{name}]
data = "{name}.jsonl"
scorer = "exact"
bar = 0.7
margin = 0.1

[tasks.{name}.prompt]
role = "Be kind."
instruction = "Answer {name}."
output = "One word."
"""
REMOTE = 'base_url = "http://127.0.0.1:9/v1"\nmodel = "m"'
SPLITS = {"train": 10, "search": 20, "confirm": 100}


@pytest.fixture
def write(tmp_path):
    """A function that writes a project of two types, with an endpoint or a (hollow) local model."""

    def write(*, local=False, extra="", splits=SPLITS):
        model = 'path = "model"' if local else REMOTE
        tasks = "".join(TASK.format(name=name) for name in "ab")
        (tmp_path / "escalera.toml").write_text(HEAD.format(model=model) + tasks + extra)
        for name in "ab":
            rows = [
                {
                    "id": f"{split}/{n}",
                    "split": split,
                    "input": f"{name} {split} {n}",
                    "target": "x",
                }
                for split, count in splits.items()
                for n in range(count)
            ]
            text = "\n".join(json.dumps(row) for row in rows)
            (tmp_path / f"{name}.jsonl").write_text(text)
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text('{"model_type": "hollow"}')
        for file in ("model.safetensors", "tokenizer.json", "chat_template.jinja"):
            (folder / file).write_text("hollow")
        return tmp_path

    return write


@pytest.fixture
def climb():
    """A function that fills the journal with the climb of a model with these rates per type.

    `tuned` are the rates with any adapter; `at_most` interrupts the climb.
    """

    def climb(folder, a=0.97, b=0.97, *, tuned=None, at_most=None):
        installation = wiring.install(folder / "escalera.toml")
        prompted = {"a": a, "b": b}

        def answers(system, item):
            rates = prompted if system.adapter is None else tuned
            return float(luck(item) < rates[item.task])

        climbed = simulate(installation.project, answers, at_most=at_most)
        with closing(installation.journal()) as journal:
            journal.append(climbed.events)
        return climbed

    return climb
