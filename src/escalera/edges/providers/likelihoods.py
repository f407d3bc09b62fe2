"""How likely the tokens of an answer were, told with its text: none before it, none beyond it."""

from __future__ import annotations

from escalera.domain.message import Piece, SaidToken
from escalera.edges.providers.decoding import Row, Weighed
from escalera.edges.providers.local_model import LocalModel
from escalera.edges.providers.spelling import Speller


class Likelihoods:
    """The tokens of one row as its text is spelled; nothing where the row does not ask for them.

    A token is told once all that it says is said: the bytes of the tokens told are the text, or its
    beginning where a stop text cuts a token in two. The mark that ends an answer is not told.
    """

    def __init__(self, model: LocalModel, row: Row) -> None:
        self._row = row
        self._likely = None if row.logprobs is None else model.vocabulary().likely
        self._told: list[SaidToken] = []

    def piece(self, text: str, speller: Speller) -> str | Piece:
        """The next *text*, which *speller* has said, with the tokens that end in it."""
        if self._likely is None:
            return text
        return Piece(text=text, tokens=self._next(speller.whole))

    def whole(self, speller: Speller) -> tuple[SaidToken, ...] | None:
        """All tokens of the answer at its end, which is where *speller* has stopped, if it has."""
        if self._likely is None:
            return None
        self._next(speller.whole if speller.stopped else len(self._row.answer))
        return tuple(self._told)

    def _next(self, end: int) -> tuple[SaidToken, ...]:
        """Tell the tokens up to *end*."""
        row, first = self._row, len(self._told)
        self._told += map(self._said, row.tokens[first:end], row.weighed[first:end])
        return tuple(self._told[first:])

    def _said(self, token: int, weighed: Weighed) -> SaidToken:
        assert self._likely is not None  # noqa: S101  only then anything is told
        logprob, *others = weighed
        return SaidToken(
            said=self._likely(token, logprob),
            likeliest=tuple(map(self._likely, *others)),
        )
