"""Asking for an answer until one is there: failover before the first byte, hedging, retries.

The caller's own mistakes end it at once. Whatever else goes wrong before something of an answer is
there leads to the next line of the plan, within the caller's time and a bound of attempts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, cast

from escalera.apps.gateway import board, opening
from escalera.apps.gateway.asked import UNUSABLE, Asked, Opened, Problem
from escalera.apps.gateway.board import Line, Plan
from escalera.apps.gateway.targets import Passing
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import blame
from escalera.core.serving.hedging import HedgeBudget
from escalera.domain.traffic import Attempt, Blame, Fault, Purpose
from escalera.errors import (
    AccessRefused,
    AdapterUnusable,
    BadReply,
    Overloaded,
    ProviderError,
    RequestRejected,
    UpstreamFault,
)
from escalera.ports.serving import Sending

Found = Opened | Problem
QUIET = 60.0
"""Seconds between two words to the operator about the same deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often is asked. A line that stands alone is asked again after `pause` seconds, doubled
    each time; a provider that asks for a longer wait than `longest` is not waited for.
    """

    attempts: int = 4
    retries: int = 1
    pause: float = 0.2
    longest: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first attempt of a request, made before it is waited for: who was asked, and when.

    Its line counts it as in flight already.
    """

    sending: Sending
    line: Line
    target: Passing
    began: float


class Asking:
    """Asks the lines of plans. *draw* gives numbers uniform on [0, 1).

    *tell* says to the operator why a deployment cannot be had, which callers are not told.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        draw: Callable[[], float],
        patience: Patience,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._tell = tell
        self._told: dict[str, float] = {}
        self._clock = clock
        self._draw = draw
        self._patience = patience

    async def go_on(self, asked: Asked, plan: Plan, first: First) -> Found:
        """As `ask`, where the *first* attempt is made already, of the only line of its tier."""
        lines = board.after_first(plan, first.began, self._draw)
        found = await self._attempt(asked, first.line, "first", first)
        return await self._on(asked, plan, lines, found)

    async def ask(self, asked: Asked, plan: Plan) -> Found:
        """An answer that may be passed on, or the last problem."""
        lines = board.order(plan, self._clock(), self._draw)
        line, purpose = next(lines)
        if plan.hedges is None:
            found = await self._attempt(asked, line, purpose)
        else:
            plan.hedges.asked()
            first = self._attempt(asked, line, purpose)
            found = await self._hedged(asked, first, lines, plan.hedges)
        return found if _is_final(found) else await self._on(asked, plan, lines, found)

    # Private

    async def _on(
        self, asked: Asked, plan: Plan, lines: Iterator[tuple[Line, Purpose]], found: Found
    ) -> Found:
        """*found*, or what the other lines answer."""
        if _is_final(found):
            return found
        for line, purpose in lines:
            if not await self._may_ask(asked):
                return found
            found = await self._attempt(asked, line, purpose)
            if _is_final(found):
                return found
        return await self._again(asked, plan.tiers[0].lines[0], found)

    async def _may_ask(self, asked: Asked) -> bool:
        """Whether there is time, patience and, after what may have been billed, money."""
        if len(asked.attempts) >= self._patience.attempts or self._clock() >= asked.deadline:
            return False
        return not blame.may_be_billed(asked.attempts[-1].fault) or await asked.extend()

    async def _again(self, asked: Asked, line: Line, found: Found) -> Found:
        """Ask the first line again where nobody else is left and a wait is worth it.

        A provider has tried again by itself, and a line that fails for all is left alone.
        """
        if not isinstance(line.target, Passing):
            return found
        pause = self._patience.pause
        for _ in range(self._patience.retries):
            if isinstance(found, Opened) or found.blame != "server":
                return found
            if not await self._may_ask(asked):
                return found
            wait = max(pause * (0.5 + self._draw()), found.retry_after or 0.0)
            if wait > self._patience.longest or self._clock() + wait > asked.deadline:
                return found
            await asyncio.sleep(wait)
            asked.waited += wait
            if not line.breaker.admits(self._clock()):
                return found
            found = await self._attempt(asked, line, "retry")
            pause *= 2
        return found

    async def _attempt(
        self, asked: Asked, line: Line, purpose: Purpose, first: First | None = None
    ) -> Found:
        """Ask one line. Raises `Refusal` where the one that decides finds the caller's mistake.

        That is the first of all, but of a candidate on trial the one that it is to replace.
        """
        began = self._clock() if first is None else first.began
        line.load.in_flight += first is None
        exchange = None
        found: Found | None = None
        try:
            if first is None:
                sent = await line.target.send(asked, max(0.001, asked.deadline - began))
            else:
                sent = await first.sending.opened(), first.target.provenance
            exchange = sent[0]
            found = await opening.opened(
                asked,
                sent,
                purpose=purpose,
                began=began,
                clock=self._clock,
                drop_usage=_drops_usage(line, asked),
            )
        except ProviderError as error:
            found = _told(line.target.name, error)
        except Refusal as error:
            if _decides(line, purpose):
                raise
            found = _unfit(line.target.name, error)
        except asyncio.CancelledError:
            self._record(asked, _cancelled(line.target.name), purpose, began)
            now = self._clock()
            line.load.left(now - began, now)
            raise
        finally:
            line.load.in_flight -= 1
            if exchange is not None and not isinstance(found, Opened):
                exchange.close()
            if found is None:
                line.breaker.forget()
        if isinstance(found, Problem):
            self._record(asked, found, purpose, began)
        self._note(line, found, began)
        return found if line.decides is not False else _undecided(found)

    def _record(self, asked: Asked, problem: Problem, purpose: Purpose, began: float) -> None:
        seconds = self._clock() - began
        asked.waited += seconds
        asked.attempts.append(
            Attempt(
                deployment=problem.deployment,
                purpose=purpose,
                started=asked.started + (began - asked.began),
                seconds=seconds,
                status=problem.status,
                fault=problem.fault,
                blame=problem.blame,
            )
        )

    def _note(self, line: Line, found: Found, began: float) -> None:
        """What the breaker and the balance learn from an attempt."""
        now = self._clock()
        if isinstance(found, Opened):
            line.learn(found.first_byte, now)
        elif found.blame == "nobody":
            if found.fault == "descriptors":
                self._say(found, found.message, now)
            line.breaker.forget()
        elif found.blame == "caller":
            line.breaker.succeeded(now)
        elif found.blame == "key":
            line.breaker.refused(now)
            self._say(found, _refused(found), now)
        else:
            if found.fault in {"connect", "connect-timeout"}:
                self._say(found, found.message, now)
            line.breaker.failed(now)
            line.load.answered(now - began, now)
            if found.retry_after is not None:
                line.breaker.asked_to_wait(now, found.retry_after)

    def _say(self, problem: Problem, words: str, now: float) -> None:
        """Tell the operator what callers are not told, once a minute and deployment."""
        name = problem.deployment
        if self._tell is not None and now >= self._told.get(name, now):
            self._told[name] = now + QUIET
            self._tell(f"{name!r}: {words}")

    async def _hedged(
        self,
        asked: Asked,
        first: Coroutine[Any, Any, Found],
        lines: Iterator[tuple[Line, Purpose]],
        budget: HedgeBudget,
    ) -> Found:
        """The first of two answers, where the first line is slow and a second may be asked."""
        began, waited = self._clock(), asked.waited
        running = {asyncio.ensure_future(first)}
        found: Found | None = None
        try:
            done, _ = await asyncio.wait(running, timeout=budget.after)
            if not done and budget.take() and await asked.extend():
                other = next(lines, None)
                if other is not None:
                    running.add(asyncio.ensure_future(self._attempt(asked, other[0], "hedge")))
            found = await _first_answer(running)
        finally:
            try:
                await self._drop(asked, running)
            except asyncio.CancelledError:
                if isinstance(found, Opened):
                    self._give_up(asked, found)
                raise
        # Two waits at the same time are one.
        taken = found.first_byte if isinstance(found, Opened) else 0.0
        asked.waited = waited + self._clock() - began - taken
        return found

    async def _drop(self, asked: Asked, running: set[asyncio.Task[Found]]) -> None:
        """Cancel what nobody waits for any more, until it is recorded that it was asked."""
        for task in running:
            task.cancel()
            if task.done() and not task.exception() and isinstance(left := task.result(), Opened):
                self._give_up(asked, left)
        if running:
            await asyncio.wait(running)

    def _give_up(self, asked: Asked, found: Opened) -> None:
        """An answer that came beside another: it may be billed all the same."""
        found.exchange.close()
        given_up = _cancelled(found.provenance.deployment)
        self._record(asked, given_up, found.purpose, found.began)


# Below: private.


async def _first_answer(running: set[asyncio.Task[Found]]) -> Found:
    """The first of *running* that is final, or else the last; finished ones are taken out."""
    while True:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            running.discard(task)
            if _is_final(task.result()) or not running:
                return task.result()


def _is_final(found: Found) -> bool:
    return isinstance(found, Opened) or found.blame == "caller"


def _decides(line: Line, purpose: Purpose) -> bool:
    """Whether a request that *line* cannot take is the caller's mistake."""
    return purpose == "first" if line.decides is None else line.decides


def _undecided(found: Found) -> Found:
    """What a candidate takes for the caller's mistake, left for the next one to judge."""
    if isinstance(found, Problem) and found.blame == "caller":
        found.blame = "nobody"
    return found


def _drops_usage(line: Line, asked: Asked) -> bool:
    if isinstance(line.target, Passing):
        return line.target.drops_usage(asked)
    return not asked.fields.usage_asked


def _refused(found: Problem) -> str:
    """Why nothing that is asked will be answered, for the operator."""
    if found.code == UNUSABLE:
        return f"cannot answer: {found.message}"
    return f"refuses our access: status {found.status}, code {found.code!r}"


def _cancelled(name: str) -> Problem:
    return Problem(deployment=name, blame="nobody", fault="cancelled")


def _unfit(name: str, error: Refusal) -> Problem:
    """What a fallback cannot answer: the request may be good for the one asked before it."""
    status, said = error.status, error.message
    return Problem(deployment=name, blame="nobody", status=status, message=said)


def _told(name: str, error: ProviderError) -> Problem:
    """The problem that a provider's error is."""
    fault: Fault = "status"
    whose: Blame = "server"
    code = UNUSABLE if isinstance(error, AdapterUnusable) else ""
    status, message = 503 if error.retryable else 502, str(error)
    match error:
        case UpstreamFault():
            fault, status, message = cast("Fault", error.fault), 0, error.problem
            whose = blame.of_fault(fault)
        case RequestRejected():
            whose, status = "caller", 400
        case AccessRefused() | AdapterUnusable():
            whose = "key"
        case Overloaded():
            status = 429
        case BadReply():
            fault, status = "malformed", 502
        case _:
            pass
    return Problem(
        deployment=name,
        blame=whose,
        fault=fault,
        status=status,
        code=code,
        message=message,
        retry_after=error.retry_after,
    )
