"""The bench of the door measures what it says."""

from __future__ import annotations

from pathlib import Path

from bench.gateway import door


def test_every_figure_can_be_measured(tmp_path: Path) -> None:
    """At small sizes: all paths run, and what was written is there."""
    assert door.admitting(rounds=1, calls=100) > 0
    assert door.leasing(tmp_path, leases=3) > 0
    assert door.recording(tmp_path, calls=100) > 0
    assert door.holding(keys=100) >= 0
