"""Counting the tokens of a text with the tokenizer of a model folder, without the model."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from escalera.ports import Count


def counter(folder: Path) -> Count | None:
    """How many tokens a text has; None where the folder holds no fast tokenizer."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    tokenizer = Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
