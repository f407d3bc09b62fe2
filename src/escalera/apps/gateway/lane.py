"""The fast lane: whole requests answered by whole answers, without a task or a coroutine.

Most calls need nothing that waits: the request is there in one piece, its caller is known and has
money leased, one deployment is asked over a connection that is idle, and its answer comes whole.
Then all is done where bytes come in: once when the request is there, once when the answer is.

Whatever else happens is handed over to the ordinary way (`Hot`) with what is done by then. Before
anything is reserved that is nothing; then the request that was let in; then the exchange, which is
the first attempt there: an error, a broken or malformed answer, one that takes its time, a caller
who does not read or leaves. So nothing is decided here but that all went well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import cast

from escalera.apps.gateway import arrival, fields, headers, opening
from escalera.apps.gateway.asked import Asked, Opened
from escalera.apps.gateway.asking import Asking, First
from escalera.apps.gateway.board import Line, Plan
from escalera.apps.gateway.cycle import LeanCycle
from escalera.apps.gateway.hot import EXPECTED, Ended, Entered, Hot, Scope
from escalera.apps.gateway.regime import Regime
from escalera.apps.gateway.targets import Passing
from escalera.apps.gateway.turns import Turns
from escalera.errors import GuardError

Way = tuple[Plan, Line, Passing]
"""Who is asked under a name, where that is one deployment before all others."""


class Lane:
    """Answers requests in place of *hot*, where nothing has to be waited for."""

    def __init__(self, hot: Hot) -> None:
        parts = hot.parts
        self._hot = hot
        self.watch = hot.watch
        self._entrance = parts.entrance
        self._books = parts.books
        self._seconds, self._wall, self._name = parts.clocks.seconds, parts.clocks.wall, parts.name
        self._regime: Regime | None = None
        self._ways: Mapping[str, Way] = {}

    def take(self, cycle: LeanCycle, turns: Turns) -> bool:
        """Answer *cycle*, whose request is whole, now or later; False where nothing was done."""
        regime, scope = self._hot.regime, cast("Scope", cycle.scope)
        if regime is not self._regime:
            self._regime, self._ways = regime, _ways(regime)
        if scope["path"] not in fields.PATHS or scope["method"] != "POST" or not self._ways:
            return False
        try:
            found = self._entered(cycle, regime)
        except EXPECTED:
            return False  # it is told in the ordinary way
        if found is None:
            return False
        entered, way = found
        regime.requests += 1
        first = self._begun(entered.asked, way)
        if first is None:
            self.hand_over(entered, cycle, turns)
        else:
            Ride(self, entered, first, cycle, turns)
        return True

    def hand_over(self, entered: Entered, cycle: LeanCycle, turns: Turns) -> None:
        """Answer a request in the ordinary way from here on."""
        turns.begin(cycle, partial(self._hot, entered=entered))

    def answer(self, ride: Ride) -> bool:
        """Pass on the answer that has come, settle and record it; False where it is none."""
        entered, first, cycle = ride.entered, ride.first, ride.cycle
        asked, now = entered.asked, self._seconds()
        sending, provenance = first.sending, first.target.provenance
        found = opening.at_once(asked, sending, provenance, first.began, now)
        if found is None or cycle.flow.write_paused or not _checked(entered, found):
            return False
        asked.waited = found.first_byte
        cycle.answer(headers.of(asked, found, now=now), found.body)
        first.answered(found, now)
        ended = Ended(asked=asked, plan=entered.plan, key=asked.key, status=200, found=found)
        try:
            entered.admitted.settle(asked, found, ended.cost)
            end = self._seconds()
            ended.relayed, ended.seconds = end - now, end - asked.began
            self._books.finished(ended)
        finally:
            sending.close()
            entered.regime.leave()
        return True

    # Private

    def _entered(self, cycle: LeanCycle, regime: Regime) -> tuple[Entered, Way] | None:
        """The request, let in. Raises `Refusal` kin; then nothing is reserved."""
        scope = cast("Scope", cycle.scope)
        entrance, bounds = self._entrance, regime.bounds
        began, body = self._seconds(), bytes(cycle.body)
        shown = arrival.read(scope, most=bounds.body, is_open=entrance.is_open)
        caller = entrance.known(shown)
        operation = fields.PATHS[scope["path"]]
        if caller is None or len(body) > bounds.body:
            return None
        read = fields.read(operation, body)
        way = self._ways.get(read.model)
        if way is None or read.stream or way[1].breaker.until is not None:
            return None
        asked = Asked(
            id="",
            operation=operation,
            fields=read,
            body=body,
            began=began,
            started=self._wall(),
            deadline=began + bounds.seconds,
            capped=None if read.limit(operation) is not None else bounds.tokens,
        )
        if regime.checkpoint is not None:
            regime.checkpoint.enter_now(asked)
        admitted = entrance.admitted(caller, asked, way[0])
        if admitted is None:
            return None
        asked.id, asked.extend, asked.key = self._name(), admitted.extend, admitted.key
        return Entered(regime=regime, asked=asked, plan=way[0], admitted=admitted), way

    def _begun(self, asked: Asked, way: Way) -> First | None:
        """The first attempt; None where it cannot be made at once, or at all."""
        _, line, target = way
        began = self._seconds()
        try:
            sending = target.begin(asked, max(0.001, asked.deadline - began), opening.MAX_ANSWER)
        except EXPECTED:
            return None
        return (
            None
            if sending is None
            else First(sending=sending, line=line, target=target, began=began)
        )


class Ride:
    """One request on the lane, until its answer comes, or something else."""

    __slots__ = ("_lane", "_turns", "cycle", "entered", "first", "seen")

    def __init__(
        self, lane: Lane, entered: Entered, first: First, cycle: LeanCycle, turns: Turns
    ) -> None:
        self._lane = lane
        self._turns = turns
        self.cycle = cycle
        self.entered = entered
        self.first = first
        self.seen = False
        cycle.ride = self
        first.line.load.in_flight += 1
        lane.watch.add(self)
        first.sending.call(self.heard)

    def heard(self) -> None:
        """The answer has come, or something else has."""
        cycle = self.cycle
        if cycle.ride is self and self._lane.answer(self):
            cycle.ride = None
            self._lane.watch.drop(self)
        else:
            self.leave()

    def late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in the ordinary way for an answer that takes its time."""
        del loop
        self.entered.looks = 1
        self.leave()

    def leave(self) -> None:
        """Go on in the ordinary way."""
        cycle = self.cycle
        if cycle.ride is self:
            cycle.ride = None
            self._lane.watch.drop(self)
            self.entered.first = self.first
            self.entered.looks += self.seen
            self._lane.hand_over(self.entered, cycle, self._turns)


# Below: private.


def _ways(regime: Regime) -> Mapping[str, Way]:
    """Where requests go by *regime* that nothing has to wait for, by the names that they give."""
    bounds, checkpoint = regime.bounds, regime.checkpoint
    waits = bounds.bodies or bounds.sync or type(regime.asking) is not Asking
    if waits or not (checkpoint is None or checkpoint.is_prompt):
        return {}
    found = {name: _way(plan) for name, plan in regime.board.plans.items()}
    found[""] = found.get(regime.board.default)
    return {name: way for name, way in found.items() if way is not None}


def _way(plan: Plan) -> Way | None:
    line = plan.tiers[0].lines[0]
    target = line.target
    alone = len(plan.tiers[0].lines) == 1 and plan.hedges is None and plan.trial is None
    return (plan, line, target) if alone and isinstance(target, Passing) else None


def _checked(entered: Entered, found: Opened) -> bool:
    """Whether guards let the answer go on, as it is from now on."""
    checkpoint = entered.regime.checkpoint
    if checkpoint is not None:
        try:
            found.body = checkpoint.leave_now(entered.asked, found.body)
        except GuardError:
            return False
    return True
