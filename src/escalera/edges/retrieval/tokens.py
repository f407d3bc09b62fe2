"""Counting the tokens of a text with the tokenizer of a model folder, without the model."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from escalera.errors import InputError
from escalera.ports import Count


def counter(folder: Path) -> Count | None:
    """How many tokens a text has; None where the folder holds no fast tokenizer.

    Raises `InputError` where its file is damaged.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library has no class of its own for a damaged file
        raise InputError(f"{str(file)!r} holds no tokenizer: {error}. Copy it again.") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
