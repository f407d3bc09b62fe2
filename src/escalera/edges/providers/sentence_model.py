"""Vectors for texts from a model folder on this machine. Needs the extra `local`.

The folder is what Sentence Transformers writes: an encoder with its tokenizer, and perhaps
`1_Pooling/config.json`, which says how the vectors of the tokens become one. Without it they are
averaged (Reimers and Gurevych 2019). Weights are read from safetensors only, without remote code.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from escalera.edges.providers import model_files
from escalera.errors import InputError


class SentenceModel:
    """A loaded encoder. Texts longer than its context are cut, as it was trained."""

    def __init__(self, folder: Path) -> None:
        model_files.check(folder, chats=False)
        _only_known_modules(folder)
        self._first = _takes_first(folder)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder, use_safetensors=True).eval()
        self._turn = asyncio.Lock()

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector per text, in order."""
        async with self._turn:
            return await asyncio.to_thread(self._embedded, texts)

    async def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        # One by one: padding would change the last digits with the company that a text is in.
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        longest = min(
            getattr(self._model.config, "max_position_embeddings", 512),
            self._tokenizer.model_max_length,
        )
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state[0]
        vector: list[float] = (states[0] if self._first else states.mean(dim=0)).tolist()
        return vector


_MODULES = {"Transformer", "Pooling", "Normalize"}
"""Of Sentence Transformers; the last does not change a cosine."""


def _only_known_modules(folder: Path) -> None:
    file = folder / "modules.json"
    if not file.is_file():
        return
    kinds = {module["type"].rpartition(".")[2] for module in json.loads(file.read_bytes())}
    if kinds - _MODULES:
        raise InputError(
            f"{str(file)!r} names {', '.join(sorted(kinds - _MODULES))}; known are "
            f"{', '.join(sorted(_MODULES))}. Serve this model by an endpoint instead."
        )


def _takes_first(folder: Path) -> bool:
    """Whether the vector is that of the first token. Raises `InputError` for other ways."""
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return False
    ways = {
        name
        for name, on in json.loads(file.read_text(encoding="utf-8")).items()
        if name.startswith("pooling_mode_") and on
    }
    if ways == {"pooling_mode_cls_token"}:
        return True
    if ways <= {"pooling_mode_mean_tokens"}:
        return False
    raise InputError(
        f"{str(file)!r} asks for {', '.join(sorted(ways))}; the mean of the tokens and the first "
        "token are known. Choose another embedding model, or serve this one by an endpoint."
    )
