"""Retrieval without a library or a model, for tests of projects.

BM25, slow and obvious, is the reference for the library and the search of simulated climbs:
Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with the
inverse document frequency of Lucene, which is never negative.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from escalera.core.data import wording
from escalera.domain.message import Embeddings, Usage
from escalera.ports import Retrieval, Search

K1 = 1.2
B = 0.75
BUCKETS = 64


def scores(texts: Sequence[str], query: str) -> list[float]:
    """The BM25 score of every text; a word that a query repeats counts each time."""
    documents = [wording.words(text) for text in texts]
    mean = sum(map(len, documents)) / len(documents) if documents else 0.0
    found = []
    for document in documents:
        total = 0.0
        for word in wording.words(query):
            count = document.count(word)
            if count:
                holding = sum(word in other for other in documents)
                rarity = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                total += rarity * count / (count + K1 * (1 - B + B * len(document) / mean))
        found.append(total)
    return found


def index(texts: Sequence[str]) -> Search:
    """Search over *texts*: their places, best first, without those that share no word."""

    def search(query: str) -> Sequence[int]:
        found = scores(texts, query)
        best_first = sorted(range(len(texts)), key=lambda place: (-found[place], place))
        return [place for place in best_first if found[place] > 0]

    return search


def vector(text: str) -> tuple[float, ...]:
    """A text as counts of its words in hashed buckets: texts that share words are near."""
    counts = [0.0] * BUCKETS
    for word in wording.words(text):
        counts[zlib.crc32(word.encode()) % BUCKETS] += 1.0
    return tuple(counts)


class WordVectors:
    """An embedder without a model; `asked` keeps the batches, `closed` counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.closed = 0

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector per text; a word is a token and costs a micro-dollar."""
        self.asked.append(tuple(texts))
        words = sum(len(wording.words(text)) for text in texts)
        return Embeddings(
            vectors=tuple(vector(text) for text in texts),
            usage=Usage(prompt_tokens=words, completion_tokens=0),
            micro_dollars=words,
            seconds=0.0,
        )

    async def close(self) -> None:
        """Count the call; there is nothing to release."""
        self.closed += 1


def retrieval(embedder: WordVectors | None = None) -> Retrieval:
    """What a climb chooses with: the slow search, bytes for tokens, and *embedder*."""
    found = embedder or WordVectors()
    return Retrieval(
        index=index, count=lambda _: lambda text: len(text.encode()), embedder=lambda _: found
    )
