"""Models whose vocabularies differ: which row of each belongs to which token of the output."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.errors import MergeError

Rows = NDArray[np.int64]
_TABLES = re.compile(
    r"(^|\.)(embed_tokens|lm_head|wte|embed_in|embed_out|word_embeddings|tok_embeddings)\.(weight|bias)$"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """For every model and every row of the output, the row to read; -1 where it lacks the token.

    A token that a model lacks has the row of the owner, whose vocabulary the output takes.
    """

    owner: str
    rows: int
    places: Mapping[str, Rows]

    @property
    def digest(self) -> str:
        """Content hash."""
        whole = hashlib.sha256(f"{self.owner} {self.rows}".encode())
        for name in sorted(self.places):
            whole.update(name.encode() + self.places[name].astype("<i8").tobytes())
        return whole.hexdigest()


def is_vocabulary(name: str, shape: tuple[int, ...], rows: int) -> bool:
    """Whether a tensor has a row for every token of a vocabulary of *rows*."""
    return bool(shape) and shape[0] == rows and _TABLES.search(name) is not None


def of(
    models: Sequence[tuple[str, Mapping[str, int] | None, int]], *, owner: str, asked: str | None
) -> Alignment | None:
    """How to read (name, tokens, rows) of models in the owner's order; None where all are alike.

    A model without tokens is taken to have the owner's, if its tables have as many rows.

    Raises `MergeError` where they differ and nothing was *asked*, or what was cannot be done.
    """
    name, tokens, rows = next(model for model in models if model[0] == owner)
    others = [model for model in models if model[0] != owner]
    different = [
        other
        for other in others
        if other[2] != rows or (None not in (tokens, other[1]) and other[1] != tokens)
    ]
    if not different:
        return None
    other, theirs, count = different[0]
    if tokens is None or theirs is None:
        raise MergeError(
            f"the vocabularies of {name!r} ({rows} rows) and {other!r} ({count} rows) cannot be "
            f"compared: {name if tokens is None else other!r} has no tokenizer.json. "
            "Put the tokenizer beside the weights."
        )
    if asked is None:
        raise MergeError(_difference((name, tokens, rows), (other, theirs, count)))
    if asked == "union":
        raise MergeError(
            "tokenizer_source is 'union', and the vocabularies differ: a common tokenizer would "
            "have to be made, which is not supported. Set it to 'base' or to a model."
        )
    return Alignment(
        owner=owner,
        rows=rows,
        places={
            model: _places(tokens, rows, theirs or {}, count) for model, theirs, count in models
        },
    )


# Below: private.


def _places(tokens: Mapping[str, int], rows: int, theirs: Mapping[str, int], count: int) -> Rows:
    places = np.full(rows, -1, np.int64)
    for token, number in tokens.items():
        found = theirs.get(token, -1)
        if number < rows and 0 <= found < count:
            places[number] = found
    return places


def _difference(
    one: tuple[str, Mapping[str, int], int], two: tuple[str, Mapping[str, int], int]
) -> str:
    (name, tokens, rows), (other, theirs, count) = one, two
    only, alone = len(tokens.keys() - theirs.keys()), len(theirs.keys() - tokens.keys())
    moved = sum(1 for token in tokens.keys() & theirs.keys() if tokens[token] != theirs[token])
    return (
        f"the vocabularies differ: {name!r} has {only} tokens that {other!r} lacks, {other!r} has "
        f"{alone} that {name!r} lacks, {moved} have other numbers, and the tables have {rows} and "
        f"{count} rows. Set tokenizer_source to 'base' or to a model, whose vocabulary to take."
    )
