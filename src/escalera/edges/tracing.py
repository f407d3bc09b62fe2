"""Served calls as OpenTelemetry spans, by the conventions for generative AI.

Spans are made from the records of the request log, in the thread that writes it: the way of a
request pays nothing for them. Where the caller sent a `traceparent`, the call is part of that
trace; else the trace's id follows from the id of the request, so that a call in the log is found
among the traces. The conventions are still in development; the names are those of the package that
is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from escalera.domain.call_log import CallQuery, Retention, Tally
from escalera.domain.traffic import Attempt, Operation, ServedCall
from escalera.ports.serving import CallLog

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
NANO = 1_000_000_000
Value = str | int | float


class TracedCalls:
    """A `CallLog` that also sends spans of *share* of the calls, and of every one that failed.

    Of calls within a caller's trace those are sent of which the caller keeps the trace.

    A collector that is away costs spans, never records: what it does not take is counted and told.
    *seconds* is a clock, *tell* says troubles in words.
    """

    def __init__(
        self,
        log: CallLog,
        exporter: SpanExporter,
        *,
        share: float,
        seconds: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self._log, self._exporter = log, exporter
        self._share, self._seconds, self._tell = share, seconds, tell
        self._until = 0.0
        self._resource = Resource.create({"service.name": "escalera"})
        self.dropped = 0

    def write(self, calls: Sequence[ServedCall], *, lost: int = 0, at: float = 0.0) -> None:
        """Add calls to the log, then send their spans."""
        self._log.write(calls, lost=lost, at=at)
        found = [one for call in calls if self._is_sampled(call) for one in self._spans(call)]
        if found:
            self._send(found)

    def read(self, wanted: CallQuery) -> Iterator[ServedCall]:
        """The calls of the log."""
        return self._log.read(wanted)

    def tally(self, wanted: CallQuery) -> Tally:
        """How much the log holds."""
        return self._log.tally(wanted)

    def trim(self, retention: Retention, now: float) -> int:
        """Remove what need not be kept."""
        return self._log.trim(retention, now)

    def close(self) -> None:
        """Close the log, and the way to the collector."""
        self._log.close()
        self._exporter.shutdown()

    # Private

    def _is_sampled(self, call: ServedCall) -> bool:
        if call.error or call.status >= 400:
            return True
        if call.trace:
            return _parent(call.trace).trace_flags.sampled
        return int.from_bytes(_digest(call.id, 8)) < self._share * 2**64

    def _send(self, spans: Sequence[ReadableSpan]) -> None:
        now = self._seconds()
        if now >= self._until and self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return
        if now >= self._until:
            self._tell(f"spans were not taken; none are sent for {REST:g} s")
            self._until = now + REST
        self.dropped += len(spans)

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
