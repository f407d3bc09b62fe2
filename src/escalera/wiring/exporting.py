"""Exports of finetuned models: checks, folding and conversion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from escalera.core.prompts import chat_form
from escalera.errors import InputError
from escalera.wiring import Installation, models

if TYPE_CHECKING:
    from escalera.edges.exporting.folding import Folded

PROBES = "prompt_tokens.json"


def base_folder(made: Installation, name: str) -> Path:
    """Where the weights of a base model lie. Raises `InputError` for one that is not here."""
    table = made.tables.models.get(name)
    if table is None or not table.local:
        raise InputError(f"the base {name!r} is no model of the project file on this machine")
    return models.folder(made.file, table)


def probes(made: Installation, name: str, artifact: Path) -> list[list[int]]:
    """Fixed conversations in the tokens with which the base is asked.

    Raises `InputError` where *artifact* was taught other tokens: it learned another task.
    """
    models.require_local("the export of a model")
    from escalera.edges.providers import chat_text

    folder = base_folder(made, name)
    asked: Sequence[Sequence[int]] = chat_text.asked(name, folder, chat_form.PROBES)
    found = [list(tokens) for tokens in asked]
    taught = artifact / PROBES
    if taught.is_file() and json.loads(taught.read_bytes()) != found:
        raise InputError(
            f"what was learned was taught with other tokens than {name!r} is asked with now: its "
            "chat template or tokenizer was changed. Bring that back; nothing was exported"
        )
    return found


def fold(base: Path, artifact: Path, asked: Sequence[Sequence[int]], *, into: Path) -> Folded:
    """A base with what was learned in its weights. Raises `InputError`."""
    from escalera.edges.exporting import folding

    return folding.fold(base, artifact, asked, into=into)


def require_adapter(artifact: Path) -> None:
    """Raise `InputError` unless *artifact* is a PEFT adapter."""
    from escalera.edges.exporting import folding

    folding.require_adapter(artifact)


def to_gguf(model: Path, *, into: Path, program: str | None) -> str:
    """Convert a model folder by an installed program; what that is called. Raises `InputError`."""
    from escalera.edges.exporting import gguf

    command = gguf.converter(program)
    gguf.convert(command, model, into=into)
    return " ".join(command)


def require_converter(program: str | None) -> None:
    """Raise `InputError` where there is no converter."""
    from escalera.edges.exporting import gguf

    gguf.converter(program)
