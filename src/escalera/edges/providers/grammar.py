"""Grammars that leave a model no token but those that keep its answer to a JSON Schema.

llguidance computes which tokens may follow; here it is put to use row by row, and an answer that
nears its limit is brought to its end, so that it is valid wherever the limit leaves room for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from escalera.edges.providers import bounded_schema, vocabulary
from escalera.errors import InputError

OPTIONS: Any = {"whitespace_pattern": " ?"}
"""One space or none between the parts of JSON: a model keeps the habit that it was trained with,
and cannot fill its answer with white space."""
LONGEST = 2048
"""Tokens in which the shortest answer to a schema is looked for."""
SPARE = 32
"""Tokens by which one token may lengthen the shortest ending: nearer to the limit it is looked at
after every token."""


class Grammars:
    """Makes guides for one tokenizer; a schema is compiled once. Not thread-safe."""

    def __init__(self, tokenizer: Any, *, stops: Iterable[int], width: int) -> None:
        """*stops* end an answer, *width* is how many logits the model gives."""
        try:
            self._tokens = vocabulary.readable(tokenizer, stops=stops, width=width)
        except ValueError as error:
            raise InputError(
                f"constrained decoding cannot read the tokenizer of this model: {error}. "
                "Use another output mode, or a model with a tokenizer.json."
            ) from error
        self._width = width
        self._ranks = _ranks(self._tokens, width)
        self._compiled: dict[str, tuple[LLMatcher, int]] = {}

    def guide(self, schema: str) -> Guide:
        """A guide at the beginning of an answer. Raises `InputError` for a schema it cannot keep.

        *schema* is JSON text; keywords that the grammar lacks are an error, never left out.
        """
        found = self._compiled.get(schema)
        if found is None:
            narrow = bounded_schema.narrowed(json.loads(schema))
            grammar = LLMatcher.grammar_from_json_schema(narrow, overrides=OPTIONS)
            matcher = LLMatcher(self._tokens, grammar, log_level=0)
            if matcher.is_error():
                raise InputError(
                    f"the schema cannot be kept by constrained decoding: {_first_line(matcher)}. "
                    "Say it without that keyword, or use another output mode."
                )
            ending = _ending(matcher, self._ranks, LONGEST)
            found = self._compiled[schema] = (matcher, len(ending or ()))
        matcher, length = found
        stops = self._tokens.eos_tokens[:1]
        return Guide(matcher.deep_copy(), self._ranks, stops, length=length)


class Guide:
    """What one answer may still say."""

    def __init__(
        self, matcher: LLMatcher, ranks: NDArray[np.uint8], stops: Sequence[int], *, length: int
    ) -> None:
        self._matcher = matcher
        self._ranks = ranks
        self._stops = stops
        self._known: tuple[int, ...] | None = None
        self._length = length
        self._forced: Iterator[int] | None = None

    @property
    def cut(self) -> bool:
        """Whether the answer was brought to its end because of its limit."""
        return self._forced is not None

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may follow."""
        return _allowed(self._matcher, len(self._ranks))

    def settle(self, token: int, *, left: int) -> int:
        """Say *token*, which is allowed, or what the shortest ending wants; the token that is said.

        *left* is how many tokens may still be said, with this one.
        """
        if self._forced is None and not self._leaves_room(token, left):
            self._forced = iter((*(self._known or ()), *self._stops))
        if self._forced is not None:
            token = next(self._forced)
            self._matcher.consume_token(token)
        return token

    def _leaves_room(self, token: int, left: int) -> bool:
        """Take *token*, unless the answer could then not be ended, and before it can be."""
        if left > self._length + SPARE:
            self._matcher.consume_token(token)
            self._known = None
            return True
        before = self._known or _ending(self._matcher, self._ranks, left)
        self._matcher.consume_token(token)
        if self._matcher.is_stopped():
            return True
        after = before[1:] if before and before[0] == token else None
        after = after or _ending(self._matcher, self._ranks, left - 1)
        if after is None and before is not None:
            self._matcher.rollback(1)
            self._known = before
            return False
        self._known = after
        self._length = len(after or ())
        return True


# Below: private.


def _allowed(matcher: LLMatcher, width: int) -> NDArray[np.bool_]:
    mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(mask, bitorder="little")[:width].astype(np.bool_)


def _ending(matcher: LLMatcher, ranks: NDArray[np.uint8], most: int) -> tuple[int, ...] | None:
    """A short way to a whole answer in at most *most* tokens, by always closing what can be."""
    ahead = matcher.deep_copy()
    said: list[int] = []
    while not ahead.is_accepting():
        if len(said) == most:
            return None
        token = int(np.where(_allowed(ahead, len(ranks)), ranks, _NEVER).argmin())
        if not ahead.consume_token(token):
            return None
        said.append(token)
    return tuple(said)


_NEVER = np.uint8(255)
_CLOSING = frozenset(b'"}]')


def _ranks(tokens: LLTokenizer, width: int) -> NDArray[np.uint8]:
    """How soon a token brings an answer to its end, the lowest first.

    Closing signs, then what begins with a closing quote, a separator, and a digit with which a
    number may end (after a sign, a point or a zero it may not); of all others the longest, since
    what remains is prescribed there: names and constants.
    """
    ranks = np.empty(width, dtype=np.uint8)
    for token in range(width):
        text = tokens.decode_bytes([token])
        length = min(len(text), 30)
        if tokens.is_special_token(token) or not text:
            ranks[token] = 254
        elif _CLOSING.issuperset(text):
            ranks[token] = 40 - length
        elif text.startswith(b'"'):
            ranks[token] = 80 - length
        elif text[:1] in (b",", b":"):
            ranks[token] = 80 + length
        elif text.isdigit():
            ranks[token] = (111 if text.strip(b"0") == text else 150) + length
        else:
            late = text[:1].isspace() or text in (b"-", b".", b"+")
            ranks[token] = (250 if late else 180) - length
    return ranks


def _first_line(matcher: LLMatcher) -> str:
    return matcher.get_error().strip().splitlines()[0].rstrip(".")
