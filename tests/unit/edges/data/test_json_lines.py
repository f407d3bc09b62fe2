"""JSON lines: what is wrong is told, and the next line is read."""

from __future__ import annotations

import pytest

from escalera.core.data.flaws import Flaw
from escalera.edges.data import json_lines

GOOD = b'{"id": "1"}\n'


def entries(tmp_path, content):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(content)
    return [*json_lines.entries(file)]


def test_every_line_is_read_after_what_is_wrong(tmp_path):
    """Broken JSON, another value, NaN, bytes that are no text, half a character."""
    wrong = [b"{broken", b"[1]", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"7"]
    found = entries(tmp_path, b"\n".join(wrong) + b"\n\n" + GOOD)
    assert [place for place, _ in found] == [f"line {n}" for n in (1, 2, 3, 4, 5, 6, 8)]
    assert found[-1][1] == {"id": "1"}
    flaws = [entry for _, entry in found[:-1] if isinstance(entry, Flaw)]
    assert len(flaws) >= 5
    said = [flaw.problem for flaw in flaws]
    assert "[1], not an object" in said[1]
    assert "NaN and Infinity are no JSON" in said[2]
    assert flaws[3].remedy == "Save the file as UTF-8"


def test_a_key_that_stands_twice_is_told(tmp_path):
    """The last one would count, and nobody would be told which target was dropped."""
    twice = b'{"input": "a", "target": "yes", "target": "no"}'
    nested = b'{"input": "a", "target": "b", "fields": {"tier": 1, "tier": 2}}'
    found = entries(tmp_path, b"\n".join([twice, nested, GOOD]))
    assert [flaw.problem for _, flaw in found[:2]] == [
        "the key 'target' stands twice in an object",
        "the key 'tier' stands twice in an object",
    ]
    assert found[2] == ("line 3", {"id": "1"})


def test_an_endless_line_is_passed_over(tmp_path):
    """It is not held in memory, and what follows is read."""
    long = b'{"a": "' + b"x" * (3 * json_lines.LONGEST_LINE) + b'"}\n'
    found = entries(tmp_path, long + GOOD)
    assert "longer than 1000000 bytes" in found[0][1].problem
    assert found[1] == ("line 2", {"id": "1"})
    exact = b'{"a": "' + b"x" * (json_lines.LONGEST_LINE - 10) + b'"}\n'
    assert len(exact) == json_lines.LONGEST_LINE
    assert [place for place, _ in entries(tmp_path, exact + GOOD)] == ["line 1", "line 2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[\n  {"input": "a"},\n  {"input": "b"}\n]\n', "is one JSON document"),
        (b'[{"input": "a"}, {"input": "b"}]', "is one JSON document"),
        (b'\xef\xbb\xbf\n{\n  "data": []\n}\n', "is one JSON document"),
        (b"PK\x03\x04\x00\n\xff\n", "is a ZIP archive or a workbook"),
        (b"\x1f\x8b\x08\n\xff\n", "is packed by gzip"),
        (b"PAR1\x00\n\xff\n", "is a Parquet file"),
    ],
)
def test_another_kind_of_file_is_told_once(tmp_path, content, said):
    """And not line by line as broken rows, with a remedy for rows."""
    ((place, flaw),) = entries(tmp_path, content)
    assert place == ""
    assert said in flaw.problem


def test_deep_nesting_is_told(tmp_path):
    """And breaks nothing."""
    ((_, flaw),) = entries(tmp_path, b'{"a": ' + b"[" * 100_000 + b"\n")
    assert isinstance(flaw, Flaw)
