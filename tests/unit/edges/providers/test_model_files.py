"""A model folder as files."""

import json
from pathlib import Path

import pytest

from escalera.edges.providers import model_files
from escalera.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the names of a model; the weights are of no use."""
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    return tmp_path


def test_a_complete_folder_passes(folder: Path) -> None:
    """Nothing is said of a folder that has everything."""
    model_files.check(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "save_pretrained"),
        ("tokenizer.json", "a tokenizer"),
        ("chat_template.jinja", "chat template"),
    ],
)
def test_what_is_missing_is_named(folder: Path, name: str, words: str) -> None:
    """The error names the folder, what it lacks and the remedy."""
    (folder / name).unlink()
    with pytest.raises(InputError, match=words) as caught:
        model_files.check(folder)
    assert str(folder) in str(caught.value)


def test_a_template_inside_the_tokenizer_settings_counts(folder: Path) -> None:
    """Older models keep the chat template in tokenizer_config.json."""
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    model_files.check(folder)


def test_broken_json_is_named(folder: Path) -> None:
    """A file that is no JSON object is named; nothing is guessed."""
    for text in ("{", "[]", "{}"):
        (folder / "config.json").write_text(text)
        with pytest.raises(InputError, match=r"config\.json"):
            model_files.check(folder)


def test_no_folder_is_named(tmp_path: Path) -> None:
    """A wrong path is the most likely mistake."""
    with pytest.raises(InputError, match="does not exist"):
        model_files.check(tmp_path / "nowhere")


def test_the_revision_follows_everything_that_answers(folder: Path) -> None:
    """Weights, tokenizer, template and settings change it; notes beside them do not."""
    first = model_files.revision(folder)
    (folder / "README.md").write_text("notes")
    (folder / "pytorch_model.bin").write_bytes(b"never loaded")
    assert model_files.revision(folder) == first
    seen = {first}
    for name in ("model.safetensors", "tokenizer.json", "chat_template.jinja", "config.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept.replace(b"l", b"L").replace(b"e", b"E") + b" ")
        if name != "config.json":
            seen.add(model_files.revision(folder))
        else:
            (folder / name).write_text('{"model_type": "mistral"}')
            seen.add(model_files.revision(folder))
        (folder / name).write_bytes(kept)
    assert len(seen) == 5
    assert model_files.revision(folder) == first


def test_the_revision_does_not_depend_on_the_place(folder: Path, tmp_path: Path) -> None:
    """A copy of the folder elsewhere is the same model."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    assert model_files.revision(copy) == model_files.revision(folder)
