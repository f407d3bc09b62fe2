"""What a configuration was made into, and the requests that go by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from escalera.apps.gateway import hiding
from escalera.apps.gateway.board import Board
from escalera.apps.gateway.checkpoint import Checkpoint
from escalera.apps.gateway.hiding import Hide
from escalera.apps.gateway.remembering import Asks
from escalera.apps.gateway.shelving import Rack, Shelving


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bytes of a request, seconds that the whole of its answer may take, and its tokens.

    `tokens` is the limit of an answer where the caller sets none, None where there is none. With
    `bodies` what was asked and answered is kept, with `sync` an answer ends when its record is, and
    with `traced` the caller's trace is kept.
    """

    body: int = 10 * 1024 * 1024
    seconds: float = 600.0
    tokens: int | None = None
    bodies: bool = False
    sync: bool = False
    traced: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Regime:
    """What a configuration was made into, and how many requests go by it.

    A request goes by the regime that it began with. `hide` takes the gateway's own keys out of
    errors. `rack` puts finetuned models on the board, None where there are none. `ended` is called
    once a regime that was replaced has no request any more.
    """

    board: Board
    asking: Asks
    bounds: Bounds
    checkpoint: Checkpoint | None = None
    hide: Hide = hiding.nothing
    rack: Rack | None = None
    requests: int = 0
    ended: Callable[[], None] | None = None
    stocked: int = 0

    def stock(self, shelving: Shelving) -> None:
        """Offer the finetuned models that are known now, from the next request on."""
        if self.rack is not None and self.stocked != shelving.changes:
            self.board = self.rack.stocked(self.board, shelving.models.values())
            self.stocked = shelving.changes

    def leave(self) -> None:
        """A request has ended."""
        self.requests -= 1
        if self.ended is not None:
            self._end()

    def retire(self, ended: Callable[[], None]) -> None:
        """Another regime is in its place."""
        self.ended = ended
        self._end()

    def _end(self) -> None:
        if self.requests == 0 and self.ended is not None:
            ended, self.ended = self.ended, None
            ended()
