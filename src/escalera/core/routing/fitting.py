"""Learn a router: one linear classifier per query type against all the others.

The squared hinge, minimised in the dual form over the inner products of the messages, because
there are fewer messages than features: what is learned stays a sum of messages. Full-batch steps
with Nesterov's momentum from zero, so the same items give the same weights without a random source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.routing import calibration, features, rows
from escalera.core.routing.router import Router
from escalera.core.routing.rows import Rows, Table

STEPS = 80
PENALTY = 1.0
ITEMS_PER_TYPE = 400
FOLDS = 5
_FOLDED = 30_000
"""Items x types up to which all folds are learned; beyond, one fold tells enough."""


def fit(
    types: tuple[str, ...],
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    strangers: Sequence[str] = (),
    most: int = ITEMS_PER_TYPE,
) -> Router:
    """Learn a router from texts and their query types.

    The first `most` texts of each type are used. `strangers` are messages of no type, if any are
    known: other tasks' messages, or generic ones. They speak against every type. Probabilities are
    calibrated on scores of items that were left out in turn. Raises ValueError when a type has no
    texts.
    """
    chosen = _chosen(types, texts, labels, most)
    held = rows.read([text for text, _ in chosen] + list(strangers))
    labelled = [label for _, label in chosen] + [""] * len(strangers)
    wanted = np.array([[label == name for name in types] for label in labelled])
    gram = rows.gram(held)
    learned = _learned(gram, wanted, np.ones((1, len(wanted)), np.bool_))[0]
    parted = _out_of_fold(gram, wanted)
    return Router(
        types=types,
        slots=features.slots(held.buckets),
        rarity=np.concatenate(([np.float32(held.unseen)], held.rarity)),
        weights=_both(held, wanted, learned.duals),
        biases=learned.biases,
        scale=calibration.scale(parted.scores, parted.likeness, parted.wanted),
    )


# Below: private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """Duals (items x types) and biases (types); the weights are rows' values times duals."""

    duals: Table
    biases: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parted:
    """What was said of items that were left out: margins and likeness, (items x types)."""

    scores: Table
    likeness: Table
    wanted: NDArray[np.bool_]


def _chosen(
    types: tuple[str, ...], texts: Sequence[str], labels: Sequence[str], most: int
) -> list[tuple[str, str]]:
    missing = set(types) - set(labels)
    if missing:
        raise ValueError(
            f"no training items for {sorted(missing)!r}: a router needs `train` items of every "
            "task; add some, or set query_type = 'declared'"
        )
    of_type: dict[str, list[tuple[str, str]]] = {name: [] for name in types}
    for text, label in zip(texts, labels, strict=True):
        if label in of_type and len(of_type[label]) < most:
            of_type[label].append((text, label))
    return [pair for pairs in of_type.values() for pair in pairs]


def _learned(gram: Table, wanted: NDArray[np.bool_], used: NDArray[np.bool_]) -> list[_Learned]:
    """One solution per row of `used`, (solutions x items): which items it may learn from."""
    signs = np.where(wanted, 1.0, -1.0).astype(np.float32)
    rate = 1 / (2.1 * _largest_eigenvalue(gram) + PENALTY)
    counts = used.sum(axis=1)
    shape = (len(gram), len(used) * signs.shape[1])
    signs = np.tile(signs, (1, len(used)))
    mask = np.repeat(used.T, signs.shape[1] // len(used), axis=1).astype(np.float32)
    bias_rate = np.repeat(0.5 / counts, signs.shape[1] // len(used)).astype(np.float32)
    duals, biases = np.zeros(shape, np.float32), np.zeros(shape[1], np.float32)
    ahead, ahead_bias, pace = duals, biases, 1.0
    for step in range(1, STEPS + 1):
        short = np.maximum(0, 1 - signs * (gram @ ahead + ahead_bias)) * mask
        slope = -2 * signs * short
        new = ahead - np.float32(rate) * (slope + np.float32(PENALTY) * ahead)
        new_bias = ahead_bias - bias_rate * slope.sum(axis=0)
        further = 1.0 if step % (STEPS // 2) == 0 else (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        momentum = np.float32((pace - 1) / further if further > 1 else 0)
        ahead = new + momentum * (new - duals)
        ahead_bias = new_bias + momentum * (new_bias - biases)
        duals, biases, pace = new, new_bias, float(further)
    parts = np.split(np.arange(shape[1]), len(used))
    return [_Learned(duals=duals[:, part], biases=biases[part]) for part in parts]


def _largest_eigenvalue(gram: Table) -> float:
    """By power iteration; the entries are not negative, so a start of ones finds it."""
    vector = np.ones(len(gram), np.float32)
    length = 1.0
    for _ in range(20):
        vector = gram @ vector
        length = float(np.linalg.norm(vector)) or 1.0
        vector = vector / np.float32(length)
    return length


def _likeness(gram: Table, wanted: NDArray[np.bool_], used: NDArray[np.bool_]) -> Table:
    """The cosine of every item with the mean of each type's used items, (items x types)."""
    member = (wanted & used[:, None]).astype(np.float32)
    sums = gram @ member
    lengths = np.sqrt(np.einsum("ij,ij->j", member, sums))
    return np.asarray(sums / np.maximum(lengths, np.float32(1e-6)))


def _both(held: Rows, wanted: NDArray[np.bool_], duals: Table) -> Table:
    """Per bucket the margins' weights, then those of the types' mean directions."""
    member = wanted.astype(np.float32)
    means = rows.weights(held, member)
    means /= np.maximum(np.linalg.norm(means, axis=0), np.float32(1e-6))
    both = np.concatenate((rows.weights(held, duals), means), axis=1)
    return np.concatenate((np.zeros((1, both.shape[1]), np.float32), both))


def _out_of_fold(gram: Table, wanted: NDArray[np.bool_]) -> _Parted:
    """Every FOLDS-th item of each type is scored by what was learned from the others.

    A type with a single item is never left out: nothing else could teach it. Nor are strangers,
    which have no type to be told.
    """
    rank = (np.cumsum(wanted, axis=0) * wanted).sum(axis=1) - 1
    fit_to_leave = wanted[:, wanted.sum(axis=0) > 1].any(axis=1)
    folds = FOLDS if wanted.size <= _FOLDED else 1
    left = np.array([(rank % FOLDS == fold) & fit_to_leave for fold in range(folds)])
    left = left[left.any(axis=1)]
    if not len(left):
        empty = np.zeros((0, wanted.shape[1]), np.float32)
        return _Parted(scores=empty, likeness=empty, wanted=wanted[:0])
    found = _learned(gram, wanted, ~left)
    scores, likeness, truth = [], [], []
    for out, one in zip(left, found, strict=True):
        scores.append(gram[out] @ one.duals + one.biases)
        likeness.append(_likeness(gram, wanted, ~out)[out])
        truth.append(wanted[out])
    return _Parted(
        scores=np.concatenate(scores),
        likeness=np.concatenate(likeness),
        wanted=np.concatenate(truth),
    )
