"""What single tokens of a tokenizer write, byte for byte.

A token may be a part of a character, so its text is not what decoding it alone gives. llguidance
knows the bytes of every token, whichever way a tokenizer spells them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer

from escalera.domain.message import Likely
from escalera.errors import InputError

LEAST = -9999.0
"""What is told of a probability whose logarithm is below it, or that is none: JSON has no
infinity, and OpenAI's servers tell this number."""


def readable(tokenizer: Any, *, stops: Iterable[int], width: int) -> LLTokenizer:
    """The bytes of all tokens; *stops* end an answer, *width* is how many logits the model gives.

    Raises ValueError for a tokenizer that cannot be read.
    """
    return from_tokenizer(tokenizer, n_vocab=width, eos_token=sorted(stops))


class Vocabulary:
    """Spells the tokens of one tokenizer, each once."""

    def __init__(self, tokenizer: Any, *, stops: Iterable[int], width: int) -> None:
        """Raises `InputError` for a tokenizer that cannot be read."""
        try:
            self._tokens = readable(tokenizer, stops=stops, width=width)
        except ValueError as error:
            raise InputError(
                f"the bytes of this model's tokens are not known: {error}. "
                "Leave logprobs out, or use a model with a tokenizer.json."
            ) from error
        self._tokenizer = tokenizer
        self._known: dict[int, tuple[str, tuple[int, ...] | None]] = {}

    def likely(self, token: int, logprob: float) -> Likely:
        """*token* with how likely it was, as a natural logarithm."""
        found = self._known.get(token)
        if found is None:
            found = self._known[token] = self._spelled(token)
        text, written = found
        return Likely(text=text, written=written, logprob=max(LEAST, logprob))

    def _spelled(self, token: int) -> tuple[str, tuple[int, ...] | None]:
        """How a token reads, and the bytes that it writes; None for a mark, which writes none."""
        if self._tokens.is_special_token(token):
            return str(self._tokenizer.convert_ids_to_tokens(token)), None
        written = self._tokens.decode_bytes([token])
        try:
            text = written.decode()
        except UnicodeDecodeError:  # a part of a character
            text = "".join(f"\\x{byte:02x}" for byte in written)
        return text, tuple(written)
