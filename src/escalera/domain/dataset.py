"""Examples of a task, and the purposes they are split for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from escalera.domain.identity import digest_of
from escalera.domain.message import Message, Query

Split = Literal["train", "search", "confirm", "golden"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One item: what a user writes, the right answer, and the cluster it shares luck with.

    `split` says what the item may be used for: `train` teaches, `search` chooses, `confirm` gives
    verdicts, `golden` calibrates judges. `cluster` names a customer, conversation or document; an
    item without one is its own cluster. `history` are the turns before the input, `fields` the
    facts that come with it, as in `Query`.
    """

    id: str
    task: str
    split: Split
    input: str
    target: str
    cluster: str
    history: tuple[Message, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    _digest: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def query(self) -> Query:
        """What is asked, without the answer."""
        return Query(input=self.input, history=self.history, fields=self.fields)

    @property
    def digest(self) -> str:
        """Content hash of the example."""
        found = self._digest
        if found is None:
            # Kept: evidence is looked up by it several times per call.
            found = digest_of(self)
            object.__setattr__(self, "_digest", found)
        return found


def in_order(examples: Iterable[Example], *, seed: int) -> tuple[Example, ...]:
    """The examples in the project's order.

    The order is a keyed hash of (seed, id): the same for every system, fixed before any result
    exists, and stable when data are appended (new items slip in, old ones keep their order).
    """
    return tuple(sorted(examples, key=lambda example: _rank(example.id, seed)))


def _rank(item: str, seed: int) -> bytes:
    return hashlib.blake2b(item.encode(), key=str(seed).encode(), digest_size=16).digest()
