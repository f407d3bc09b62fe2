"""The fast lane: whole requests answered by whole answers, without a task or a coroutine.

Most calls need nothing that waits: the request is there in one piece, its caller is known and has
money leased, one deployment is asked over a connection that is idle, and its answer comes whole.
Then all is done where bytes come in: once when the request is there, once when the answer is.

Whatever else happens is handed over to the ordinary way (`Hot`) with what is done by then. Before
anything is reserved that is nothing; then the request that was let in; then the exchange, which is
the first attempt there: an error, a broken or malformed answer, one that takes its time, a caller
who does not read or leaves. So nothing is decided here but that all went well; a fault of ours is
told to the loop, and the ordinary way goes on, which says 500 where it meets it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property, partial

import msgspec

from escalera.apps.gateway import arrival, fields, headers, opening
from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.asked import Asked, Opened
from escalera.apps.gateway.asking import Asking, First
from escalera.apps.gateway.board import Board, Line, Plan
from escalera.apps.gateway.cycle import LeanCycle
from escalera.apps.gateway.gathering import at_once
from escalera.apps.gateway.hot import EXPECTED, Ended, Entered, Hot
from escalera.apps.gateway.regime import Regime
from escalera.apps.gateway.targets import Passing
from escalera.apps.gateway.turns import Turns
from escalera.domain.traffic import Operation
from escalera.errors import GuardError
from escalera.ports.serving import Cohorts, Gather, Sending

Way = tuple[Plan, Line, Passing]
"""Who is asked under a name, where that is one deployment before all others."""

BUSY = 8
"""Calls of a key at a time from which on more is leased once less is left than they hold."""
LetIn = tuple[Asked, Way, Admitted]
"""A request, who is asked for it, and what is reserved."""


class Lane:
    """Answers requests in place of *hot*, where nothing has to be waited for."""

    def __init__(self, hot: Hot, gathering: Callable[[], Cohorts] = at_once) -> None:
        parts = hot.parts
        self._hot = hot
        self.watch = hot.watch
        self._entrance = parts.entrance
        self._books = parts.books
        self._seconds, self._wall, self._name = parts.clocks.seconds, parts.clocks.wall, parts.name
        self._gathering = gathering
        self._board: Board | None = None
        self._ways: Mapping[str, Way] = {}

    @cached_property
    def gather(self) -> Gather:
        """That of the loop in which this answers: asked for when it is needed first."""
        return self._gathering().gather

    def take(self, cycle: LeanCycle, turns: Turns) -> bool:
        """Answer *cycle*, whose request is whole, now or later; False where nothing was done."""
        regime = self._hot.regime
        if regime.board is not self._board:
            self._board, self._ways = regime.board, _ways(regime)
        operation = fields.PATHS.get(cycle.path)
        if operation is None or cycle.method != b"POST" or not self._ways:
            return False
        began = self._seconds()
        try:
            found = self._let_in(cycle, regime, operation, began)
        except EXPECTED:
            return False  # it is told in the ordinary way
        except Exception as error:  # noqa: BLE001  the connection would end without an answer
            _tell(error)
            return False
        if found is None:
            return False
        regime.requests += 1
        cycle.body = b""  # an idle connection would keep it until the next request
        Ride(self, regime, cycle, turns, *found).begin(self._seconds())
        return True

    def hand_over(self, entered: Entered, cycle: LeanCycle, turns: Turns) -> None:
        """Answer a request in the ordinary way from here on."""
        turns.begin(cycle, partial(self._hot, entered=entered))

    def answer(self, ride: Ride) -> bool:
        """Pass on the answer that has come, settle and record it; False where it is none."""
        cycle, asked, now = ride.cycle, ride.asked, self._seconds()
        plan, line, target = ride.way
        sending = ride.sending
        if sending is None:
            return False
        found = opening.at_once(asked, sending, target.provenance, ride.began, now)
        if found is None or cycle.flow.write_paused or not _checked(ride, found):
            return False
        ride.end()
        asked.waited = found.first_byte
        cycle.answer(found.headers, headers.written(asked, found, now=now), found.body)
        line.load.in_flight -= 1
        line.learn(found.first_byte, now)
        sending.close()
        end = self._seconds()
        ended = Ended(asked=asked, plan=plan, key=asked.key, status=200, found=found)
        ended.relayed, ended.seconds = end - now, end - asked.began
        self.gather("note", self._finish, (ride, ended))
        return True

    # Private

    def _finish(self, told: tuple[Ride, Ended]) -> None:
        """Settle and record what was answered."""
        ride, ended = told
        found = ended.found
        try:
            ride.admitted.settle(ended.asked, found, 0 if found is None else found.taken()[2])
            self._books.finished(ended)
        except Exception as error:  # noqa: BLE001  the answer is out
            _tell(error)
        finally:
            ride.regime.leave()

    def _let_in(
        self, cycle: LeanCycle, regime: Regime, operation: Operation, began: float
    ) -> LetIn | None:
        """The request, let in. Where it raises, nothing is reserved."""
        entrance, bounds, body = self._entrance, regime.bounds, cycle.body
        shown = arrival.read(cycle.headers, most=bounds.body, is_open=entrance.is_open)
        caller = entrance.known(shown)
        if caller is None or len(body) > bounds.body:
            return None
        body = bytes(body)
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
        if bounds.traced:
            asked.trace = arrival.trace(cycle.headers)
        if regime.checkpoint is not None:
            regime.checkpoint.enter_now(asked)
        asked.id = self._name()
        admitted = entrance.admitted(caller, asked, way[0])
        own = caller.own
        if admitted is None or (own.micro_dollars < own.held and own.calls >= BUSY):
            entrance.short(caller, asked, way[0])  # before many calls have to wait for it
        if admitted is None:
            return None
        asked.extend, asked.key = admitted.extend, admitted.key
        return asked, way, admitted


class Ride(msgspec.Struct, eq=False):
    """One request on the lane, until its answer comes, or something else."""

    _lane: Lane
    regime: Regime
    cycle: LeanCycle
    _turns: Turns
    asked: Asked
    way: Way
    admitted: Admitted
    began: float = 0.0
    seen: bool = False
    sending: Sending | None = None

    def begin(self, now: float) -> None:
        """Ask, or go on in the ordinary way."""
        _, line, target = self.way
        self.cycle.ride, self.began, asked = self, now, self.asked
        self._lane.watch.add(self)
        seconds = max(0.001, asked.deadline - now)
        try:
            self.sending = target.begin(asked, seconds, opening.MAX_ANSWER, self.heard)
        except EXPECTED:
            self.leave()
        except Exception as error:  # noqa: BLE001  as above
            _tell(error)
            self.leave()
        else:
            if self.sending is None:
                self.leave()
            else:
                line.load.in_flight += 1

    def heard(self) -> None:
        """The answer has come, or something else has."""
        if self.cycle.ride is self:
            self._lane.gather("answer", Ride._answer, self)

    def _answer(self) -> None:
        if self.cycle.ride is not self:
            return  # the caller left while it waited for the others
        done = False
        try:
            done = self._lane.answer(self)
        except Exception as error:  # noqa: BLE001  as above
            _tell(error)
        if not done:
            self.leave()  # nothing is done where it is answered already

    def end(self) -> None:
        """It is answered, or goes on in the ordinary way."""
        self.cycle.ride = None
        self._lane.watch.drop(self)

    def late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in the ordinary way for an answer that takes its time."""
        del loop
        self.leave(looks=1)

    def leave(self, *, looks: int = 0) -> None:
        """Go on in the ordinary way; it was looked at so often, and once if it was seen."""
        cycle = self.cycle
        if cycle.ride is not self:
            return
        self.end()
        plan, line, target = self.way
        entered = Entered(regime=self.regime, asked=self.asked, plan=plan, admitted=self.admitted)
        if self.sending is not None:
            sent, began = self.sending, self.began
            entered.first = First(sending=sent, line=line, target=target, began=began)
            entered.looks = looks + self.seen
        self._lane.hand_over(entered, cycle, self._turns)


# Below: private.


def _tell(fault: Exception) -> None:
    """Say in the log what went wrong here."""
    told = {"message": "A fault of the gateway on the fast lane", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(told)


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
    alone = (
        len(plan.tiers[0].lines) == 1
        and plan.hedges is None
        and plan.trial is None
        and not plan.owner
    )
    return (plan, line, target) if alone and isinstance(target, Passing) else None


def _checked(ride: Ride, found: Opened) -> bool:
    """Whether guards let the answer go on, as it is from now on."""
    checkpoint = ride.regime.checkpoint
    if checkpoint is not None:
        try:
            found.body = checkpoint.leave_now(ride.asked, found.body)
        except GuardError:
            return False
    return True
