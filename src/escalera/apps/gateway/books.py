"""One record of every request that has ended, for the log and the metrics; nothing waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from escalera.apps.gateway.asked import Opened
from escalera.apps.gateway.fields import PATHS
from escalera.apps.gateway.hot import Ended
from escalera.apps.gateway.metrics import Cell, Histogram, Labels, Metrics
from escalera.domain.traffic import Attempt, ServedCall

Sink = Callable[[ServedCall], bool]
"""Takes a record without waiting; False where there is no room for it."""
WaitingSink = Callable[[ServedCall], Awaitable[bool]]
"""Takes a record and waits until it is on disk; False where it will not be."""


class Keeping:
    """Books that keep a record of every request. *sink* is the request log, None where none is.

    Where a count is kept is looked up once for all that has the same labels.
    """

    def __init__(
        self, metrics: Metrics, sink: Sink | None = None, waiting: WaitingSink | None = None
    ) -> None:
        self._metrics = metrics
        self._sink, self._waiting = sink, waiting
        self._requests: dict[tuple[str, str, int], _OfRequests] = {}
        self._attempts: dict[Labels, _OfAttempts] = {}

    def finished(self, ended: Ended) -> None:
        """Count what happened, and hand the record on."""
        call = record(ended)
        self._count(call, "" if ended.plan is None else ended.plan.name)
        if self._sink is not None and not self._sink(call):
            self._metrics.count("records_dropped_total", ())

    async def kept(self, ended: Ended) -> None:
        """The same, and wait until the record is on disk, or it is known that it will not be."""
        call = record(ended)
        self._count(call, "" if ended.plan is None else ended.plan.name)
        if self._waiting is not None and not await self._waiting(call):
            self._metrics.count("records_dropped_total", ())

    def refused(self, path: str, status: int) -> None:
        """Count a request that was not let in."""
        self._metrics.count("requests_total", (PATHS[path], "", str(status)))

    def _count(self, call: ServedCall, name: str) -> None:
        what = (call.operation, name, call.status)
        cells = self._requests.get(what)
        if cells is None:
            labels = (call.operation, name, str(call.status))
            cells = self._requests[what] = _OfRequests.of(self._metrics, labels)
        cells.ended.value += 1
        cells.seconds.observe(call.seconds)
        cells.overhead.observe(call.overhead)
        for attempt in call.attempts:
            tried = (attempt.deployment, attempt.purpose, attempt.fault)
            found = self._attempts.get(tried)
            if found is None:
                found = self._attempts[tried] = _OfAttempts.of(self._metrics, tried)
            found.count(attempt)
        for kind in call.findings:
            self._metrics.count("findings_total", (kind,))


class _OfRequests(msgspec.Struct):
    """Where requests with the same labels are counted."""

    ended: Cell
    seconds: Histogram
    overhead: Histogram

    @classmethod
    def of(cls, metrics: Metrics, labels: Labels) -> _OfRequests:
        return cls(
            metrics.cell("requests_total", labels),
            metrics.histogram("request_seconds", labels[:2]),
            metrics.histogram("overhead_seconds", labels[:1]),
        )


class _OfAttempts(msgspec.Struct):
    """Where attempts with the same labels are counted."""

    made: Cell
    first_byte: Histogram
    prompt: Cell
    completion: Cell
    money: Cell

    @classmethod
    def of(cls, metrics: Metrics, labels: Labels) -> _OfAttempts:
        deployment = labels[0]
        return cls(
            metrics.cell("attempts_total", labels),
            metrics.histogram("first_byte_seconds", (deployment,)),
            metrics.cell("tokens_total", (deployment, "prompt")),
            metrics.cell("tokens_total", (deployment, "completion")),
            metrics.cell("micro_dollars_total", (deployment,)),
        )

    def count(self, attempt: Attempt) -> None:
        self.made.value += 1
        if attempt.first_byte is not None:
            self.first_byte.observe(attempt.first_byte)
        self.prompt.value += attempt.prompt_tokens
        self.completion.value += attempt.completion_tokens
        self.money.value += attempt.cost


def record(ended: Ended) -> ServedCall:
    """What is kept of a request."""
    asked, found = ended.asked, ended.found
    if found is None or asked.cached:
        attempts = tuple(asked.attempts)
    elif asked.attempts or asked.beside:
        attempts = (*asked.attempts, *asked.beside, _answering(ended, found))
    else:
        attempts = (_answering(ended, found),)
    call = ServedCall(
        id=asked.id,
        started=asked.started,
        operation=asked.operation,
        model=asked.fields.model,
        key=ended.key,
        status=ended.status,
        seconds=ended.seconds,
        overhead=max(0.0, ended.seconds - asked.waited - ended.relayed),
        attempts=attempts,
    )
    # Set after: every argument of a call costs, and most of these are what they are by default.
    call.stream, call.error, call.cached = asked.stream, ended.code, asked.cached
    call.request, call.answer, call.trace = ended.request, ended.answer, asked.trace
    if asked.findings:
        call.findings = tuple(asked.findings)
    if found is not None:
        said = found.provenance
        call.system, call.task, call.decision = said.system, said.task or "", said.decision
    return call


# Below: private.


def _answering(ended: Ended, found: Opened) -> Attempt:
    """The attempt whose answer the caller got, or part of it."""
    read, written, money = found.taken()
    attempt = Attempt(
        deployment=found.provenance.deployment,
        purpose=found.purpose,
        started=found.started,
        seconds=found.first_byte + ended.relayed,
        first_byte=found.first_byte,
        status=found.exchange.status,
        prompt_tokens=read,
        completion_tokens=written,
        cost=money,
    )
    problem = ended.problem
    if problem is not None:
        attempt.fault, attempt.blame = problem.fault, problem.blame
    if ended.code == "caller_left":
        attempt.fault = "cancelled"
    return attempt
