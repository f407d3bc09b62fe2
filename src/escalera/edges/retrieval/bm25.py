"""Search by words: BM25 with the library `bm25s`, which scores all queries from sparse columns.

Lucene's variant with its usual k1 = 1.2 and b = 0.75; ties keep the order of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import bm25s
import numpy as np

from escalera.core.data import wording
from escalera.ports import Search

K1 = 1.2
B = 0.75


def index(texts: Sequence[str]) -> Search:
    """Search over *texts*: their places, best first, without those that share no word."""
    tokens = [wording.words(text) for text in texts]
    known = {word for text in tokens for word in text}
    if not known:
        return lambda _: ()
    library = bm25s.BM25(k1=K1, b=B, method="lucene", dtype="float64")
    library.index(tokens, show_progress=False)

    def search(query: str) -> Sequence[int]:
        asked = [word for word in wording.words(query) if word in known]
        if not asked:
            return ()
        scores = np.asarray(library.get_scores(asked))
        best_first = np.argsort(-scores, kind="stable")
        return [int(place) for place in best_first[: int(np.count_nonzero(scores > 0))]]

    return search
