"""Shadows: copies of live calls go to a candidate, and nobody waits for them.

A call is chosen when it comes. When it has ended, its copy joins a bounded queue, or is dropped and
counted where there is no room. A few tasks ask the candidate, on lines of its own: what it fails at
neither opens a breaker for callers nor counts in their balance. Its money is its own: before a copy
is sent, the most that it can cost is taken from what the shadow may spend.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from escalera.apps.gateway import hiding, pairing, relay
from escalera.apps.gateway.asked import Asked, Opened, Problem
from escalera.apps.gateway.asking import Asking
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.hot import Ended
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.pairing import Said
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import blame, spending
from escalera.core.serving.trials import State
from escalera.domain.trial import Paired, Taken
from escalera.errors import EscaleraError

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
TOKENS = 4096
"""Tokens that an answer without a limit is taken to have at the most, where money is bounded."""
NO_ANSWER = Taken(failed=1.0, refused=0.0, seconds=None, micro_dollars=None)
"""What a candidate's call took that gave none to a request which the live system answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTexts:
    """What was asked and answered, as it is kept."""

    trial: str
    request: str
    question: str
    live: str
    candidate: str


class Recording(Protocol):
    """Where pairs go."""

    async def record(self, event: Paired, trial: str) -> State:
        """Append an event; the state of the trial then."""

    async def keep(self, texts: PairTexts, most: int) -> None:
        """Keep the texts of a pair, at most so many of a trial."""

    async def take(self, trial: str, micro_dollars: int, most: int) -> bool:
        """Take money for a copy, where all that was ever taken stays within *most*."""

    async def give_back(self, trial: str, micro_dollars: int) -> None:
        """Give back what a copy did not need."""


@dataclass(slots=True, kw_only=True)
class ShadowTerms:
    """A shadow: its name, the candidate's plan, the share of calls, and its bounds.

    `money` is what all workers together may ever spend on it, in micro-dollars, None without limit;
    `pairs` how many are kept with their texts, made fit to be kept by `redact`.
    """

    name: str
    plan: Plan
    share: float
    queue: int
    at_once: int
    money: int | None
    pairs: int
    redact: Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What trials work with. *draw* gives numbers uniform on [0, 1)."""

    book: Recording
    metrics: Metrics
    draw: Callable[[], float]
    seconds: Callable[[], float]


class Shadow:
    """Mirrors calls of one name; `state` is what all workers' pairs say so far."""

    def __init__(self, terms: ShadowTerms, means: Means, *, asking: Asking, state: State) -> None:
        self.state = state
        self._terms = terms
        self._asking = asking
        self._book, self._metrics = means.book, means.metrics
        self._draw, self._seconds = means.draw, means.seconds
        self._waiting: deque[tuple[Ended, bytes]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, asked: Asked, plan: Plan) -> Plan:
        """Choose a call for being mirrored, or not. It goes where it would have gone."""
        if self.state.word == "open" and self._draw() < self._terms.share and _fits(asked):
            asked.watch = Heard(self._offer)
        return plan

    async def drained(self) -> None:
        """Wait for the copies that are on their way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Send no more copies, and wait for those on their way."""
        self._waiting.clear()
        await self.drained()

    # Private

    def _offer(self, ended: Ended, heard: bytes) -> None:
        """Take a live call that has ended; returns at once."""
        if len(self._waiting) >= self._terms.queue:
            self._metrics.count("mirrors_total", (self._terms.name, "dropped"))
            return
        self._waiting.append((ended, heard))
        if len(self._tasks) < self._terms.at_once:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Send copies as long as any wait."""
        while self._waiting and self.state.word == "open":
            try:
                outcome = await self._mirror(*self._waiting.popleft())
            except EscaleraError:
                outcome = "lost"
            self._metrics.count("mirrors_total", (self._terms.name, outcome))

    async def _mirror(self, live: Ended, answered: bytes) -> str:
        """Ask the candidate, and record the pair; what became of it in a word."""
        terms, asked = self._terms, self._copy(live.asked)
        live_said = pairing.said(asked.operation, answered) if answered else None
        live_taken = pairing.taken(live, live_said)
        if live_taken is None:
            return "no answer"
        most = self._most(asked)
        if terms.money is not None and not await self._book.take(terms.name, most, terms.money):
            return "no money"
        ended, heard = await self._paid(asked, most)
        said = pairing.said(asked.operation, heard) if heard else None
        candidate = pairing.taken(ended, said)
        if candidate is None:  # it takes the request for wrong
            if pairing.is_ours(ended):
                return "lost"
            if live_taken.failed:
                return "refused"
            candidate = NO_ANSWER
        self._metrics.count("mirrors_micro_dollars_total", (terms.name,), ended.cost)
        event = Paired(
            trial=terms.name,
            kind="shadow",
            request=live.asked.id,
            live=live_taken,
            candidate=candidate,
            agreement=pairing.agreement(live_said, said),
        )
        self.state = await self._book.record(event, terms.name)
        if live_said is not None and said is not None and terms.pairs:
            await self._book.keep(self._texts(live.asked, live_said, said), terms.pairs)
        return "failed" if candidate.failed else "answered"

    def _copy(self, asked: Asked) -> Asked:
        """The same request as one of its own: with a clock, and an account, of its own."""
        now = self._seconds()
        return Asked(
            id=f"{asked.id}-mirror",
            operation=asked.operation,
            fields=asked.fields,
            body=asked.body,
            began=now,
            started=asked.started + (now - asked.began),
            deadline=now + (asked.deadline - asked.began),
            capped=asked.capped,
        )

    def _most(self, asked: Asked) -> int:
        """The most that a copy can cost; without a limit of its tokens it gets one."""
        plan = self._terms.plan
        if self._terms.money is None or plan.price is None:
            return 0
        if asked.limit is None:
            asked.capped = TOKENS
        limit = asked.limit or 0
        size = len(asked.body) + plan.prompt_bytes
        return spending.most_cost(
            plan.price,
            prompt_tokens=spending.most_prompt_tokens(size) + (plan.calls - 1) * limit,
            max_tokens=limit,
            choices=asked.fields.n or 1,
            calls=plan.calls,
        )

    async def _paid(self, asked: Asked, most: int) -> tuple[Ended, bytes]:
        """The candidate's answer; what of *most* it did not need goes back in any case."""
        kept = most
        try:
            ended, heard = await self._ask(asked)
            kept = _spent(ended, most)
        except EscaleraError:
            kept = _billed(asked, most)
            raise
        finally:
            if self._terms.money is not None and kept != most:
                await self._book.give_back(self._terms.name, most - kept)
        return ended, heard

    async def _ask(self, asked: Asked) -> tuple[Ended, bytes]:
        """The candidate's answer, heard to its end."""
        heard = Heard(lambda _, __: None)
        ended = Ended(asked=asked, plan=self._terms.plan, key="", status=0)
        try:
            found = await self._asking.ask(asked, self._terms.plan)
        except Refusal as error:
            found = Problem(deployment="", blame="caller", status=error.status)
        if isinstance(found, Problem):
            ended.problem = found
            return ended, b""
        ended.found = found
        began = self._seconds()
        try:
            ended.problem = await _hear(asked, found, heard)
        finally:
            ended.relayed = self._seconds() - began
            if found.passage is None:
                found.exchange.close()
            else:
                await relay.let_go(found, found.passage)
        return ended, bytes(heard.body)

    def _texts(self, asked: Asked, live: Said, candidate: Said) -> PairTexts:
        redact = self._terms.redact
        return PairTexts(
            trial=self._terms.name,
            request=asked.id,
            question=redact(pairing.question(asked.operation, asked.body)),
            live=redact(live.text),
            candidate=redact(candidate.text),
        )


@dataclass(slots=True)
class Heard:
    """Listens to an answer as it goes to its caller, and tells *ended* of both at the end.

    What is longer than may be kept is not kept at all.
    """

    ended: Callable[[Ended, bytes], None]
    body: bytearray = field(default_factory=bytearray)
    over: bool = False

    def listening(self, send: Send) -> Send:
        """*send*, with the bytes of the body kept."""

        async def told(message: Message) -> None:
            self.hear(message.get("body", b""))
            await send(message)

        return told

    def hear(self, body: bytes) -> None:
        """Keep a piece."""
        if not self.over:
            self.body += body
            if len(self.body) > pairing.LONGEST:
                self.over = True
                self.body.clear()

    def finish(self, ended: Ended) -> None:
        """The call has ended."""
        self.ended(ended, bytes(self.body))


# Below: private.


def _fits(asked: Asked) -> bool:
    return asked.operation in pairing.OPERATIONS and len(asked.body) <= pairing.LONGEST


async def _hear(asked: Asked, found: Opened, heard: Heard) -> Problem | None:
    if found.passage is None:
        heard.hear(found.body)
        return None

    async def nobody(message: Message) -> None:
        heard.hear(message.get("body", b""))

    return await relay.stream(nobody, asked, found, None, (), hiding.nothing)


def _spent(ended: Ended, most: int) -> int:
    """What a copy cost; where a failed call may be billed, the most that it can have cost."""
    problem = ended.problem
    if problem is not None and blame.may_be_billed(problem.fault):
        return most
    return ended.cost


def _billed(asked: Asked, most: int) -> int:
    """What a copy that came to nothing cost: all of *most* where an attempt may be billed."""
    if any(blame.may_be_billed(attempt.fault) for attempt in asked.attempts):
        return most
    return min(most, sum(call.cost for call in asked.beside))
