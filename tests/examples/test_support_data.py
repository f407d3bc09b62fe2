"""Norte's task files: well formed, no leak between splits, and reproducible to the byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support"
KEYS = {
    "feedback": {"theme", "sentiment"},
    "recommendations": {"pick"},
    "order_changes": {"task", "ref", "new"},
}
KINDS = sorted(KEYS)


def read(kind: str) -> list[dict[str, str]]:
    """Return the committed rows of one query type."""
    text = (EXAMPLE / "data" / f"{kind}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_well_formed(kind):
    for row in read(kind):
        assert list(row) == ["id", "split", "input", "target", "cluster"]
        assert all(isinstance(value, str) and value for value in row.values())
        assert set(json.loads(row["target"])) == KEYS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_splits_have_the_announced_sizes(kind):
    train = 1500 if kind == "order_changes" else 600
    sizes = Counter(row["split"] for row in read(kind))
    assert sizes == {"train": train, "search": 240, "confirm": 400, "golden": 60}


def test_ids_and_inputs_are_unique_over_all_files():
    rows = [row for kind in KINDS for row in read(kind)]
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["input"] for row in rows}) == len(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_customer_belongs_to_one_split(kind):
    splits: dict[str, set[str]] = {}
    for row in read(kind):
        splits.setdefault(row["cluster"], set()).add(row["split"])
    assert all(len(of_customer) == 1 for of_customer in splits.values())


@pytest.mark.parametrize("kind", KINDS)
def test_enough_customers_confirm(kind):
    clusters = Counter(row["cluster"] for row in read(kind) if row["split"] == "confirm")
    assert len(clusters) >= 80
    assert max(clusters.values()) <= 5


def test_the_answer_can_be_found_in_the_message():
    for row in read("recommendations"):
        assert f": {json.loads(row['target'])['pick']}\n" in row["input"]
    for row in read("order_changes"):
        answer = json.loads(row["target"])
        assert answer["ref"] in row["input"]
        assert answer["new"] == "none" or answer["new"] in row["input"]


def test_the_house_policy_holds_for_shipped_orders():
    for row in read("order_changes"):
        operation = json.loads(row["target"])["task"]
        if row["input"].startswith("Status: shipped\n"):
            assert operation in {"A1", "R3", "Z0"}
        else:
            assert operation in {"A1", "Q7", "X9", "D4", "C2", "N5"}


def test_the_context_does_not_give_the_query_type_away():
    confirm = {kind: [r for r in read(kind) if r["split"] == "confirm"] for kind in KINDS}
    blocks = {
        kind: Counter(row["input"].split("\n")[0].split(":")[0] for row in rows)
        for kind, rows in confirm.items()
    }
    assert blocks["feedback"]["Status"] > 20
    assert blocks["feedback"]["Catalogue"] > 20
    assert blocks["recommendations"]["Status"] > 20


def test_the_committed_files_are_what_the_generator_writes(tmp_path):
    write(0, tmp_path)
    for kind in KINDS:
        name = f"{kind}.jsonl"
        assert (tmp_path / name).read_bytes() == (EXAMPLE / "data" / name).read_bytes()


def test_another_seed_is_another_draw(tmp_path):
    write(1, tmp_path)
    for kind in KINDS:
        name = f"{kind}.jsonl"
        assert (tmp_path / name).read_bytes() != (EXAMPLE / "data" / name).read_bytes()


def write(seed: int, folder: Path) -> None:
    """Run the generator as a user does, from the example's folder."""
    subprocess.run(
        [sys.executable, "-m", "base_model.shop_data", "--seed", str(seed), "--out", str(folder)],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONHASHSEED": "random"},
        check=True,
    )
