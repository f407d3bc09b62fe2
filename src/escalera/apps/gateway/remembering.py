"""The same answer to the same request: an exact cache of whole answers, in the memory of a worker.

Remembered is what was asked of whom by which key, in the regime of one configuration, so that a
change of models or prompts forgets everything, and no caller learns what another has asked. An
answer that may be another each time is remembered only where the project file says so.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.asked import Asked, Opened, Provenance
from escalera.apps.gateway.asking import Found
from escalera.apps.gateway.board import Plan
from escalera.domain.traffic import Operation
from escalera.ports.serving import Glance

REMEMBERED: frozenset[Operation] = frozenset({"chat", "completions", "embeddings"})
"""Operations whose answers may be remembered: a response may be kept by the provider."""
HARMLESS = frozenset(
    {"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "stream"}
)
"""Fields that change no answer."""
FRAME = 1024
"""Bytes that an answer is counted as, beside its body."""


class Asks(Protocol):
    """Asks until there is an answer, or a problem."""

    async def ask(self, asked: Asked, plan: Plan) -> Found:
        """An answer that may be passed on, or the last problem."""


class Remembering:
    """Asks, and remembers whole answers for *seconds*, at most *most* bytes of them.

    With *sampled* also those that were drawn at a temperature above 0.
    """

    def __init__(
        self,
        asking: Asks,
        *,
        clock: Callable[[], float],
        seconds: float,
        most: int,
        sampled: bool = False,
    ) -> None:
        self._asking, self._clock = asking, clock
        self._seconds, self._most, self._sampled = seconds, most, sampled
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    async def ask(self, asked: Asked, plan: Plan) -> Found:
        """An answer that is remembered, or one that is asked for and then remembered."""
        key = self._key(asked, plan)
        if key is None:
            return await self._asking.ask(asked, plan)
        kept = self._find(key)
        if kept is not None:
            asked.cached = True
            return kept.opened(asked, self._clock())
        found = await self._asking.ask(asked, plan)
        if isinstance(found, Opened) and found.passage is None:
            self._keep(key, found)
        return found

    # Private

    def _key(self, asked: Asked, plan: Plan) -> bytes | None:
        """What a request is known by; None where its answer is not remembered."""
        if asked.stream or asked.watch is not None or asked.operation not in REMEMBERED:
            return None
        try:
            body = msgspec.json.decode(asked.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return None
        if not (self._sampled or asked.operation == "embeddings" or body.get("temperature") == 0):
            return None
        told = {name: value for name, value in body.items() if name not in HARMLESS}
        whole = [asked.operation, asked.key, plan.name, told]
        return hashlib.blake2b(
            msgspec.json.encode(whole, order="deterministic"), digest_size=32
        ).digest()

    def _find(self, key: bytes) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() >= kept.until:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def _keep(self, key: bytes, found: Opened) -> None:
        """Remember an answer; those that nobody asked for the longest go first."""
        kept = _Kept(
            body=found.body,
            headers=list(found.headers),
            provenance=found.provenance,
            until=self._clock() + self._seconds,
        )
        if kept.size > self._most:
            return
        if key in self._kept:  # asked for twice at a time
            self._forget(key)
        self._kept[key] = kept
        self._bytes += kept.size
        while self._bytes > self._most:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: bytes) -> None:
        self._bytes -= self._kept.pop(key).size


# Below: private.


class _Kept(msgspec.Struct, kw_only=True):
    """An answer as its deployment gave it, before any guard put something back."""

    body: bytes
    headers: list[tuple[bytes, bytes]]
    provenance: Provenance
    until: float

    @property
    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return len(self.body) + FRAME

    def opened(self, asked: Asked, now: float) -> Opened:
        """The answer once more, which took nobody anything."""
        return Opened(
            exchange=_NOBODY,
            provenance=self.provenance,
            purpose="first",
            headers=[*self.headers, (b"x-escalera-cache", b"hit")],
            body=self.body,
            started=asked.started,
            began=now,
            first_byte=0.0,
            usage=Used(),
        )


class _Nobody:
    """The exchange of an answer that nobody was asked for."""

    status = 200
    headers = ()

    async def read(self) -> bytes:
        """There is nothing more."""
        return b""

    async def pour(self, take: Callable[[bytes], bool], glance: Glance | None = None) -> None:
        """There is nothing more."""

    async def whole(self, limit: int) -> bytes:
        """There is nothing more."""
        del limit
        return b""

    def close(self) -> None:
        """Nothing is held."""


_NOBODY = _Nobody()
