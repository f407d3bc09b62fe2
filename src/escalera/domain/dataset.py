"""Examples of a task, and the purposes they are split for."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args, overload

from escalera.domain.identity import LATER, canonical, forgotten_digest_of
from escalera.domain.message import Message, Query

Split = Literal["train", "search", "confirm", "golden"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One item: what a user writes, the right answer, and the cluster it shares luck with.

    `split` says what the item may be used for: `train` teaches, `search` chooses, `confirm` gives
    verdicts, `golden` calibrates judges. `cluster` names a customer, conversation or document; an
    item without one is its own cluster. `history` are the turns before the input, `fields` the
    facts that come with it, as in `Query`. `rejected` is an answer that was turned down in favour
    of the target, or empty. `licence` and `source` say under which terms the item may be used and
    where it comes from, as far as the data say so; they are no part of the digest: what is known of
    an item's origin changes nothing that was measured on it.
    """

    id: str
    task: str
    split: Split
    input: str
    target: str
    cluster: str
    history: tuple[Message, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    rejected: str = field(default="", metadata=LATER)
    licence: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
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
            found = forgotten_digest_of(self)
            object.__setattr__(self, "_digest", found)
        return found


class Examples(Sequence[Example]):
    """Many examples at little more than their text; each is made anew when it is asked for.

    As objects they would take some four hundred bytes each. Parts (slices, splits, another order)
    share the text. Equal to other `Examples` that hold the same examples in the same order.
    """

    __slots__ = ("_at", "_hash", "_splits", "_store")

    def __init__(self, examples: Iterable[Example] = ()) -> None:
        self._hash: int | None = None
        self._splits: dict[Split, Examples] = {}
        self._store = _Store()
        for example in examples:
            self._store.append(example)
        self._at = array("I", range(len(self._store)))

    def __len__(self) -> int:
        return len(self._at)

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> Examples: ...

    def __getitem__(self, place: int | slice) -> Example | Examples:
        if isinstance(place, slice):
            return self._part(self._at[place])
        return self._store.example(self._at[place])

    def __iter__(self) -> Iterator[Example]:
        return map(self._store.example, self._at)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Examples):
            return NotImplemented
        return self._digests() == other._digests()

    def __hash__(self) -> int:
        if self._hash is None:  # a project is looked up by it at every step
            self._hash = hash(self._digests())
        return self._hash

    def __repr__(self) -> str:
        return f"Examples({[*self]!r})"

    def of(self, split: Split) -> Examples:
        """Those of one split."""
        if split not in self._splits:
            at = array("I", (n for n in self._at if self._store.split(n) == split))
            self._splits[split] = self._part(at)
        return self._splits[split]

    def in_order(self, *, seed: int) -> Examples:
        """The same examples in the project's order.

        The order is a keyed hash of (seed, id): the same for every system, fixed before any result
        exists, and stable when data are appended (new items slip in, old ones keep their order).
        """
        return self._part(
            array("I", sorted(self._at, key=lambda n: rank(self._store.name(n), seed=seed)))
        )

    def in_clusters(self, *, seed: int) -> Examples:
        """Cluster by cluster: clusters in the keyed order of their names, items in theirs.

        For readings to which a whole cluster is one step. A cluster's place must not depend on its
        size: were it that of its last item, small clusters would come first, and where they score
        unlike large ones a reading at any time would err. Without clusters this is `in_order`.
        """

        def place(n: int) -> tuple[bytes, bytes]:
            cluster, name = self._store.cluster(n), self._store.name(n)
            return rank(cluster, seed=seed), rank(name, seed=seed)

        return self._part(array("I", sorted(self._at, key=place)))

    def clusters(self) -> Iterator[str]:
        """The cluster of every example, in their order; none is made for it."""
        return map(self._store.cluster, self._at)

    def _part(self, at: array[int]) -> Examples:
        part = Examples()
        part._store, part._at = self._store, at
        return part

    def _digests(self) -> bytes:
        return b"".join(map(self._store.digest, self._at))


def rank(name: str, *, seed: int) -> bytes:
    """The place of *name* in the order that *seed* keys."""
    return hashlib.blake2b(name.encode(), key=str(seed).encode(), digest_size=16).digest()


# Below: private.

_Kind = tuple[str, Split, str, str]
"""What many examples share: task, split, licence and source."""
_MOST_KINDS = 2**16
"""As many as two bytes can tell apart."""


class _Store:
    """Examples in columns: their texts one behind the other, their digests as bytes."""

    def __init__(self) -> None:
        self._texts = bytearray()
        self._ends = array("I", [0])
        self._alone = bytearray()  # whether the cluster has the example's name
        self._digests = bytearray()
        self._kinds: dict[_Kind, int] = {}
        self._known: list[_Kind] = []
        self._kind = array("H")  # wider once there are that many

    def __len__(self) -> int:
        return len(self._kind)

    def append(self, example: Example) -> None:
        alone = example.cluster == example.id
        self._alone.append(alone)
        cluster = "" if alone else example.cluster
        for text in (example.id, example.input, example.target, cluster, _packed(example)):
            self._texts += text.encode()
            self._end(len(self._texts))
        self._digests += bytes.fromhex(example.digest)
        kind = (example.task, example.split, example.licence, example.source)
        if kind not in self._kinds:
            self._kinds[kind] = len(self._known)
            self._known.append(kind)
        if self._kinds[kind] == _MOST_KINDS and self._kind.typecode == "H":
            self._kind = array("I", self._kind)
        self._kind.append(self._kinds[kind])

    def _end(self, at: int) -> None:
        try:
            self._ends.append(at)
        except OverflowError:  # more than four gigabytes of text
            self._ends = array("Q", self._ends)
            self._ends.append(at)

    def example(self, n: int) -> Example:
        task, split, licence, source = self._known[self._kind[n]]
        name = self.name(n)
        example = Example(
            id=name,
            task=task,
            split=split,
            input=self._text(_TEXTS * n + 1),
            target=self._text(_TEXTS * n + 2),
            cluster=self.cluster(n),
            licence=licence,
            source=source,
            **_unpacked(self._text(_TEXTS * n + 4)),
        )
        object.__setattr__(example, "_digest", self.digest(n).hex())
        return example

    def name(self, n: int) -> str:
        return self._text(_TEXTS * n)

    def cluster(self, n: int) -> str:
        return self.name(n) if self._alone[n] else self._text(_TEXTS * n + 3)

    def split(self, n: int) -> Split:
        return self._known[self._kind[n]][1]

    def digest(self, n: int) -> bytes:
        return bytes(self._digests[_DIGEST * n : _DIGEST * (n + 1)])

    def _text(self, at: int) -> str:
        return self._texts[self._ends[at] : self._ends[at + 1]].decode()


_TEXTS = 5
"""Texts of an example: name, input, target, cluster, and what may come besides."""
_DIGEST = 32
"""Bytes of a digest."""


class _Context(TypedDict, total=False):
    """What may come besides; most examples have none of it."""

    history: tuple[Message, ...]
    fields: tuple[tuple[str, str], ...]
    rejected: str


def _packed(example: Example) -> str:
    """History, fields and what was rejected as JSON; empty where there is none of it."""
    if not (example.history or example.fields or example.rejected):
        return ""
    return canonical((example.history, example.fields, example.rejected)).decode()


def _unpacked(text: str) -> _Context:
    if not text:
        return {}
    turns, fields, rejected = json.loads(text)
    return {
        "history": tuple(Message(**turn) for turn in turns),
        "fields": tuple((name, value) for name, value in fields),
        "rejected": rejected,
    }
