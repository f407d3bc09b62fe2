"""Learn a router: one linear classifier per query type against all the others.

The squared hinge, minimised in the dual form over the inner products of the messages, because
there are fewer messages than features: what is learned stays a sum of messages. Full-batch steps
with Nesterov's momentum from zero, so the same items give the same weights without a random source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from escalera.arrays import np
from escalera.core.routing import calibration, features, rows, sense
from escalera.core.routing.features import Places
from escalera.core.routing.router import Router
from escalera.core.routing.rows import Rows, Table
from escalera.core.routing.sense import Sense, Sensed
from escalera.core.stats import paired
from escalera.core.stats.clustering import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 80
FOLDS = 5
SHARES = (0.25, 0.5, 0.75)
"""The shares of the features that embeddings may be given."""
_FOLDED = 30_000
"""Items x types up to which all folds are learned; beyond, one fold tells enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The first `most` items of each type are learned from; `penalty` weighs the weights' length.

    The more of the labels is chance, the more penalty: it was chosen on messages that nothing else
    was measured on (`dev/LOG.md`).
    """

    most: int = 400
    penalty: float = 0.3


TYPES = Terms()
"""For query types, which messages tell nearly without doubt."""


def fit(
    types: tuple[str, ...],
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    strangers: Sequence[str] = (),
    terms: Terms = TYPES,
    sensed: Sensed | None = None,
) -> Router:
    """Learn a router from texts and their query types.

    *terms* bound what is learned, and from how much. `strangers` are messages of no type, if any
    are known: other tasks' messages, or generic ones. They speak against every type. Probabilities
    are calibrated on scores of items that were left out in turn. Where *sensed* has a share of the
    features, and then an embedding of every text, messages are read by these too. Raises ValueError
    when a type has no texts.
    """
    chosen = _chosen(types, texts, labels, terms.most)
    read = [texts[place] for place in chosen] + list(strangers)
    wanted = _wanted(types, [labels[place] for place in chosen] + [""] * len(strangers))
    held = rows.read(read)
    kernel = _ngrams(held, terms.penalty)
    dense = None
    if sensed is not None and sensed.share > 0:
        table = sensed.table(read)
        middle = sense.centre(table)
        dense = sense.centred(table, middle)
        kernel = _mixed(kernel, dense, sensed.share)
    learned = _learned(kernel, wanted, np.ones((1, len(wanted)), np.bool_))[0]
    parted = _out_of_fold(kernel, wanted)
    router = Router(
        types=types,
        slots=features.slots(held.buckets),
        rarity=np.concatenate(([np.float32(held.unseen)], held.rarity)),
        weights=_both(held, wanted, learned.duals),
        biases=learned.biases,
        scale=calibration.scale(parted.scores, parted.likeness, parted.wanted),
    )
    if sensed is None or dense is None:
        return router
    member = wanted.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->j", member, kernel.gram @ member))
    apart = dense.T @ learned.duals
    means = dense.T @ (member / np.maximum(lengths, np.float32(1e-6)))
    return replace(
        router,
        weights=_lessened(router.weights, held, member, lengths, sensed.share),
        sense=Sense(
            model=sensed.model,
            revision=sensed.revision,
            centre=middle,
            weights=np.concatenate((apart, means), axis=1) * np.float32(sensed.share),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The share of the features that embeddings are to have, and what they add.

    `gain` is the share of items told right that they add to n-grams alone, among `items` (of so
    many `clusters`) that were left out in turn; `share` is 0 where its interval includes 0. None
    where no item could be left out.
    """

    share: float
    gain: Interval | None
    items: int = 0
    clusters: int = 0


def weigh(
    texts: Sequence[str],
    labels: Sequence[str],
    sensed: Sensed,
    *,
    clusters: Sequence[str] | None = None,
    terms: Terms = TYPES,
    alpha: float = 0.05,
) -> Weighed:
    """Whether embeddings help, and with which of `SHARES`: reading one takes time and money.

    The shares are tried on the same items, left out in the same folds; the best is held against
    n-grams alone with *alpha* divided among them.
    """
    if not texts:
        return Weighed(share=0.0, gain=None)
    types = tuple(dict.fromkeys(labels))
    chosen = _chosen(types, texts, labels, terms.most)
    read = [texts[place] for place in chosen]
    wanted = _wanted(types, [labels[place] for place in chosen])
    plain = _ngrams(rows.read(read), terms.penalty)
    table = sensed.table(read)
    dense = sense.centred(table, sense.centre(table))
    before = _out_of_fold(plain, wanted)
    if not len(before.scores):
        return Weighed(share=0.0, gain=None)
    held = None if clusters is None else [clusters[chosen[place]] for place in before.places]
    found = []
    for share in SHARES:
        after = _out_of_fold(_mixed(plain, dense, share), wanted)
        gain = paired.interval(_right(after), _right(before), held, alpha=alpha / len(SHARES))
        found.append((gain.estimate, -share, gain))
    _, negative, gain = max(found, key=lambda one: one[:2])
    items = len(before.places)
    return Weighed(
        share=-negative if gain.lower > 0 else 0.0,
        gain=gain,
        items=items,
        clusters=items if held is None else len(set(held)),
    )


# Below: private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """Duals (items x types) and biases (types); the weights are rows' values times duals."""

    duals: Table
    biases: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parted:
    """What was said of items that were left out: margins and likeness, (items x types).

    `places` are those of the items among all.
    """

    scores: Table
    likeness: Table
    wanted: NDArray[np.bool_]
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kernel:
    """The inner products of the items, a bound of their largest eigenvalue, and the penalty."""

    gram: Table
    largest: float
    penalty: float


def _ngrams(held: Rows, penalty: float) -> _Kernel:
    gram = rows.gram(held)
    return _Kernel(gram=gram, largest=_largest_eigenvalue(gram), penalty=penalty)


def _mixed(plain: _Kernel, dense: Table, share: float) -> _Kernel:
    """The inner products where embeddings have a share of the squared length."""
    part = np.float32(share)
    return _Kernel(
        gram=(1 - part) * plain.gram + part * (dense @ dense.T),
        largest=(1 - share) * plain.largest + share * sense.largest_eigenvalue(dense),
        penalty=plain.penalty,
    )


def _lessened(weights: Table, held: Rows, member: Table, lengths: Table, share: float) -> Table:
    """The n-grams' weights beside embeddings: less, and cosines by the length of both together."""
    found = weights * np.float32(1 - share)
    alone = np.linalg.norm(rows.weights(held, member), axis=0)
    found[:, member.shape[1] :] *= alone / np.maximum(lengths, np.float32(1e-6))
    return found


def _right(parted: _Parted) -> list[float]:
    """1 for each item that was told right, else 0."""
    told = parted.scores.argmax(axis=1)
    right = parted.wanted[np.arange(len(told)), told]
    return [float(one) for one in right]


def _wanted(types: tuple[str, ...], labels: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[label == name for name in types] for label in labels])


def _chosen(
    types: tuple[str, ...], texts: Sequence[str], labels: Sequence[str], most: int
) -> list[int]:
    """The places of the first `most` texts of each type, type by type."""
    missing = set(types) - set(labels)
    if missing:
        raise ValueError(
            f"no training items for {sorted(missing)!r}: a router needs `train` items of every "
            "task; add some, or set query_type = 'declared'"
        )
    of_type: dict[str, list[int]] = {name: [] for name in types}
    for place, (_, label) in enumerate(zip(texts, labels, strict=True)):
        if label in of_type and len(of_type[label]) < most:
            of_type[label].append(place)
    return [place for places in of_type.values() for place in places]


def _learned(kernel: _Kernel, wanted: NDArray[np.bool_], used: NDArray[np.bool_]) -> list[_Learned]:
    """One solution per row of `used`, (solutions x items): which items it may learn from."""
    gram = kernel.gram
    signs = np.where(wanted, 1.0, -1.0).astype(np.float32)
    rate = 1 / (2.1 * kernel.largest + kernel.penalty)
    counts = used.sum(axis=1)
    shape = (len(gram), len(used) * signs.shape[1])
    signs = np.tile(signs, (1, len(used)))
    mask = np.repeat(used.T, signs.shape[1] // len(used), axis=1).astype(np.float32)
    bias_rate = np.repeat(rate * _pull(kernel) / counts, signs.shape[1] // len(used))
    bias_rate = bias_rate.astype(np.float32)
    duals, biases = np.zeros(shape, np.float32), np.zeros(shape[1], np.float32)
    ahead, ahead_bias, pace = duals, biases, 1.0
    for step in range(1, STEPS + 1):
        short = np.maximum(0, 1 - signs * (gram @ ahead + ahead_bias)) * mask
        slope = -2 * signs * short
        new = ahead - np.float32(rate) * (slope + np.float32(kernel.penalty) * ahead)
        new_bias = ahead_bias - bias_rate * slope.sum(axis=0)
        further = 1.0 if step % (STEPS // 2) == 0 else (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        momentum = np.float32((pace - 1) / further if further > 1 else 0)
        ahead = new + momentum * (new - duals)
        ahead_bias = new_bias + momentum * (new_bias - biases)
        duals, biases, pace = new, new_bias, float(further)
    parts = np.split(np.arange(shape[1]), len(used))
    return [_Learned(duals=duals[:, part], biases=biases[part]) for part in parts]


def _pull(kernel: _Kernel) -> float:
    """How much of the curvature the biases may add, times the items.

    Weights and biases step at once, so it is their joint curvature that the rate has to bear:
    2 (largest + this) + penalty, of which Nesterov's steps bear 4/3 of what the rate allows.
    """
    return 0.4 * kernel.largest + kernel.penalty / 6


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


def _out_of_fold(kernel: _Kernel, wanted: NDArray[np.bool_]) -> _Parted:
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
        nobody = np.zeros(0, np.intp)
        return _Parted(scores=empty, likeness=empty, wanted=wanted[:0], places=nobody)
    gram, found = kernel.gram, _learned(kernel, wanted, ~left)
    scores, likeness, truth = [], [], []
    for out, one in zip(left, found, strict=True):
        scores.append(gram[out] @ one.duals + one.biases)
        likeness.append(_likeness(gram, wanted, ~out)[out])
        truth.append(wanted[out])
    return _Parted(
        scores=np.concatenate(scores),
        likeness=np.concatenate(likeness),
        wanted=np.concatenate(truth),
        places=np.concatenate([np.flatnonzero(out) for out in left]),
    )
