"""The router: which query type a message is, learned from the tasks' own `train` items.

Multinomial logistic regression on hashed character n-grams (3 to 5) and words. Fitting is
full-batch gradient descent with Nesterov momentum from zero weights, so the same items give the
same weights, bit for bit, without a random source.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BUCKETS = 4096
STEPS = 150
ITEMS_PER_TYPE = 400
PENALTY = 1e-4
NGRAMS = (3, 4, 5)
LONGEST = 2000
FEATURES = f"crc32-{BUCKETS}-char{NGRAMS[0]}to{NGRAMS[-1]}-word"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Router:
    """Weights (types x BUCKETS) and biases (types) over the hashed features of a message."""

    types: tuple[str, ...]
    weights: Floats
    biases: Floats

    def infer(self, text: str) -> str:
        """The most probable query type of *text*."""
        return self.types[int(np.argmax(self.probabilities(text)))]

    def probabilities(self, text: str) -> Floats:
        """One probability per type, in the order of `types`."""
        index, value = features(text)
        logits = self.weights[:, index] @ value + self.biases
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum())


def fit(types: tuple[str, ...], texts: Sequence[str], labels: Sequence[str]) -> Router:
    """Learn a router from texts and their query types.

    The first `ITEMS_PER_TYPE` texts of each type are used, and each type weighs the same, however
    many it has. Raises ValueError when a type has none.
    """
    missing = set(types) - set(labels)
    if missing:
        raise ValueError(
            f"no training items for {sorted(missing)!r}: a router needs `train` items of every "
            "task; add some, or set query_type = 'declared'"
        )
    chosen = [
        pair
        for name in types
        for pair in [p for p in zip(texts, labels, strict=True) if p[1] == name][:ITEMS_PER_TYPE]
    ]
    matrix = np.zeros((len(chosen), BUCKETS))
    for row, (text, _) in enumerate(chosen):
        index, value = features(text)
        matrix[row, index] = value
    wanted = np.array([[float(label == name) for name in types] for _, label in chosen])
    balance = wanted @ (len(chosen) / (len(types) * wanted.sum(axis=0)))
    weights, biases = _descend(matrix, wanted, balance[:, None] / len(chosen))
    return Router(types=types, weights=weights, biases=biases)


def to_files(router: Router) -> dict[str, bytes]:
    """The router as plain arrays and JSON, by file name: no pickle, the same bytes every time."""
    return {
        "router.json": json.dumps({"types": router.types, "features": FEATURES}).encode(),
        "weights.npy": _array_bytes(router.weights),
        "biases.npy": _array_bytes(router.biases),
    }


def from_files(files: Mapping[str, bytes]) -> Router:
    """The router that `to_files` wrote. Raises ValueError for files of other features."""
    described = json.loads(files["router.json"])
    if described["features"] != FEATURES:
        raise ValueError(
            f"the router was learned on features {described['features']!r}, this version computes "
            f"{FEATURES!r}: climb again to learn it anew"
        )
    return Router(
        types=tuple(described["types"]),
        weights=np.load(io.BytesIO(files["weights.npy"]), allow_pickle=False),
        biases=np.load(io.BytesIO(files["biases.npy"]), allow_pickle=False),
    )


@lru_cache(maxsize=4096)
def features(text: str) -> tuple[NDArray[np.intp], Floats]:
    """Buckets and values of a message: 1 + log count per n-gram, scaled to length 1."""
    folded = f" {' '.join(text[:LONGEST].casefold().split())} "
    grams = [folded[i : i + n] for n in NGRAMS for i in range(len(folded) - n + 1)]
    grams += [f"w:{word}" for word in folded.split()]
    hashed = np.array([zlib.crc32(gram.encode()) % BUCKETS for gram in grams], dtype=np.intp)
    index, counts = np.unique(hashed, return_counts=True)
    value = 1 + np.log(counts)
    norm = float(np.sqrt(value @ value))
    return index, value / norm if norm else value


def _array_bytes(array: Floats) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    return held.getvalue()


def _descend(matrix: Floats, wanted: Floats, importance: Floats) -> tuple[Floats, Floats]:
    """Minimise the weighted cross-entropy plus PENALTY * |weights|^2 / 2."""
    weights = np.zeros((wanted.shape[1], matrix.shape[1]))
    biases = np.zeros(wanted.shape[1])
    ahead, ahead_bias = weights, biases
    rate = 4.0  # rows have length 1, so the curvature is at most 1/2 plus the bias's part
    for step in range(STEPS):
        logits = matrix @ ahead.T + ahead_bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (odds / odds.sum(axis=1, keepdims=True) - wanted) * importance
        new = ahead - rate * (error.T @ matrix + PENALTY * ahead)
        new_bias = ahead_bias - rate * error.sum(axis=0) * 0.25
        momentum = step / (step + 3)
        ahead, ahead_bias = (
            new + momentum * (new - weights),
            new_bias + momentum * (new_bias - biases),
        )
        weights, biases = new, new_bias
    return weights, biases
