"""Embeddings from a model folder: its last hidden states, pooled over the tokens of a text.

The folder is what Sentence Transformers writes, and its own way of pooling is kept to; of a causal
model, the mean is a fair start where there is no encoder. Each text is read by itself, so a vector
does not depend on what is read with it. Weights are read from safetensors only, without remote
code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from escalera.domain.message import Embeddings, Usage
from escalera.domain.project import BaseModel, ModelPrice
from escalera.edges.model_loading import LOADING, refused_as
from escalera.edges.providers import model_files, pooling
from escalera.errors import InputError
from escalera.ports import Clock

LONGEST = 8192
"""Tokens of a text that are read, or fewer as the model was trained; the rest is cut off."""


class LocalEmbeddings:
    """Loads the folder when the first text arrives."""

    def __init__(self, *, model: BaseModel, folder: Path, clock: Clock, threads: int) -> None:
        model_files.check(folder, chats=False)
        self._first = pooling.takes_first(folder)
        self._base = model
        self._folder = folder
        self._clock = clock
        self._threads = threads
        self._worker = ThreadPoolExecutor(1, f"escalera-{model.name}-embeddings")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector per text, in order; computing them here costs what the model's price says."""
        asked = tuple(texts)
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, lambda: self._embed(asked)
        )

    async def close(self) -> None:
        """Let the worker finish."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Embeddings:
        started = self._clock.seconds()
        torch.set_num_threads(self._threads)  # the setting belongs to the thread
        read = [self._read(text) for text in texts]
        usage = Usage(prompt_tokens=sum(tokens for tokens, _ in read), completion_tokens=0)
        return Embeddings(
            vectors=tuple(vector for _, vector in read),
            usage=usage,
            micro_dollars=_charge(usage, self._base.price),
            seconds=self._clock.seconds() - started,
        )

    def _read(self, text: str) -> tuple[int, tuple[float, ...]]:
        model, tokenizer, longest = self._loaded
        tokens = tokenizer(text, truncation=True, max_length=longest)["input_ids"]
        if not tokens:
            return 0, (0.0,) * model.config.get_text_config().hidden_size
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
        pooled = states[0] if self._first else states.float().mean(dim=0)
        return len(tokens), tuple(pooled.float().tolist())

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        with refused_as(_unusable, self._folder):
            tokenizer: Any = AutoTokenizer.from_pretrained(self._folder, trust_remote_code=False)
            with LOADING:
                model: Any = AutoModel.from_pretrained(
                    self._folder, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
                )
        trained = getattr(model.config.get_text_config(), "max_position_embeddings", LONGEST)
        return model.eval(), tokenizer, min(trained, tokenizer.model_max_length, LONGEST)


def _unusable(folder: Path, reason: str) -> InputError:
    return InputError(
        f"the model folder {str(folder)!r} cannot be loaded for embeddings: {reason}. "
        "It must hold a model that Transformers knows without remote code."
    )


def _charge(usage: Usage, price: ModelPrice | None) -> int | None:
    """Micro-dollars, rounded up; None where there is no price."""
    return None if price is None else -(-usage.prompt_tokens * price.prompt // 1_000_000)
