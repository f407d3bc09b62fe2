"""Models of the Hub: the cache in its real layout, and the network that is not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from huggingface_hub import constants

from escalera import wiring
from escalera.edges.providers import hub, model_files
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds one model at one commit, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    stored = tmp_path / "models--shop--tiny"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs" / "main").write_text(COMMIT)
    made = tiny_model(tmp_path / "made")
    shutil.copytree(made, stored / "snapshots" / COMMIT)
    return tmp_path


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_a_model_in_the_cache_needs_no_network(cache: Path, revision: str) -> None:
    """By branch or by commit; it is known by the same content as the folder it was made from."""
    found = hub.folder("shop/tiny", revision)
    assert model_files.revision(found) == model_files.revision(cache / "made")


@pytest.mark.parametrize(
    ("name", "revision"), [("shop/other", "main"), ("shop/tiny", "v2"), ("shop/tiny", "f" * 40)]
)
@pytest.mark.usefixtures("cache")
def test_what_cannot_be_had_is_told_with_its_name(name: str, revision: str) -> None:
    """Not cached, and nothing to download from: the message says what to check."""
    with pytest.raises(InputError, match="not in the local cache") as caught:
        hub.folder(name, revision)
    assert name in str(caught.value)
    assert revision in str(caught.value)
    assert "HF_TOKEN" in str(caught.value)


@pytest.mark.parametrize("name", ["tiny model", "a/b/c", "../etc"])
@pytest.mark.usefixtures("cache")
def test_a_name_that_is_none(name: str) -> None:
    """Refused before anything is looked up."""
    with pytest.raises(InputError, match="no name of a model"):
        hub.folder(name, "main")


def test_a_project_names_a_model_of_the_hub(cache: Path, tmp_path: Path) -> None:
    """It is trainable, and has the identity of its content."""
    rows = [
        {"id": split, "split": split, "input": split, "target": "b"}
        for split in ("train", "search", "confirm")
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "escalera.toml").write_text(
        '[project]\nname = "p"\nquery_type = "declared"\n'
        '[models.base]\nhub = "shop/tiny"\n[climb]\nmodel = "base"\n'
        '[tasks.a]\ndata = "a.jsonl"\nscorer = "exact"\nbar = 0.7\n'
    )
    found = wiring.install(tmp_path / "escalera.toml").project.model
    assert found.trainable
    assert found.revision == model_files.revision(cache / "made")
