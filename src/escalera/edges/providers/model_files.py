"""A model folder as files: is it complete, and what identifies it. Loads no model library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from escalera.errors import InputError

ANSWERING = (
    "1_Pooling/config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "added_tokens.json",
    "additional_chat_templates/*.jinja",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
"""Every file that changes an answer; other files (README, training logs) do not."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")


def revision(folder: Path, *, chats: bool = True) -> str:
    """SHA-256 over names and contents of weights, tokenizer, template and configuration.

    A model that only makes embeddings does not chat, and needs no template.
    """
    check(folder, chats=chats)
    whole = hashlib.sha256()
    for path in sorted(set(_answering(folder))):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return whole.hexdigest()


def check(folder: Path, *, chats: bool = True) -> None:
    """Raise `InputError` when *folder* lacks something that a local model needs."""
    if not folder.is_dir():
        raise InputError(
            f"the model folder {str(folder)!r} does not exist. "
            "Give the path of a folder with config.json, *.safetensors and a tokenizer."
        )
    config = _read(folder / "config.json")
    if not config.get("model_type"):
        raise _missing(folder, "a model_type in config.json", "Export the model with Transformers.")
    if not any(folder.glob("*.safetensors")):
        raise _missing(
            folder,
            "weights in *.safetensors",
            "Other weight files are not read because loading them can run code: convert them with "
            "`model.save_pretrained(folder)` of Transformers.",
        )
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise _missing(folder, "a tokenizer", "Save it with `tokenizer.save_pretrained(folder)`.")
    if chats and not _has_template(folder):
        raise _missing(
            folder,
            "a chat template",
            "Add chat_template.jinja, or use the instruction-tuned variant of the model.",
        )


# Details


def _answering(folder: Path) -> Iterator[Path]:
    for pattern in ANSWERING:
        yield from folder.glob(pattern)


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(_read(settings).get("chat_template"))


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise _missing(file.parent, file.name, "Give the folder that holds it.")
    try:
        value = json.loads(file.read_bytes())
    except ValueError as error:
        raise InputError(f"{str(file)!r} is not JSON: {error}. Copy the file again.") from error
    if not isinstance(value, dict):
        raise InputError(f"{str(file)!r} does not hold an object. Copy the file again.")
    return value


def _missing(folder: Path, what: str, remedy: str) -> InputError:
    return InputError(f"the model folder {str(folder)!r} lacks {what}. {remedy}")
