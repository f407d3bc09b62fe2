"""The messages that a router learns from, as sparse rows of length 1, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from escalera.arrays import np
from escalera.core.routing import features
from escalera.core.routing.features import Floats, Places

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMON = 64
"""Buckets in more rows than this are multiplied as dense columns, the others pair by pair."""
_BLOCK = 1 << 24
Table: TypeAlias = "NDArray[np.float32]"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """Values by row: those of row i stand from `starts[i]` to `starts[i + 1]`.

    `places` are columns of `buckets`, the buckets that occur, ascending. `rarity` weighs each
    (Sparck Jones 1972), `unseen` is the weight of all others.
    """

    buckets: Places
    rarity: Floats
    unseen: float
    starts: Places
    places: Places
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row_of_values(self) -> Places:
        """The row that each value stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def read(texts: Sequence[str]) -> Rows:
    """The rows of *texts*, each value (1 + log count) * (1 + log((1 + n) / (1 + rows with it)))."""
    pairs = [features.hashed(text) for text in texts]
    starts = np.concatenate(([0], np.cumsum([len(places) for places, _ in pairs]))).astype(np.intp)
    every = np.concatenate([places for places, _ in pairs])
    buckets, places = np.unique(every, return_inverse=True)
    n = len(texts)
    rarity = (1 + np.log((1 + n) / (1 + np.bincount(places)))).astype(np.float32)
    values = np.concatenate([values for _, values in pairs]) * rarity[places]
    rows = np.repeat(np.arange(n), np.diff(starts))
    lengths = np.sqrt(np.bincount(rows, weights=values.astype(np.float64) ** 2, minlength=n))
    return Rows(
        buckets=buckets,
        rarity=rarity,
        unseen=float(1 + np.log(1 + n)),
        starts=starts,
        places=places.astype(np.intp),
        values=(values / np.maximum(lengths, 1e-12)[rows]).astype(np.float32),
    )


def gram(rows: Rows) -> Table:
    """The inner product of every row with every row, (rows x rows)."""
    found = np.zeros((len(rows), len(rows)), np.float32)
    order = np.argsort(rows.places, kind="stable")
    where, values = rows.row_of_values()[order], rows.values[order]
    counts = np.bincount(rows.places, minlength=len(rows.buckets))
    begins = np.cumsum(counts) - counts
    _add_common(found, where, values, begins, counts)
    for many in range(1, COMMON + 1):
        columns = begins[counts == many]
        step = max(1, _BLOCK // (many * many))
        for at in range(0, len(columns), step):
            held = columns[at : at + step, None] + np.arange(many)
            owners, parts = where[held], values[held]
            cells = (owners[:, :, None] * len(rows) + owners[:, None, :]).ravel()
            np.add.at(found.ravel(), cells, (parts[:, :, None] * parts[:, None, :]).ravel())
    return found


def weights(rows: Rows, duals: Table) -> Table:
    """The columns' weights, (buckets x types): the sum of the duals of the rows that have them."""
    found = np.zeros((len(rows.buckets), duals.shape[1]), np.float32)
    order = np.argsort(rows.places, kind="stable")
    where, values = rows.row_of_values()[order], rows.values[order]
    counts = np.bincount(rows.places, minlength=len(rows.buckets))
    ends = np.cumsum(counts)
    width = max(1, _BLOCK // duals.shape[1])
    first = 0
    while first < len(counts):
        start = ends[first] - counts[first]
        last = max(first + 1, int(np.searchsorted(ends, start + width, side="right")))
        held = slice(start, ends[last - 1])
        parts = values[held, None] * duals[where[held]]
        begins = (ends[first:last] - counts[first:last]) - start
        found[first:last] = np.add.reduceat(parts, begins, axis=0)
        first = last
    return found


# Below: private.


def _add_common(
    found: Table, where: Places, values: Floats, begins: Places, counts: Places
) -> None:
    """Add the products of the columns that many rows have."""
    columns = np.flatnonzero(counts > COMMON)
    width = max(1, _BLOCK // max(1, len(found)))
    for at in range(0, len(columns), width):
        some = columns[at : at + width]
        block = np.zeros((len(found), len(some)), np.float32)
        for column, place in enumerate(some):
            held = slice(begins[place], begins[place] + counts[place])
            block[where[held], column] = values[held]
        found += block @ block.T
