"""Documents by pattern, within bounds."""

from __future__ import annotations

import pytest

from escalera.errors import ProjectError
from escalera.settings import documents
from escalera.settings.tables import ContextTable


def load(folder, *patterns, **sizes):
    table = ContextTable(documents=list(patterns), **sizes)
    return documents.load(table, task="a", project=folder / "escalera.toml")


@pytest.fixture
def folder(tmp_path):
    """Two documents below a folder, and one beside it."""
    (tmp_path / "docs" / "more").mkdir(parents=True)
    (tmp_path / "docs" / "b.md").write_text("two words", encoding="utf-8")
    (tmp_path / "docs" / "more" / "a.md").write_text("\ufeffčtyři slova a více", encoding="utf-8")
    (tmp_path / "note.txt").write_text("a note", encoding="utf-8")
    return tmp_path


def test_files_are_read_in_the_order_of_their_paths(folder):
    """Each once, whatever patterns match it; a byte order mark is no word."""
    found = load(folder, "docs/**/*.md", "docs/b.md", "note.txt", top=2)
    assert [(p.id, p.text) for p in found.passages] == [
        ("docs/b.md#1", "two words"),
        ("docs/more/a.md#1", "čtyři slova a více"),
        ("note.txt#1", "a note"),
    ]
    assert (found.top, found.tokens, found.methods) == (2, 4000, ("bm25",))


def test_long_documents_are_cut(folder):
    """In the sizes of the table."""
    (folder / "long.md").write_text(" ".join(f"w{n}" for n in range(50)), encoding="utf-8")
    found = load(folder, "long.md", chunk=20, overlap=5)
    assert [(p.position, len(p.text.split())) for p in found.passages] == [
        (1, 20), (16, 20), (31, 20),
    ]  # fmt: skip


def test_what_cannot_be_read_is_said(folder, monkeypatch):
    """With the key, the pattern or file, and the remedy."""
    (folder / "scan.pdf").write_bytes(b"%PDF \xff\xfe")
    (folder / "empty.md").write_text(" \n")
    for patterns, said in {
        ("none/*.md",): "matches no file",
        ("/etc/passwd",): "no path relative",
        ("scan.pdf",): "not UTF-8 text",
        ("empty.md",): "without a word",
    }.items():
        with pytest.raises(ProjectError, match=said) as raised:
            load(folder, *patterns)
        assert raised.value.key == "tasks.a.context.documents"
    monkeypatch.setattr(documents, "LARGEST", 8)
    with pytest.raises(ProjectError, match="longer than 8 bytes together"):
        load(folder, "docs/**/*.md")
