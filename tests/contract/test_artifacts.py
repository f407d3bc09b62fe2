"""What every store of artifacts must do."""

from pathlib import Path

import pytest

from escalera.edges.artifacts import FolderArtifacts
from escalera.errors import EvidenceMissing
from escalera.ports import Artifacts


@pytest.fixture(params=[FolderArtifacts])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    """Every implementation, empty."""
    return request.param(tmp_path / "artifacts")


def test_what_is_put_can_be_read(artifacts: Artifacts) -> None:
    """A stored folder has the same names and contents, below folders too."""
    made = artifacts.scratch()
    (made / "weights").write_bytes(b"\0\1")
    (made / "more").mkdir()
    (made / "more" / "notes.txt").write_text("hello")
    stored = artifacts.path(artifacts.put(made))
    assert (stored / "weights").read_bytes() == b"\0\1"
    assert (stored / "more" / "notes.txt").read_text() == "hello"


def test_the_same_content_is_stored_once(artifacts: Artifacts) -> None:
    """Two folders of equal names and contents have one digest; storing twice is harmless."""
    digests = set()
    for _ in range(2):
        made = artifacts.scratch()
        (made / "file").write_text("same")
        digests |= {artifacts.put(made), artifacts.put(made)}
    assert len(digests) == 1


def test_another_name_or_content_is_another_artifact(artifacts: Artifacts) -> None:
    """Names, contents and the border between files all count."""
    digests = set()
    for files in ({"a": "bc"}, {"ab": "c"}, {"a": "b"}, {"a": "b", "c": ""}, {"a/b": ""}):
        made = artifacts.scratch()
        for name, text in files.items():
            (made / name).parent.mkdir(exist_ok=True)
            (made / name).write_text(text)
        digests.add(artifacts.put(made))
    assert len(digests) == 5


def test_what_is_not_stored_is_missing(artifacts: Artifacts) -> None:
    """An unknown digest is missing evidence, and so is anything that is no digest."""
    for digest in ("0" * 64, "scratch", "", "../etc"):
        with pytest.raises(EvidenceMissing, match="Restore the folder"):
            artifacts.path(digest)


def test_a_stored_artifact_does_not_change_with_its_source(artifacts: Artifacts) -> None:
    """What is stored is a copy."""
    made = artifacts.scratch()
    (made / "file").write_text("before")
    digest = artifacts.put(made)
    (made / "file").write_text("after")
    assert (artifacts.path(digest) / "file").read_text() == "before"


def test_scratch_folders_are_new_and_empty(artifacts: Artifacts) -> None:
    """Two makers never meet in one folder."""
    first, second = artifacts.scratch(), artifacts.scratch()
    assert first != second
    assert not list(first.iterdir())
