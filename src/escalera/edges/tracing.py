"""Served calls as OpenTelemetry spans, by the conventions for generative AI.

Spans are made from the records of the request log, when these are on disk: the way of a request
pays nothing for them. Where the caller sent a `traceparent`, the call is part of that trace; else
the trace's id follows from the id of the request, so that a call in the log is found among the
traces. The conventions are still in development; the names are those of the package that is
installed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from queue import Queue

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from escalera.domain.traffic import Attempt, Operation, ServedCall

OPERATIONS: Mapping[Operation, str] = {
    "chat": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "responses": "chat",
}
"""What the conventions call an operation."""
SPOKEN = gen_ai.GenAiProviderNameValues.OPENAI.value
"""The provider, by the conventions: whose API is spoken, whoever has the model."""
REST = 30.0
"""Seconds for which nothing is sent after the collector did not take what was."""
PATIENCE = 6.0
"""Seconds that the last spans have at the end."""
ROOM = 10_000
"""Calls whose spans may wait to be sent."""
NANO = 1_000_000_000
Value = str | int | float


class Spans:
    """Sends spans of *share* of the calls, and of every one that failed, in a thread of its own.

    Of calls within a caller's trace those are sent of which the caller keeps the trace.

    A collector that is slow or away costs spans, and nobody waits for it: at most *room* calls wait
    to be sent, and what is not sent is counted and told. *seconds* is a clock, *tell* says troubles
    in words.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        share: float,
        seconds: Callable[[], float],
        tell: Callable[[str], None],
        room: int = ROOM,
    ) -> None:
        self._exporter = exporter
        self._share, self._seconds, self._tell = share, seconds, tell
        self._room = room
        self._until = 0.0
        self._resource = Resource.create({"service.name": "escalera"})
        self._queue: Queue[list[ServedCall] | None] = Queue()
        self._came = self._went = 0  # calls; each is counted by one side alone
        self._refused = self._unsent = self._told = 0  # spans, alike
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Spans that will not be sent."""
        return self._refused + self._unsent

    def take(self, calls: Sequence[ServedCall]) -> None:
        """Have the spans of *calls* sent; returns at once."""
        wanted = [_bare(call) for call in calls if self._is_sampled(call)]
        if not wanted:
            return
        if self._came - self._went + len(wanted) > self._room:
            self._refused += sum(1 + len(call.attempts) for call in wanted)
            return
        self._came += len(wanted)
        self._queue.put(wanted)

    def drained(self) -> None:
        """Wait until what was taken is sent, or given up."""
        self._queue.join()

    def close(self) -> None:
        """Send what waits, for a while, and close the way to the collector."""
        self._queue.put(None)
        self._thread.join(PATIENCE)
        self._exporter.shutdown()

    # Private

    def _run(self) -> None:
        while (calls := self._queue.get()) is not None:
            self._send([span for call in calls for span in self._spans(call)])
            self._went += len(calls)
            self._queue.task_done()

    def _is_sampled(self, call: ServedCall) -> bool:
        if call.error or call.status >= 400:
            return True
        if call.trace:
            return _parent(call.trace).trace_flags.sampled
        return int.from_bytes(_digest(call.id, 8)) < self._share * 2**64

    def _send(self, spans: Sequence[ReadableSpan]) -> None:
        now = self._seconds()
        if now >= self._until and self._exporter.export(spans) is SpanExportResult.SUCCESS:
            self._tell_of_refused()
            return
        if now >= self._until:
            self._tell(f"spans were not taken; none are sent for {REST:g} s")
            self._until = self._seconds() + REST
        self._unsent += len(spans)

    def _tell_of_refused(self) -> None:
        refused = self._refused
        if refused > self._told:
            self._tell(f"{refused - self._told} spans were dropped: the collector is too slow")
            self._told = refused

    def _spans(self, call: ServedCall) -> Iterator[ReadableSpan]:
        """The call, and below it each of its attempts."""
        parent = _parent(call.trace) if call.trace else None
        trace = parent.trace_id if parent else int.from_bytes(_digest(call.id, 16)) or 1
        root = _context(trace, call.id, "")
        yield self._span(
            f"{OPERATIONS[call.operation]} {call.model}".strip(),
            root,
            parent,
            SpanKind.SERVER,
            (call.started, call.seconds),
            _of_call(call),
        )
        for place, attempt in enumerate(call.attempts):
            yield self._span(
                f"{OPERATIONS[call.operation]} {attempt.deployment}",
                _context(trace, call.id, str(place)),
                root,
                SpanKind.CLIENT,
                (attempt.started, attempt.seconds),
                _of_attempt(call, attempt),
            )

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        times: tuple[float, float],
        attributes: dict[str, Value],
    ) -> ReadableSpan:
        started, seconds = times
        failed = ERROR_TYPE in attributes
        return ReadableSpan(
            name,
            context=context,
            parent=parent,
            kind=kind,
            resource=self._resource,
            attributes=attributes,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=int(started * NANO),
            end_time=int((started + seconds) * NANO),
        )


def exporter(endpoint: str, *, seconds: float = 5.0) -> SpanExporter:
    """Sends spans to a collector over OTLP/HTTP; *endpoint* is the whole URL of its traces."""
    return OTLPSpanExporter(endpoint=endpoint, timeout=seconds)


# Below: private.


def _bare(call: ServedCall) -> ServedCall:
    """*call* without its bodies, which spans do not need."""
    return replace(call, request="", answer="") if call.request or call.answer else call


def _of_call(call: ServedCall) -> dict[str, Value]:
    found: dict[str, Value] = {
        gen_ai.GEN_AI_OPERATION_NAME: OPERATIONS[call.operation],
        gen_ai.GEN_AI_PROVIDER_NAME: SPOKEN,
        gen_ai.GEN_AI_REQUEST_MODEL: call.model,
        HTTP_RESPONSE_STATUS_CODE: call.status,
        "escalera.request": call.id,
        "escalera.overhead_seconds": call.overhead,
        "escalera.cost_micro_dollars": call.cost,
    }
    for name in ("key", "system", "task", "decision"):
        if value := getattr(call, name):
            found[f"escalera.{name}"] = value
    if call.error:
        found[ERROR_TYPE] = call.error
    return found


def _of_attempt(call: ServedCall, attempt: Attempt) -> dict[str, Value]:
    found: dict[str, Value] = {
        gen_ai.GEN_AI_OPERATION_NAME: OPERATIONS[call.operation],
        gen_ai.GEN_AI_PROVIDER_NAME: SPOKEN,
        gen_ai.GEN_AI_REQUEST_MODEL: attempt.deployment,
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: attempt.prompt_tokens,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: attempt.completion_tokens,
        "escalera.purpose": attempt.purpose,
        "escalera.cost_micro_dollars": attempt.cost,
    }
    if attempt.status:
        found[HTTP_RESPONSE_STATUS_CODE] = attempt.status
    if attempt.first_byte is not None:
        found["escalera.first_byte_seconds"] = attempt.first_byte
    if attempt.fault:
        found[ERROR_TYPE] = attempt.fault
        found["escalera.blame"] = attempt.blame
    return found


def _parent(trace: str) -> SpanContext:
    """The caller's span, by its `traceparent`."""
    _, known, span, flags = trace.split("-")
    return SpanContext(
        trace_id=int(known, 16),
        span_id=int(span, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
    )


def _context(trace: int, call: str, place: str) -> SpanContext:
    """Ids that follow from the request's; never 0, which would be no id."""
    return SpanContext(
        trace_id=trace,
        span_id=int.from_bytes(_digest(f"{call}/{place}", 8)) or 1,
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()
