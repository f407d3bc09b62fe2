"""Logs of trainings that another process is writing."""

from pathlib import Path

import msgspec

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
