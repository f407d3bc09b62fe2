"""A causal language model in this process: chat text to tokens and back, adapters on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from escalera.domain.message import Message
from escalera.edges.providers import model_files
from escalera.edges.providers.adapters import LOADING, Adapters
from escalera.edges.providers.chat_text import ChatText
from escalera.edges.providers.decoding import Batch, Row
from escalera.edges.providers.grammar import Grammars, Guide
from escalera.errors import AdapterUnusable, EvidenceMissing, InputError, RequestRejected


class LocalModel:
    """A loaded model folder. Not thread-safe: which adapter is active is state of the model."""

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        adapters: Callable[[str], Path],
        max_context: int | None,
        device: str,
    ) -> None:
        model_files.check(folder)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._name = name
        self._folder = adapters
        with LOADING:
            self._model, self._tokenizer = _load(folder, device)
        self._chat = ChatText(name=name, tokenizer=self._tokenizer)
        self._adapters = Adapters(self._model, self.prompt)
        self._grammars: Grammars | None = None
        self._stops = stop_tokens(self._model, self._tokenizer)
        trained = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        known = [length for length in (max_context, trained) if length is not None]
        self.context: int | None = min(known, default=None)

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens of the conversation, ending where the answer begins. Raises `RequestRejected`."""
        return self._chat.prompt(messages)

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say; marks of turns are left out."""
        return self._chat.text(tokens)

    def guide(self, schema: str) -> Guide:
        """What keeps one answer to *schema*. Raises `RequestRejected` where that cannot be done."""
        try:
            if self._grammars is None:
                width = self._model.config.get_text_config().vocab_size
                self._grammars = Grammars(self._tokenizer, stops=self._stops, width=width)
            return self._grammars.guide(schema)
        except InputError as error:
            raise RequestRejected(str(error), provider=self._name) from error

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Rows to be decoded together."""
        return Batch(rows, stops=self._stops, pad=min(self._stops))

    def step(self, batch: Batch, adapter: str | None) -> None:
        """Add one token to every unfinished row, answering with the adapter (None: the base)."""
        self._use(adapter)
        batch.step(self._model)

    def _use(self, adapter: str | None) -> None:
        try:
            self._adapters.use(adapter, lambda: self._folder(adapter or ""))
        except (EvidenceMissing, InputError, OSError, RuntimeError, ValueError) as error:
            raise AdapterUnusable(
                f"the adapter {adapter!r} cannot be used with this model: {error}",
                provider=self._name,
                hint="Restore its folder from a copy, or train it for this model.",
            ) from error


def stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation configuration and of the tokenizer.

    `escalera.edges.training.lessons` teaches the same tokens; a contract test holds them together.
    """
    declared = model.generation_config.eos_token_id
    stops = {declared} if isinstance(declared, int) else set(declared or ())
    return frozenset(stops | ({tokenizer.eos_token_id} - {None}))


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    kind = torch.float32 if device == "cpu" else "auto"
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, dtype=kind
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(
            f"the model folder {str(folder)!r} cannot be loaded: {error}. "
            "It must hold a causal language model that Transformers knows without remote code."
        ) from error
    if not stop_tokens(model, tokenizer):
        raise InputError(
            f"the model folder {str(folder)!r} names no token that ends an answer. "
            "Set eos_token_id in generation_config.json."
        )
    model.to(device).eval()
    return model, tokenizer
