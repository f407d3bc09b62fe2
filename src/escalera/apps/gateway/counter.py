"""A desk with what its gateway adds: quality routes, and trials of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from escalera.apps.gateway.drifting import DriftWatch
from escalera.apps.gateway.escalating import Proven
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.tried import Trials
from escalera.engine.serve import Desk


class Counter(Desk):
    """`proven` are quality routes by their names in the table; `trials` what trials are made of,
    None where nothing was ever tried or switched. `drift` watches what the router is asked.
    """

    proven: Mapping[str, Proven] = MappingProxyType({})
    trials: Trials | None = None
    drift: DriftWatch | None = None

    def tell(self, metrics: Metrics) -> str:
        """Count what is watched; the words of an alarm, or nothing. Not in the event loop."""
        return "" if self.drift is None else self.drift.tell(metrics, self.label)

    async def close(self, *, successor: Desk | None = None) -> None:
        """End the trials, whose copies on their way are answered by the desk, then close it."""
        if self.trials is not None:
            await self.trials.close()
        await super().close(successor=successor)
