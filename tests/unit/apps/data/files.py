"""Files of items for the tests of the data tools."""

from __future__ import annotations

import json

from escalera.wiring import data_sets


def quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def row(number, split="train", **more):
    """An item."""
    return {"id": str(number), "split": split, "input": f"in {number}", "target": "x"} | more


def written(folder, rows, name="rows.jsonl"):
    """A file with a JSON object per row, as a source."""
    file = folder / name
    file.write_text("".join(json.dumps(entry) + "\n" for entry in rows), encoding="utf-8")
    return data_sets.source(file)


def read(file):
    """The objects of a file, line by line."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
