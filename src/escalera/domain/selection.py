"""What a prompt may choose anew for every query: worked examples, or passages of documents.

The events of choosing stand here as well; they are of the kind `escalera.domain.event.Event`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.identity import digest_of
from escalera.domain.message import Usage

SelectionKind = Literal["examples", "passages"]
SelectionOrder = Literal["nearest last", "nearest first"]
SearchMethod = Literal["bm25", "embedding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document.

    `id` is the source with the number of the piece ("docs/returns.md#3"); `source` the file as
    the project names it; `position` the number of its first word in the document, from 1.
    """

    id: str
    source: str
    position: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice that is made for every query by itself, from one pool.

    `method` is how entries of the pool are ranked, `embedder` the model of the project whose
    embeddings are compared (empty for BM25) and `revision` what identifies its weights. The best
    `count` are taken, the lowest-ranked are dropped until they are at most `tokens`, and they are
    shown in `order`. `tokenizer` is the revision of the local model whose tokenizer counts; where
    it is empty a byte counts as a token, which no tokenizer exceeds. `pool` is the digest of
    exactly what is chosen from.
    """

    kind: SelectionKind
    method: SearchMethod = "bm25"
    embedder: str = ""
    revision: str = ""
    count: int
    order: SelectionOrder
    tokens: int
    tokenizer: str = ""
    pool: str

    @property
    def digest(self) -> str:
        """Content hash of the selection."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The documents of a task, cut into passages, and how they are chosen from.

    The best `top` passages are shown, in at most `tokens`; each of `methods` is tried.
    """

    passages: tuple[Passage, ...]
    top: int
    tokens: int
    methods: tuple[SearchMethod, ...]
    _pool: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def pool(self) -> str:
        """Content hash of the passages."""
        found = self._pool
        if found is None:
            # Kept: it is asked for at every call.
            found = digest_of([*self.passages])
            object.__setattr__(self, "_pool", found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A selection chose its material for one item.

    `chosen` are ids of its pool in the order of the prompt, together `tokens`. `leaks` are the item
    in disguise, or share its cluster, and were kept out; `dropped` counts what did not fit.
    """

    selection: str
    item: str
    item_digest: str
    chosen: tuple[str, ...]
    leaks: tuple[str, ...]
    dropped: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Texts, by their digests, became vectors: the rows of the artifact `vectors`, in order."""

    model: str
    revision: str
    texts: tuple[str, ...]
    vectors: str
    usage: Usage
    micro_dollars: int | None
    seconds: float
