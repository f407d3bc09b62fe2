"""A project with a task that any model could have: what a test is about are its models."""

from __future__ import annotations

import json
from pathlib import Path

from escalera import wiring
from escalera.wiring import Installation

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "support" / "model"
"""The folder of the example's model."""


def installed(folder: Path, models: str, *, climb: str = "", more: str = "") -> Installation:
    """The project in *folder*, with the tables *models*, the keys *climb* and the tables *more*.

    The model that is climbed with is called `base`.
    """
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"{split} {n}", "target": f"{n}"}
        for split, many in (("train", 8), ("search", 60), ("confirm", 100))
        for n in range(many)
    ]
    (folder / "echo.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = folder / "escalera.toml"
    file.write_text(
        f"""
[project]
name = "shop"
{models}
[climb]
model = "base"
{climb}
{more}
[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
"""
    )
    return wiring.install(file)
