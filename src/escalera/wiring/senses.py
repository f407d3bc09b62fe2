"""What reads messages for the routers that were learned on embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from escalera.edges.clock import SystemClock
from escalera.errors import ProjectError
from escalera.wiring import Installation, models

if TYPE_CHECKING:
    from escalera.core.routing.router import Choice, Router
    from escalera.core.routing.sense import Sense
    from escalera.engine.sensing import Senses
    from escalera.engine.serve import Infer

Tell = Callable[[str, float, bool], None]
"""Called with the name of a model, the seconds a message took, and whether it was read."""


class Readers:
    """One reader per model, made when a router needs it, and closed with the desks.

    *warn* says to the operator when a model begins to fail, and when it reads again.
    """

    def __init__(
        self,
        made: Installation,
        *,
        tell: Tell = lambda _model, _seconds, _read: None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._made = made
        self._tell = tell
        self._warn = warn
        self._open: dict[tuple[str, str], Senses] = {}

    def of(self, sense: Sense) -> Senses:
        """What reads messages as *sense* was taught.

        Raises `ProjectError` where the project's model is not the one that it was learned on.
        """
        made, name = self._made, sense.model
        if (name, sense.revision) in self._open:
            return self._open[name, sense.revision]
        table = made.tables.models.get(name)
        model = None if table is None else models.reader(made.file, name, table)
        if table is None or model is None or model.revision != sense.revision:
            raise ProjectError(
                file=str(made.file),
                key=f"models.{name}",
                problem="is not the model whose embeddings the router was learned on",
                remedy="Bring that model back, or climb again (`escalera route` for a route by "
                "difficulty): then the router is learned anew",
            )
        from escalera.engine.sensing import Senses

        found = self._open[name, sense.revision] = Senses(
            models.embedder(made.file, model, table),
            clock=SystemClock(),
            seconds=made.tables.gateway.timeouts.embedding,
            observe=lambda seconds, read: self._tell(name, seconds, read),
            tell=lambda words: self._warn(f"{name!r}: {words}"),
        )
        return found

    def infer(self, router: Router, seen: Callable[[Choice], None] = lambda _: None) -> Infer:
        """*router* as a function of a message; *seen* is told what one that reads chooses."""
        if router.sense is None:
            return router.choose
        from escalera.engine.sensing import Inferring

        sense = router.sense
        return Inferring(router=router, sense=sense, senses=self.of(sense), seen=seen).choose

    async def close(self) -> None:
        """Close every reader that was made."""
        while self._open:
            _, one = self._open.popitem()
            await one.close()
