"""The folder in the making: resumed, locked, never left half-written under its name."""

import json

import pytest

from escalera.core.merging import shards
from escalera.core.merging.compiling import Plan, TensorTask
from escalera.core.merging.recipe import Recipe
from escalera.edges.merging.execution import Written
from escalera.edges.merging.output import Output
from escalera.errors import MergeError

TASKS = tuple(
    TensorTask(name=name, kind="U8", shape=(4,), method="copy", inputs=()) for name in ("x", "y")
)
PLAN = Plan(recipe=Recipe(method="linear", slices=()), tasks=TASKS, config={"a": 1}, owner="m")
HELLO = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"
"""BLAKE3 of "hello" is published; the digests below are of four bytes."""


def begun(into, key="k"):
    """An output of two tensors of four bytes."""
    return Output(into, PLAN, shards.lay_out(TASKS, limit=1000), key)


def put(output, number, data):
    """Put all bytes of a task."""
    pieces = output.pieces(number)
    pieces.write(memoryview(data))
    pieces.close()


def write(output, number, data):
    """Put all bytes of a task and note it."""
    from blake3 import blake3

    put(output, number, data)
    output.finished(number, Written(digest=blake3(data).hexdigest()))


def test_digests_are_blake3():
    """As published."""
    from blake3 import blake3

    assert blake3(b"hello").hexdigest() == HELLO


def test_a_folder_appears_when_it_is_complete(tmp_path):
    """Weights, configuration, tokenizer and lineage; nothing of the work stays."""
    owner = tmp_path / "owner"
    owner.mkdir()
    (owner / "tokenizer.json").write_text("{}")
    for name in ("vocab.txt", "spiece.model"):
        (owner / name).write_text("x")
    (owner / "notes.txt").write_text("not carried")
    output = begun(tmp_path / "into")
    write(output, 0, b"abcd")
    write(output, 1, b"efgh")
    assert not (tmp_path / "into").exists()
    output.complete(owner, {"key": "k"})
    assert {path.name for path in (tmp_path / "into").iterdir()} == {
        "model.safetensors", "config.json", "tokenizer.json", "vocab.txt", "spiece.model",
        "merge_lineage.json",
    }  # fmt: skip
    assert (tmp_path / "into" / "model.safetensors").read_bytes().endswith(b"abcdefgh")
    assert json.loads((tmp_path / "into" / "config.json").read_text()) == {"a": 1}
    assert {path.name for path in tmp_path.iterdir()} == {"owner", "into"}


def test_what_was_done_is_found_again_if_it_is_still_that(tmp_path):
    """A tensor whose bytes are not what was noted is done again; a torn line is passed over."""
    output = begun(tmp_path / "into")
    write(output, 0, b"abcd")
    write(output, 1, b"efgh")
    put(output, 1, b"lost")
    output.close()
    with (tmp_path / ".into.merging" / "progress.jsonl").open("a") as lines:
        lines.write('{"task": 1, "dig')
    again = begun(tmp_path / "into")
    assert set(again.done) == {0}
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_work_of_another_merge_is_not_gone_on_with(tmp_path):
    """Another plan, shard size or input begins anew."""
    output = begun(tmp_path / "into")
    write(output, 0, b"abcd")
    output.close()
    other = begun(tmp_path / "into", key="other")
    assert other.done == {}
    other.remove()


def test_two_cannot_write_one_folder(tmp_path):
    """The second is told."""
    output = begun(tmp_path / "into")
    with pytest.raises(MergeError, match="another process merges into"):
        begun(tmp_path / "into")
    output.remove()
