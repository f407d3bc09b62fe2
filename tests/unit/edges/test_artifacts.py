"""Artifacts in a folder: what is refused, and what stays on disk."""

from pathlib import Path

import pytest

from escalera.edges.artifacts import FolderArtifacts
from escalera.errors import InputError


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    """An empty store."""
    return FolderArtifacts(tmp_path / "artifacts")


def test_links_are_refused_by_name(store: FolderArtifacts, tmp_path: Path) -> None:
    """A link would make the content depend on what lies outside."""
    made = store.scratch()
    (tmp_path / "secret").write_text("x")
    (made / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="'link'"):
        store.put(made)


def test_a_linked_folder_inside_is_refused(store: FolderArtifacts, tmp_path: Path) -> None:
    """Links to folders are found too."""
    made = store.scratch()
    (made / "file").write_text("x")
    (tmp_path / "outside").mkdir()
    (made / "below").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="'below'"):
        store.put(made)


def test_an_empty_folder_and_a_file_are_refused(store: FolderArtifacts, tmp_path: Path) -> None:
    """Nothing to store is a mistake of the caller."""
    with pytest.raises(InputError, match="no file"):
        store.put(store.scratch())
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        store.put(tmp_path / "file")


def test_nothing_half_made_stays(store: FolderArtifacts, tmp_path: Path) -> None:
    """After a put, stored or refused, scratch holds only what the caller made."""
    made = store.scratch()
    (made / "file").write_text("x")
    store.put(made)
    store.put(made)
    assert list((tmp_path / "artifacts" / "scratch").iterdir()) == [made]


def test_the_digest_is_the_same_on_every_machine(store: FolderArtifacts) -> None:
    """The digest is a published function of names and contents: it must never change."""
    made = store.scratch()
    (made / "adapter.json").write_bytes(b"{}")
    expected = "db39af115478efaa492b282f88411917ec510a22239a950c44c50abcc337aab7"
    assert store.put(made) == expected
