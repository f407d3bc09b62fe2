"""Score tables for the tests of the plain formats, with every awkward name and number."""

from __future__ import annotations

import struct
from pathlib import Path

from hypothesis import strategies as st

from escalera.domain.scores import ScoreRow, ScoreTable

DATA = Path(__file__).resolve().parents[3] / "data" / "scores"

AWKWARD = ["=1+1", "+1", "-1", "@a", "'", "''=", "'tis", "\t", "\r\n", ' "', "nan", "1.0", "a,b"]
NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(AWKWARD)
COUNTS = st.none() | st.integers(0, 2**63 - 1)
MARKS = st.floats(0, 1).map(lambda score: {"score": score}) | NAMES.map(
    lambda reason: {"score": None, "reason": reason}
)
ANSWERS = st.fixed_dictionaries(
    {
        "system": NAMES,
        "item": NAMES,
        "task": NAMES,
        "cluster": NAMES,
        "repeat": st.integers(0, 2**40),
        "prompt_tokens": COUNTS,
        "completion_tokens": COUNTS,
        "micro_dollars": COUNTS,
        "seconds": st.none() | st.floats(0, 1e300),
    }
)
ROWS = st.builds(lambda answer, mark: ScoreRow(**answer, **mark), ANSWERS, MARKS)
TABLES = st.lists(
    ROWS, min_size=1, max_size=8, unique_by=lambda r: (r.system, r.task, r.item, r.repeat)
).map(lambda rows: ScoreTable(rows=tuple(rows), source="made up"))


def bits(table: ScoreTable) -> list[tuple[ScoreRow, bytes | None]]:
    """The rows with their scores as bytes: 0.0 and -0.0 are equal, and not the same."""
    return [(row, None if row.score is None else struct.pack("d", row.score)) for row in table.rows]


def table(*rows: dict[str, object]) -> ScoreTable:
    """A table of rows that say only what matters."""
    plain = {"system": "m", "task": "t", "cluster": "t/1", "score": 0.5}
    made = tuple(
        ScoreRow(**{"item": str(number)} | plain | row)  # type: ignore[arg-type]
        for number, row in enumerate(rows, start=1)
    )
    return ScoreTable(rows=made, source="made up")
