"""Whether the messages that come in still are what the router was fitted on.

Kept are familiarities, never texts, and no more than `MOST` between two looks: which messages these
are depends on when they came, not on what they are. Each start of a worker begins anew.
"""

from __future__ import annotations

from escalera.apps.gateway.metrics import Metrics
from escalera.core.routing import drift
from escalera.core.routing.drift import Reading
from escalera.core.routing.router import Choice, Router

MOST = 50
"""Messages between two looks that are judged: it takes some 0.2 ms each."""


class DriftWatch:
    """Chooses by *router*, and watches the familiarity of what it chooses for.

    Under no drift it ever raises an alarm with a probability of at most *alpha*.
    """

    def __init__(self, router: Router, *, alpha: float) -> None:
        self._router = router
        self._seen: list[float] = []
        self._state = drift.init(
            router.reference.tolist(), strange=router.rule.familiarity, alpha=alpha
        )
        self._told = False

    def choose(self, text: str) -> Choice:
        """What the router says of a message."""
        found = self._router.choose(text)
        self.see(found)
        return found

    def see(self, choice: Choice) -> None:
        """Watch a choice that was made by the router, unless its message could not be read."""
        if len(self._seen) < MOST and choice.refusal != "unread":
            self._seen.append(choice.familiarity)

    def look(self) -> tuple[Reading, ...]:
        """Judge what came since the last look; the shares so far. Not in the event loop."""
        seen, self._seen = self._seen, []
        if seen:
            self._state = drift.update(self._state, seen)
        return drift.read(self._state)

    def tell(self, metrics: Metrics, name: str) -> str:
        """Look, and count; the words of an alarm once, when it is raised, or nothing."""
        before = self._state.seen
        readings = self.look()
        metrics.count("messages_judged_total", (name,), self._state.seen - before)
        alarms = [one for one in readings if one.drifted]
        metrics.set("drifted", (name,), float(bool(alarms)))
        if not alarms or self._told:
            return ""
        self._told = True
        worst = max(alarms, key=lambda one: one.lower - one.limit)
        return (
            f"messages to {name!r} have drifted from what its router was fitted on: "
            f"{worst.share:.0%} of {worst.seen} are less familiar than a mark that at most "
            f"{worst.limit:.0%} of the `search` items fall below (at least {worst.lower:.0%}). "
            "Look at them with `escalera log list`, add items like them, and climb again"
        )
