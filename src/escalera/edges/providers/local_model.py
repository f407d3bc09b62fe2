"""A causal language model in this process: chat text to tokens and back, adapters on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from escalera.domain.message import Message
from escalera.edges.model_loading import LOADING, refused_as
from escalera.edges.providers import model_files
from escalera.edges.providers.adapters import Adapters
from escalera.edges.providers.chat_text import ChatText
from escalera.edges.providers.decoding import Batch, Row
from escalera.edges.providers.grammar import Grammars, Guide
from escalera.edges.providers.vocabulary import Vocabulary
from escalera.errors import AdapterUnusable, EvidenceMissing, InputError, RequestRejected


class LocalModel:
    """A loaded model folder. Not thread-safe: which adapter is active is state of the model.

    `network` is the model itself, `width` how many tokens it knows, `stops` those that end an
    answer, and `context` how many tokens it holds, None where it does not say.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        adapters: Callable[[str], Path],
        max_context: int | None,
        device: str,
        dtype: str | None = None,
    ) -> None:
        """Load it; numbers are of *dtype*, or float32 on a CPU and else as the files say."""
        model_files.check(folder)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._name = name
        self._folder = adapters
        with LOADING:
            self.network, self._tokenizer = _load(folder, device, dtype)
        self._chat = ChatText(name=name, tokenizer=self._tokenizer)
        self._adapters = Adapters(self.network, self.prompt)
        self._grammars: Grammars | None = None
        self._vocabulary: Vocabulary | None = None
        self.stops = stop_tokens(self.network, self._tokenizer)
        trained = getattr(self.network.config.get_text_config(), "max_position_embeddings", None)
        self.width: int = self.network.config.get_text_config().vocab_size
        known = [length for length in (max_context, trained) if length is not None]
        self.context: int | None = min(known, default=None)

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens of the conversation, ending where the answer begins. Raises `RequestRejected`."""
        return self._known(self._chat.prompt(messages))

    def verbatim(self, text: str) -> tuple[int, ...]:
        """Tokens of *text* as it is. Raises `RequestRejected` where there are none."""
        return self._known(self._chat.verbatim(text))

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say; marks of turns are left out."""
        return self._chat.text(tokens)

    def guide(self, schema: str) -> Guide:
        """What keeps one answer to *schema*. Raises `RequestRejected` where that cannot be done."""
        try:
            if self._grammars is None:
                self._grammars = Grammars(self._tokenizer, stops=self.stops, width=self.width)
            return self._grammars.guide(schema)
        except InputError as error:
            raise RequestRejected(str(error), provider=self._name) from error

    def vocabulary(self) -> Vocabulary:
        """What single tokens write. Raises `RequestRejected` where that cannot be known."""
        try:
            if self._vocabulary is None:
                self._vocabulary = Vocabulary(self._tokenizer, stops=self.stops, width=self.width)
        except InputError as error:
            raise RequestRejected(str(error), provider=self._name) from error
        return self._vocabulary

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Rows to be decoded together."""
        return Batch(rows, stops=self.stops, pad=min(self.stops))

    def step(self, batch: Batch, adapter: str | None) -> None:
        """Add one token to every unfinished row, answering with the adapter (None: the base)."""
        self._use(adapter)
        batch.step(self.network)

    def _known(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens. Raises `RequestRejected` where the model lacks one that the tokenizer has."""
        if (highest := max(tokens, default=0)) < self.width:
            return tokens
        mark = self._tokenizer.convert_ids_to_tokens(highest)
        raise RequestRejected(
            f"the tokenizer's token {highest} ({mark!r}) is none of the model's, which knows "
            f"{self.width}.",
            provider=self._name,
            hint="Give the tokenizer that belongs to the model, or enlarge the model: "
            "`model.resize_token_embeddings(len(tokenizer))` of Transformers.",
        )

    def _use(self, adapter: str | None) -> None:
        try:
            self._adapters.use(adapter, lambda: self._folder(adapter or ""))
        except (EvidenceMissing, InputError, OSError, RuntimeError, ValueError) as error:
            raise AdapterUnusable(
                f"the adapter {adapter!r} cannot be used with this model: {error}",
                provider=self._name,
                hint="Restore its folder, or the model, from a copy, or train it anew.",
            ) from error


def stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation configuration and of the tokenizer.

    `escalera.edges.training.lessons` teaches the same tokens; a contract test holds them together.
    """
    declared = model.generation_config.eos_token_id
    stops = {declared} if isinstance(declared, int) else set(declared or ())
    return frozenset(stops | ({tokenizer.eos_token_id} - {None}))


def load_network(folder: Path, device: str, dtype: str | None) -> Any:
    """The model of a folder, for answering; numbers as in `LocalModel`. Hold `LOADING` meanwhile.

    Raises `InputError` where there is none.
    """
    kind = dtype or ("float32" if device == "cpu" else "auto")
    with refused_as(_unusable, folder):
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, dtype=kind
        )
    return network.to(device).eval()


# Below: private.


def _load(folder: Path, device: str, dtype: str | None) -> tuple[Any, Any]:
    with refused_as(_unusable, folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    network = load_network(folder, device, dtype)
    if not stop_tokens(network, tokenizer):
        raise InputError(
            f"the model folder {str(folder)!r} names no token that ends an answer. "
            "Set eos_token_id in generation_config.json."
        )
    return network, tokenizer


def _unusable(folder: Path, reason: str) -> InputError:
    return InputError(
        f"the model folder {str(folder)!r} cannot be loaded: {reason}. "
        "It must hold a causal language model that Transformers knows without remote code."
    )
