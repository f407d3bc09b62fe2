"""Finetuned models as one worker offers them: what stands on the shelf, over the models of a desk.

A model that is published is asked by its name without another configuration: the board that
requests go by is replaced, and a request keeps the plan that it began with. What changes on the
shelf is seen within `EVERY` seconds; a name that is not known is looked up at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from escalera.apps.gateway.board import Board, Line, Plan, Tier
from escalera.apps.gateway.targets import Speaking
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.domain.job import Published
from escalera.engine.serve import Desk
from escalera.errors import StoreUnavailable
from escalera.ports.jobs import Shelf

EVERY = 1.0
"""Seconds between two looks at the shelf, most of what an idle gateway does."""


@dataclass(slots=True)
class Rack:
    """Makes plans of finetuned models over the base models of *desk*.

    A model whose base is not asked on this machine, or has other weights than it was finetuned
    from, is not offered; `tell` says so to the operator, once.
    """

    desk: Desk
    policy: BreakerPolicy
    wall: Callable[[], float]
    tell: Callable[[str], None] | None = None
    _told: set[str] = field(default_factory=set)

    def stocked(self, board: Board, models: Iterable[Published]) -> Board:
        """*board* with *models*, instead of those that it had.

        What is known of the health of a model that stays is gone on with.
        """
        offered = {one.name: one for one in models if self._can_be_asked(one, board)}
        plans = {name: plan for name, plan in board.plans.items() if name not in board.shelved}
        for name, model in offered.items():
            before = board.plans.get(name) if name in board.shelved else None
            plans[name] = (
                self._plan(model) if before is None else replace(before, owner=model.owner)
            )
        return replace(board, plans=plans, shelved=offered)

    # Private

    def _can_be_asked(self, model: Published, board: Board) -> bool:
        problem = self._problem(model, board)
        if problem and model.name not in self._told and self.tell is not None:
            self._told.add(model.name)
            self.tell(f"the finetuned model {model.name!r} is not served: {problem}")
        return not problem

    def _problem(self, model: Published, board: Board) -> str:
        base = self.desk.models().get(model.base)
        if model.name in board.plans and model.name not in board.shelved:
            return "the project file has this name for something else"
        if base is None or not base.local:
            return f"its base {model.base!r} is no model of the project file on this machine"
        if model.revision not in ("", base.revision):
            return f"{model.base!r} has other weights now than those it was finetuned from"
        return ""

    def _plan(self, model: Published) -> Plan:
        base = self.desk.models()[model.base]
        served = replace(base, base=model.base, adapter=model.adapter, upstream=None)
        desk = Desk(label="", route=None, models={model.name: served}, infer=None)
        line = Line(target=Speaking(model.name, desk, wall=self.wall), breaker=Breaker(self.policy))
        return Plan(
            name=model.name, tiers=(Tier(lines=(line,)),), price=base.price, owner=model.owner
        )


class Shelving:
    """What one worker knows of the shelf.

    *audit* records by which key a model is withdrawn, before it is; *tell* says to the operator
    that the shelf cannot be read.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        audit: Callable[[Published, str], None],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._shelf = shelf
        self._audit = audit
        self._tell = tell
        self._seen: int | None = None
        self._down = False
        self._now: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self.models: Mapping[str, Published] = {}
        self.changes = 0

    def read(self) -> None:
        """Read the shelf, if something changed there. Raises `StoreUnavailable`."""
        revision = self._shelf.revision()
        if revision != self._seen:
            found = {one.name: one for one in self._shelf.all()}
            self.models, self._seen = found, revision  # a later change has a later number
            self.changes += 1

    async def look(self) -> None:
        """Know what was on the shelf when this was called. Raises `StoreUnavailable`.

        However many wait, one look is taken at a time, and one more for all who came meanwhile.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._now))
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._next)

    async def withdraw(self, model: Published, *, by: str) -> None:
        """Take a model away. Raises `LinesError` and `StoreUnavailable`."""
        await asyncio.to_thread(self._audit, model, by)
        await asyncio.to_thread(self._shelf.withdraw, model.name)
        await self.look()

    @asynccontextmanager
    async def watching(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Look again and again; *changed* is called after a look that found another shelf."""
        task = asyncio.create_task(self._watch(changed))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._shelf.close()

    # Private

    async def _after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._now, self._next = self._next, None
        await asyncio.to_thread(self.read)

    async def _watch(self, changed: Callable[[], None]) -> None:
        seen = self.changes
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except StoreUnavailable as error:
                if not self._down and self._tell is not None:
                    self._tell(f"finetuned models stay as they are: {error}")
                self._down = True
                continue
            self._down = False
            if self.changes != seen:
                seen = self.changes
                changed()
