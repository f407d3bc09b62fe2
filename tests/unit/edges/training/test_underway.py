"""Logs of trainings that another process is writing."""

from pathlib import Path

import msgspec
import numpy as np
from safetensors.numpy import save_file

from escalera.edges.training import underway
from escalera.testing import records

SIGNALS = records.record(lambda step, _: 1 / step, examples=10, epochs=2).signals


def test_whole_lines_are_read_and_the_rest_is_left_for_the_next_time(tmp_path: Path) -> None:
    """A torn line, an empty log and a folder without one are nothing wrong."""
    lines = [msgspec.json.encode(one) + b"\n" for one in SIGNALS]
    for name, content in {
        "torn": b"".join(lines[:3]) + lines[3][:-9],
        "begun": lines[0][:5],
        "broken": b"nonsense\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / underway.LOG).write_bytes(content)
    (tmp_path / "bare").mkdir()
    assert underway.signals(tmp_path) == {"torn": SIGNALS[:3]}
    assert underway.signals(tmp_path / "nowhere") == {}


def test_steps_are_counted_by_what_is_kept(tmp_path: Path) -> None:
    """As a checkpoint says itself; of what is torn nothing can be gone on from."""
    for name, steps in {"one": 7, "other": 4}.items():
        (tmp_path / name).mkdir()
        tensors = {"weight": np.zeros(3, dtype=np.float32)}
        save_file(tensors, tmp_path / name / underway.STATE, metadata={"steps": str(steps)})
    whole = (tmp_path / "one" / underway.STATE).read_bytes()
    for number, torn in enumerate([b"", whole[:20], b"\xff" * 20, whole[:8] + b"[]"]):
        (tmp_path / f"torn-{number}").mkdir()
        (tmp_path / f"torn-{number}" / underway.STATE).write_bytes(torn)
    assert underway.steps(tmp_path) == 11
    assert underway.steps(tmp_path / "nowhere") == 0
