"""Served calls as spans."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs OpenTelemetry: pip install -e '.[otel]'")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from escalera.domain.traffic import Attempt, ServedCall
from escalera.edges import tracing
from escalera.edges.tracing import REST, Spans

FAILED = Attempt(
    deployment="a",
    purpose="first",
    started=1_000.0,
    seconds=0.5,
    status=500,
    fault="status",
    blame="server",
)
ANSWERED = Attempt(
    deployment="b",
    purpose="fallback",
    started=1_000.5,
    seconds=1.0,
    first_byte=0.25,
    status=200,
    prompt_tokens=3,
    completion_tokens=4,
    cost=11,
)


def call(number: int = 0, **more: Any) -> ServedCall:
    values = {
        "id": f"req_{number:08x}",
        "started": 1_000.0,
        "operation": "chat",
        "model": "m",
        "key": "k",
        "status": 200,
        "seconds": 2.0,
        "overhead": 0.125,
        "attempts": (FAILED, ANSWERED),
    }
    return ServedCall(**{**values, **more})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Sent:
    """Spans that are sent to *exporter* by the time `take` is back, and what is told."""

    def __init__(self, exporter: Any, *, share: float = 1.0) -> None:
        self.said: list[str] = []
        self.clock = Clock()
        self.spans = Spans(exporter, share=share, seconds=self.clock, tell=self.said.append)

    def take(self, calls: Sequence[ServedCall]) -> None:
        self.spans.take(calls)
        self.spans.drained()


def test_a_call_and_its_attempts_are_one_trace() -> None:
    """Names, times, tokens and faults, by the conventions."""
    exporter = InMemorySpanExporter()
    made = Sent(exporter)
    made.take([call()])
    root, first, second = exporter.get_finished_spans()
    assert (root.name, root.kind, root.parent) == ("chat m", SpanKind.SERVER, None)
    assert (root.start_time, root.end_time) == (1_000 * 10**9, 1_002 * 10**9)
    assert {one.context.trace_id for one in (root, first, second)} == {root.context.trace_id}
    assert len({one.context.span_id for one in (root, first, second)}) == 3
    for one in (first, second):
        assert one.kind is SpanKind.CLIENT
        assert one.parent == root.context
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes is not None
    assert (first.attributes["error.type"], first.attributes["escalera.blame"]) == (
        "status",
        "server",
    )
    assert second.attributes is not None
    assert second.attributes["gen_ai.operation.name"] == "chat"
    for one in (root, first, second):
        assert one.attributes is not None
        assert one.attributes["gen_ai.provider.name"] == "openai"
    assert second.attributes["gen_ai.usage.input_tokens"] == 3
    assert second.attributes["gen_ai.usage.output_tokens"] == 4
    assert second.attributes["http.response.status_code"] == 200
    assert root.attributes is not None
    assert root.attributes["escalera.key"] == "k"
    assert "error.type" not in root.attributes


def test_a_trace_is_found_by_the_id_of_its_request() -> None:
    """The same id leads to the same trace, and another to another."""
    exporter = InMemorySpanExporter()
    made = Sent(exporter)
    made.take([call(1), call(2)])
    made.take([call(1)])
    roots = [one for one in exporter.get_finished_spans() if one.parent is None]
    ids = [one.context.trace_id for one in roots]
    assert ids[0] == ids[2] != ids[1]


def test_a_call_is_part_of_its_caller_s_trace() -> None:
    """Below the caller's span, as long as the caller keeps the trace, whatever share is wanted."""
    exporter = InMemorySpanExporter()
    made = Sent(exporter, share=0.0)
    kept = f"00-{'ab' * 16}-{'cd' * 8}-01"
    made.take([call(1, trace=kept), call(2, trace=f"{kept[:-2]}00", attempts=(ANSWERED,))])
    root, *attempts = exporter.get_finished_spans()
    assert root.parent is not None
    assert root.parent.is_remote
    assert root.parent.span_id == int("cd" * 8, 16)
    assert {one.context.trace_id for one in (root, *attempts)} == {int("ab" * 16, 16)}
    assert [one.parent for one in attempts] == [root.context] * 2


def test_a_share_is_sent_and_every_failure() -> None:
    """By the id of the request, so that the same ones are sent everywhere."""
    exporter = InMemorySpanExporter()
    made = Sent(exporter, share=0.25)
    made.take([call(number, attempts=()) for number in range(2000)])
    assert len(exporter.get_finished_spans()) / 2000 == pytest.approx(0.25, abs=0.04)
    exporter.clear()
    made = Sent(exporter, share=0.0)
    made.take([call(1), call(2, status=502, error="upstream_timeout"), call(3, error="cut")])
    roots = [one for one in exporter.get_finished_spans() if one.parent is None]
    sent = [one.attributes["escalera.request"] for one in roots if one.attributes]
    assert sent == ["req_00000002", "req_00000003"]


class Away:
    """A collector that takes nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert spans
        self.asked += 1
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is held."""


def test_a_collector_that_is_away_costs_spans() -> None:
    """It is left alone for a while, told once, and what it did not get is counted."""
    away = Away()
    made = Sent(away)
    for _ in range(5):
        made.take([call(attempts=())])
    assert (away.asked, len(made.said), made.spans.dropped) == (1, 1, 5)
    made.clock.now += REST
    made.take([call(attempts=())])
    assert (away.asked, made.spans.dropped) == (2, 6)


class Hanging(InMemorySpanExporter):
    """A collector that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert self.gate.wait(10)
        return super().export(spans)


def test_nobody_waits_for_a_slow_collector() -> None:
    """A bounded number of calls waits for it, without bodies; the others are dropped and told."""
    slow, said = Hanging(), []
    spans = Spans(slow, share=1.0, seconds=Clock(), tell=said.append, room=3)
    began = time.monotonic()
    for number in range(5):
        spans.take([call(number, attempts=(ANSWERED,), request="r", answer="a")])
    assert time.monotonic() - began < 1
    assert spans.dropped == 4
    slow.gate.set()
    spans.drained()
    assert len(slow.get_finished_spans()) == 6
    assert said == ["4 spans were dropped: the collector is too slow"]
    spans.close()


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector on the loopback address."""
    got: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            got.append(ExportTraceServiceRequest.FromString(self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as in the library
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.network
def test_spans_reach_a_collector() -> None:
    """Over OTLP/HTTP, as protocol buffers."""
    with collector() as (endpoint, got):
        made = Sent(tracing.exporter(endpoint))
        made.spans.take([call()])
        made.spans.close()
    (sent,) = got
    (resource,) = sent.resource_spans
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert names == ["chat m", "chat a", "chat b"]
    assert made.said == []
