"""One JSON document."""

from __future__ import annotations

import pytest

from escalera.edges.data import documents
from escalera.errors import DataError


def test_a_document_is_read(tmp_path):
    """With a byte order mark, too."""
    file = tmp_path / "x.json"
    file.write_bytes(b'\xef\xbb\xbf[{"a": 1}]')
    assert documents.read(file) == [{"a": 1}]


def test_what_is_none_is_told(tmp_path, monkeypatch):
    """Broken, too large, or not there."""
    file = tmp_path / "x.json"
    file.write_text("[broken")
    with pytest.raises(DataError, match="is not JSON"):
        documents.read(file)
    monkeypatch.setattr(documents, "LARGEST", 3)
    with pytest.raises(DataError, match="larger than 3 bytes"):
        documents.read(file)
    with pytest.raises(DataError, match="cannot be read"):
        documents.read(tmp_path / "gone.json")
