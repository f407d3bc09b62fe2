"""The table of jobs under kills says what was seen."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from bench.jobs import seen
from bench.jobs.seen import Kill


def test_the_table_counts_what_was_lost_and_begun_anew() -> None:
    """A job whose next state has fewer steps than were kept was begun anew."""
    kills = [
        Kill(aim="gateway", job="a", kept=5, later=7),
        Kill(aim="both", job="a", kept=9, later=1),
        Kill(aim="trainer", job="b", kept=0, later=1),
    ]
    digests = ["x", "y", "z"], ["x", "other", ""]
    text = seen.table(kills, *digests, [2, 3, 1], how="--kills 3", seconds=90)
    assert "--kills 3" in text
    for row in (
        "| jobs lost | 1 of 3 |",
        "byte by byte | 1 of 3 |",
        "than were kept | 1 of 3 |",
        "| 2 | both | a | 9 | 1 |",
        "(1 gateway, 1 trainer, 1 both)",
    ):
        assert row in text
