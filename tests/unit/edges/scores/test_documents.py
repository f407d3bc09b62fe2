"""JSON of others: sizes are bounded and every problem has its place."""

from __future__ import annotations

import math

import pytest

from escalera.edges.scores import documents
from escalera.errors import ScoresError


def file(folder, content):
    found = folder / "log.jsonl"
    found.write_bytes(content)
    return found


def test_lines_come_with_their_places(tmp_path):
    """Empty lines count, but are no values; NaN is read, as tools write it."""
    found = list(documents.lines(file(tmp_path, b'{"a": 1}\n\n[NaN]')))
    assert found[0] == ("line 1", {"a": 1})
    assert found[1][0] == "line 3"
    assert math.isnan(found[1][1][0])


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"])
def test_what_is_not_json_is_named_with_its_line(tmp_path, content):
    """Broken, not text, or nested without end."""
    with pytest.raises(ScoresError, match=r"log\.jsonl, line 2: is not JSON") as caught:
        list(documents.lines(file(tmp_path, b"{}\n" + content)))
    assert caught.value.place == "line 2"


def test_sizes_are_bounded(tmp_path):
    """A line and a document that are too large are refused before they are parsed."""
    found = file(tmp_path, b"[" + b" " * 100 + b"]")
    with pytest.raises(ScoresError, match="line 1: the line is longer than 50 bytes"):
        list(documents.lines(found, longest=50))
    with pytest.raises(ScoresError, match="the document is larger than 50 bytes"):
        documents.document(found, largest=50)
    assert documents.document(found) == []


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With what the system says."""
    for read in (documents.document, lambda path: list(documents.lines(path))):
        with pytest.raises(ScoresError, match=r"gone: cannot be read \(No such file"):
            read(tmp_path / "gone")
    assert documents.head(tmp_path / "gone") == b""


@pytest.mark.parametrize(("value", "found"), [(3, 3), (-1, None), (True, None), (2**63, None)])
def test_counts_are_whole_numbers_from_zero_on(value, found):
    """Anything else in a foreign log is unknown, not wrong."""
    assert documents.count(value) == found


@pytest.mark.parametrize(
    ("value", "found"), [(3, 3.0), (-1.0, None), (math.nan, None), ("1", None), (10**400, None)]
)
def test_amounts_are_finite_numbers_from_zero_on(value, found):
    """Anything else in a foreign log is unknown, not wrong."""
    assert documents.amount(value) == found


def test_money_is_whole_millionths():
    """And unknown money stays unknown."""
    assert documents.micro_dollars(0.0015) == 1500
    assert documents.micro_dollars(None) is None


def test_names_are_text_or_numbers():
    """Ids are often numbers; nothing else makes a name."""
    assert [documents.text(v) for v in ("a", 7, True, None, 1.5)] == ["a", "7", "", "", ""]
