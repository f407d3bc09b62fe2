"""The exact k-th smallest of very many numbers that cannot be held at once, without sorting.

Numbers that are not negative have the order of their bits. A small sample says between which two
values the wanted one lies almost surely; one pass counts what is above and keeps what is between;
a partial sort of that gives the exact value. Where the guess was wrong or would keep too much, two
passes of counting do: over the upper 16 bits, then over the lower ones. The result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint32]
Quantities = Callable[[], Iterator[Sequence[Bits]]]
"""Starts a pass: parts of every quantity, as bits of floats that are not negative."""

HELD = 1 << 22
"""Numbers between bounds that may be held, of all quantities together."""

_DEVIATIONS = 6.0  # more than chance needs: numbers that lie side by side are alike
_HALF = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The `rank`-th smallest (from 0) of a quantity (by its place) that has `size` numbers."""

    quantity: int
    rank: int
    size: int


def smallest(
    wanted: Sequence[Wanted], sample: Sequence[Bits], parts: Quantities, *, held: int = HELD
) -> list[int]:
    """The bits of each wanted number. *sample* holds some numbers of every quantity."""
    share = held // max(1, len(wanted))
    hunts = [_hunt(item, sample[item.quantity], share) for item in wanted]
    open_ = [hunt for hunt in hunts if hunt.low <= hunt.high]
    work, mask = np.empty(0, np.uint32), np.empty(0, np.bool_)
    if open_:
        for values in parts():
            work = np.empty_like(values[0]) if work.size != values[0].size else work
            mask = np.empty_like(work, np.bool_) if mask.size != work.size else mask
            for hunt in open_:
                hunt.see(values[hunt.wanted.quantity], work, mask)
    found = [hunt.found() for hunt in hunts]
    for place, item in enumerate(wanted):
        if found[place] is None:
            found[place] = _counted(item, parts)
    return [value for value in found if value is not None]


# Below: private.


@dataclass(slots=True)
class _Hunt:
    """What one pass has seen below, and between, two bounds (both belong to what is between)."""

    wanted: Wanted
    low: int
    high: int
    share: int
    below: int = 0
    held: int = 0
    between: list[Bits] = field(default_factory=list)

    def see(self, values: Bits, work: Bits, mask: NDArray[np.bool_]) -> None:
        """Count and keep what one part holds; *work* and *mask* are overwritten."""
        if self.held > self.share:
            return
        if self.low:
            self.below += int(np.count_nonzero(np.less(values, np.uint32(self.low), out=mask)))
        np.subtract(values, np.uint32(self.low), out=work)  # what is below becomes very large
        kept = values[np.less_equal(work, np.uint32(self.high - self.low), out=mask)]
        self.between.append(kept)
        self.held += len(kept)

    def found(self) -> int | None:
        """The bits of the wanted number, or None where it was not held."""
        place = self.wanted.rank - self.below
        if self.low > self.high or self.held > self.share or not 0 <= place < self.held:
            return None
        whole = np.concatenate(self.between)
        self.between.clear()
        whole.partition(place)
        return int(whole[place])


def _hunt(wanted: Wanted, sample: Bits, held: int) -> _Hunt:
    """Bounds from the sample; no bounds at all where it is known that they would hold too much."""
    if wanted.size <= held // 16:
        return _Hunt(wanted, 0, 0xFFFFFFFF, held)
    share = wanted.rank / wanted.size
    count = len(sample)
    spread = _DEVIATIONS * sqrt(max(share * (1 - share), 1 / count) / count)
    ordered = np.sort(sample)
    first, last = int((share - spread) * count) - 1, int((share + spread) * count) + 1
    low = int(ordered[first]) if first >= 0 else 0
    high = int(ordered[last]) if last < count else 0xFFFFFFFF
    inside = np.searchsorted(ordered, high, "right") - np.searchsorted(ordered, low)
    few = inside / count * wanted.size < held
    return _Hunt(wanted, low, high, held) if few else _Hunt(wanted, 1, 0, held)


def _counted(wanted: Wanted, parts: Quantities) -> int:
    """By counting over the upper half of the bits, then over the lower half of those alike."""
    upper = np.zeros(_HALF, np.int64)
    for values in parts():
        upper += np.bincount(values[wanted.quantity] >> 16, minlength=_HALF)
    ends = np.cumsum(upper)
    head = int(np.searchsorted(ends, wanted.rank, "right"))
    rank = wanted.rank - int(ends[head] - upper[head])
    lower = np.zeros(_HALF, np.int64)
    for values in parts():
        part = values[wanted.quantity]
        alike = part[(part >> 16) == head]
        lower += np.bincount(alike & 0xFFFF, minlength=_HALF)
    return head << 16 | int(np.searchsorted(np.cumsum(lower), rank, "right"))
