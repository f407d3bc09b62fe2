"""JSON lines: what is written reads back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from tests.unit.edges.scores.tables import TABLES, bits, table

from escalera.edges.scores import jsonl_file
from escalera.errors import ScoresError


@given(TABLES)
@settings(deadline=None)
def test_what_is_written_reads_back(tmp_path_factory, rows):
    """Every row, and every score bit for bit."""
    file = tmp_path_factory.mktemp("jsonl") / "scores.jsonl"
    jsonl_file.write(rows, file)
    assert bits(jsonl_file.read(file)) == bits(rows)


def test_a_line_says_every_field_by_name(tmp_path):
    """So that other tools read it without a schema."""
    file = tmp_path / "scores.jsonl"
    jsonl_file.write(table({"score": None, "reason": "HTTP 429", "seconds": 0.25}), file)
    assert json.loads(file.read_text()) == {
        "system": "m",
        "item": "1",
        "task": "t",
        "cluster": "t/1",
        "repeat": 0,
        "score": None,
        "reason": "HTTP 429",
        "prompt_tokens": None,
        "completion_tokens": None,
        "micro_dollars": None,
        "seconds": 0.25,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"item": 1, "score": 1}\n[1]\n', "line 2: holds a list, not an object"),
        ('{"item": 1, "score": 1}\n{"item": 2,\n', "line 2: is not JSON"),
        ('{"item": 1, "score": 1, "score": 0}\n', "line 1: the key 'score' stands twice"),
        ('{"item": 1, "score": 7}\n', "line 1: the score 7.0 is outside of 0 to 1"),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, content, said):
    """With file, line and value."""
    file = tmp_path / "mine.jsonl"
    file.write_text(content)
    with pytest.raises(ScoresError) as caught:
        jsonl_file.read(file)
    assert said in str(caught.value)


def test_a_table_is_recognised_by_its_name_or_its_first_line(tmp_path):
    """And nothing else is."""
    file = tmp_path / "scores.txt"
    file.write_text('{"id": 1, "correct": true}\n')
    assert jsonl_file.recognises(file)
    file.write_text('{"id": 1}\n')
    assert not jsonl_file.recognises(file)
    assert jsonl_file.recognises(tmp_path / "any.ndjson")
