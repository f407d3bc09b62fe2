"""Keys and values of rows that join and leave: places on shelves, each for rows of about one size.

A row gets a place that is long enough for all that it may ever say, so it is never moved out of the
way or computed twice. A shelf holds places of one length (a power of two), so a short row does not
pay for a long neighbour; all shelves together hold at most as many tokens as they are given.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import torch

SMALLEST = 64
"""Tokens of the shortest places: fewer lengths mean fewer calls of the attention."""
_SPARSE = 0.25
"""Rows are moved together once this share of a shelf's used places is empty: an empty place costs
a row of every attention, moving costs a copy of the row."""

Pair = tuple[torch.Tensor, torch.Tensor]


class Place:
    """Where the keys and values of one row are; `number` may change between two steps."""

    __slots__ = ("number", "shelf")

    def __init__(self, shelf: Shelf, number: int) -> None:
        self.shelf = shelf
        self.number = number


class Shelf:
    """Places of `size` tokens; for each layer keys and values of shape (room, heads, size, width).

    `room` is how many places there are, `used` how many of the first hold all rows.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.room = 0
        self._places: list[Place | None] = []
        self._pairs: dict[int, Pair] = {}

    @property
    def used(self) -> int:
        """The places up to the last that is taken."""
        return len(self._places)

    @property
    def rows(self) -> int:
        """How many places are taken."""
        return sum(place is not None for place in self._places)

    def take(self) -> Place:
        """A free place; the shelf has one."""
        free = self._places.index(None) if None in self._places else len(self._places)
        assert free < self.room  # noqa: S101  `Shelves.place` made room
        if free == len(self._places):
            self._places.append(None)
        place = self._places[free] = Place(self, free)
        return place

    def leave(self, place: Place) -> None:
        """Free a place, and move rows together where many are free."""
        self._places[place.number] = None
        self._trim()
        if self.used - self.rows >= max(2, _SPARSE * self.used):
            self.compact()

    def compact(self) -> None:
        """Move the last rows to free places, so that no place between rows is free."""
        while None in self._places:
            last = self._places.pop()
            if last is not None:
                free = self._places.index(None)
                for keys, values in self._pairs.values():
                    keys[free].copy_(keys[last.number])
                    values[free].copy_(values[last.number])
                last.number = free
                self._places[free] = last
            self._trim()

    def resize(self, room: int) -> None:
        """Have *room* places, not fewer than are used; without the memory for it, as before."""
        pairs = {
            layer: (self._moved(keys, room), self._moved(values, room))
            for layer, (keys, values) in self._pairs.items()
        }
        self.room, self._pairs = room, pairs

    def pair(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> Pair:
        """Keys and values of a layer; made on first use after *keys* and *values* of a pass."""
        found = self._pairs.get(layer)
        if found is None:
            found = self._pairs[layer] = self._empty(keys), self._empty(values)
        return found

    def held(self, layer: int) -> Pair:
        """Keys and values of a layer that were made before."""
        return self._pairs[layer]

    def copy(self, source: Place, target: Place, tokens: int) -> None:
        """Give *target*, on whichever shelf, the first tokens that *source* has here."""
        for layer, (keys, values) in self._pairs.items():
            new_keys, new_values = target.shelf.pair(layer, keys, values)
            new_keys[target.number, :, :tokens] = keys[source.number, :, :tokens]
            new_values[target.number, :, :tokens] = values[source.number, :, :tokens]

    # Private

    def _trim(self) -> None:
        while self._places and self._places[-1] is None:
            self._places.pop()

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        # Zeros: what is masked is multiplied by zero, and must be a number.
        return like.new_zeros(self.room, like.shape[1], self.size, like.shape[3])

    def _moved(self, old: torch.Tensor, room: int) -> torch.Tensor:
        new = old.new_zeros(room, *old.shape[1:])
        new[: self.used] = old[: self.used]
        return new


class Shelves:
    """All shelves of one model. They hold at most *tokens* tokens, used or not."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._shelves: dict[tuple[Hashable, int], Shelf] = {}

    def __iter__(self) -> Iterator[Shelf]:
        return iter(self._shelves.values())

    @property
    def held(self) -> int:
        """Tokens for which memory is held."""
        return sum(shelf.room * shelf.size for shelf in self)

    def can_ever(self, tokens: int) -> bool:
        """Whether a row of so many tokens could be placed if it were alone."""
        return size_for(tokens) <= self._tokens

    def place(self, tokens: int, kind: Hashable = None) -> Place | None:
        """A place for a row of so many tokens; None while others leave no room for it.

        Rows of one *kind* run together, and have shelves of their own.
        """
        size = size_for(tokens)
        shelf = self._shelves.setdefault((kind, size), Shelf(size))
        if shelf.rows == shelf.room and not self._widen(shelf):
            return None
        return shelf.take()

    # Private

    def _widen(self, shelf: Shelf) -> bool:
        """Give a full shelf more places, taking them from others where it must be."""
        if self._tokens - self.held < shelf.size:
            for key, other in list(self._shelves.items()):
                other.compact()
                if other.room > other.used:
                    other.resize(other.used)
                if other is not shelf and not other.room:
                    del self._shelves[key]
        more = min(max(shelf.room, 1), (self._tokens - self.held) // shelf.size)
        if more:
            shelf.resize(shelf.room + more)
        return more > 0


def size_for(tokens: int) -> int:
    """The length of the place that a row of so many tokens gets."""
    return max(SMALLEST, 1 << (tokens - 1).bit_length())
