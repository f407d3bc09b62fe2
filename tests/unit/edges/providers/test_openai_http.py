"""The HTTP client against a scripted server on the loopback address."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Reply, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.edges.providers.patience import backoff
from escalera.errors import (
    AccessRefused,
    AdapterUnusable,
    BadReply,
    Overloaded,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
    UpstreamFault,
)
from escalera.testing.loopback import serving

pytestmark = pytest.mark.network

KEY = "sk-very-secret-key"
USAGE = {"prompt_tokens": 4, "completion_tokens": 2}


def ask(text: str = "hello") -> Request:
    return Request(messages=(Message(role="user", content=text),), decoding=Decoding(max_tokens=9))


def whole(text: str = "Hi you") -> dict[str, Any]:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    return {"json": {"model": "m-1", "choices": [choice], "usage": USAGE}}


def piece(text: str = "", finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"model": "m-1", "choices": [choice], **more}


def streamed(*pieces: Any) -> dict[str, Any]:
    return {"events": [*pieces]}


GOOD_STREAM = streamed(piece("Hi"), piece(" you"), piece(finish="stop", usage=USAGE))


def refused(status: int, words: str = "no", **headers: str) -> dict[str, Any]:
    return {"status": status, "json": {"error": {"message": words}}, "headers": headers}


class Server:
    """Answers with the next script line; a function as line makes the line from the request."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.now = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        asked = json.loads(body + message["body"])
        self.asked.append(asked)
        self.paths.append(scope["path"])
        self.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
        self.now += 1
        self.most = max(self.most, self.now)
        line = self.script.pop(0) if self.script else whole(asked["messages"][0]["content"])
        try:
            await self.say(line, send)
        finally:
            self.now -= 1

    async def say(self, line: dict[str, Any], send: Any) -> None:
        if line.get("silent"):
            await asyncio.sleep(30)
        await asyncio.sleep(0.01)
        kind = "text/event-stream" if "events" in line else "application/json"
        headers = {"content-type": kind, **line.get("headers", {})}
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        status = line.get("status", 200)
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for event in line.get("events", ()):
            text = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {text}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        if line.get("stalls"):
            await asyncio.sleep(30)
        if line.get("cut"):
            raise ConnectionAbortedError
        body = line.get("body", json.dumps(line["json"]).encode() if "json" in line else b"")
        await send({"type": "http.response.body", "body": body})


class Clock:
    """Every reading is a second later; sleeping is written down, and over at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def seconds(self) -> float:
        self.now += 1.0
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Bench:
    """A server, and providers that ask it."""

    def __init__(self, url: str, server: Server) -> None:
        self.url = url
        self.server = server
        self.clock = Clock()

    def provider(self, *, api_key: str | None = KEY, **more: Any) -> OpenAIHTTP:
        endpoint = Endpoint(name="tiny", base_url=self.url + "/v1", model="m", api_key=api_key)
        return OpenAIHTTP(endpoint, clock=self.clock, **more)

    def answer(self, *requests: Request, **more: Any) -> Sequence[Reply | ProviderError]:
        provider = self.provider(**more)
        return run(closing(provider, provider.answer(requests)))

    def stream(self, **more: Any) -> list[str | Reply | ProviderError]:
        """What a stream gives, with the error that ends it."""
        provider = self.provider(**more)
        return run(closing(provider, pieces_of(provider.stream(ask()))))


async def pieces_of(stream: AsyncIterator[str | Reply]) -> list[str | Reply | ProviderError]:
    found: list[str | Reply | ProviderError] = []
    try:
        async for item in stream:
            found.append(item)  # noqa: PERF401  what came before an error counts
    except ProviderError as error:
        found.append(error)
    return found


async def closing(provider: OpenAIHTTP, work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    finally:
        await provider.close()


def run(work: Any) -> Any:
    return asyncio.run(work)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A scripted server; what it raises on purpose is not a failure of a test."""
    server = Server()
    logging.getLogger("uvicorn.error").disabled = True
    with serving(server) as url:
        yield Bench(url, server)
    logging.getLogger("uvicorn.error").disabled = False


def test_a_reply(bench: Bench) -> None:
    """Text, usage, cost and the clock's seconds; the request is OpenAI's, with the key."""
    bench.server.script = [whole("Hi")]
    (reply,) = bench.answer(ask(), price=ModelPrice(prompt=1_000_000, completion=2_000_000))
    assert reply == Reply(
        text="Hi",
        finish_reason="stop",
        usage=Usage(prompt_tokens=4, completion_tokens=2),
        micro_dollars=8,
        seconds=1.0,
        revision="m-1",
    )
    assert bench.server.paths == ["/v1/chat/completions"]
    assert bench.server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert bench.server.asked[0]["model"] == "m"


def test_without_key_and_price(bench: Bench) -> None:
    """No key, no header; no price, no cost rather than 0."""
    (reply,) = bench.answer(ask(), api_key=None)
    assert isinstance(reply, Reply)
    assert reply.micro_dollars is None
    assert "authorization" not in bench.server.headers[0]


def test_order_and_bounded_concurrency(bench: Bench) -> None:
    """Many requests come back in order, and never more than `concurrency` are in flight."""
    texts = [f"n{number}" for number in range(12)]
    replies = bench.answer(*(ask(text) for text in texts), concurrency=3)
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == texts
    assert 1 < bench.server.most <= 3


@pytest.mark.parametrize(
    "fault",
    [
        *(refused(status) for status in (408, 409, 425, 429, 500, 502, 503, 529)),
        {"body": b"<html>"},
        {"body": b""},
        {"json": {"choices": []}},
        {"cut": True},
        {"body": b"x", "headers": {"content-encoding": "gzip"}},
    ],
)
def test_what_may_work_later_is_tried_again(bench: Bench, fault: dict[str, Any]) -> None:
    """Overload, cut connections and broken replies are retried after doubling pauses."""
    bench.server.script = [fault, fault, whole("Hi")]
    (reply,) = bench.answer(ask())
    assert isinstance(reply, Reply)
    assert bench.clock.slept == [backoff(ask(), 1), backoff(ask(), 2)]


def test_trying_ends(bench: Bench) -> None:
    """After the last attempt the failure is the answer, with the server's words and id."""
    bench.server.script = [refused(503, "busy", **{"x-request-id": "r-9"})] * 9
    (error,) = bench.answer(ask(), attempts=3)
    assert isinstance(error, ProviderUnavailable)
    assert str(error) == "tiny: status 503: busy (request r-9)"
    assert error.request_id == "r-9"
    assert len(bench.server.asked) == 3


@pytest.mark.parametrize("status", [307, 400, 413, 422])
def test_a_refusal_is_final(bench: Bench, status: int) -> None:
    """The same request would fail again: one call, the server's message, the others answered."""
    bench.server.script = [refused(status, "too long")]
    first, second = bench.answer(ask(), ask(), concurrency=1)
    assert isinstance(first, RequestRejected)
    assert f"status {status}: too long" in str(first)
    assert isinstance(second, Reply)
    assert bench.clock.slept == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_name_is_no_property_of_a_request(bench: Bench, status: int) -> None:
    """What would refuse every call is told apart from what refuses one."""
    bench.server.script = [refused(status, "no such thing")]
    (error,) = bench.answer(ask())
    assert isinstance(error, AccessRefused)
    assert not error.retryable
    assert bench.clock.slept == []


def test_retry_after_is_honoured(bench: Bench) -> None:
    """Seconds, or a date against the response's own, lengthen the pause; never shorten it."""
    day = "Sat, 21 Nov 2026 03:00:{:02d} GMT"
    dated = {"retry-after": day.format(25), "date": day.format(5)}
    bench.server.script = [
        refused(429, **{"retry-after": "7"}),
        refused(503, **dated),
        refused(429, **{"retry-after": "0"}),
    ]
    (reply,) = bench.answer(ask())
    assert isinstance(reply, Reply)
    assert bench.clock.slept == [7.0, 20.0, backoff(ask(), 3)]


def test_an_overloaded_endpoint_is_waited_for(bench: Bench) -> None:
    """A refusal for overload says nothing against the call: patience ends it, not a count."""
    bench.server.script = [refused(429)] * 9
    (reply,) = bench.answer(ask(), attempts=2)
    assert isinstance(reply, Reply)
    assert reply.attempts == 10
    bench.server.script = [refused(429)] * 200
    (error,) = bench.answer(ask(), attempts=2)
    assert isinstance(error, Overloaded)
    assert 500 < sum(bench.clock.slept[9:]) <= 600


def test_a_call_that_waits_leaves_its_place_to_others(bench: Bench) -> None:
    """One slow or refused call does not starve the rest."""
    bench.server.script = [refused(500), whole("second"), whole("first")]
    first, second = bench.answer(ask(), ask(), concurrency=1)
    assert (first.text, second.text) == ("first", "second")


def test_a_very_long_pause_is_not_waited_for(bench: Bench) -> None:
    """An endpoint that asks for an hour is unavailable now; the caller learns how long."""
    bench.server.script = [refused(429, **{"retry-after": "3600"})]
    (error,) = bench.answer(ask())
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == 3600.0
    assert bench.clock.slept == []


def test_a_refused_dialect_is_learned_once(bench: Bench) -> None:
    """A server that wants the other limit gets it at once, without a pause, and ever after."""
    bench.server.script = [refused(400, "use max_completion_tokens instead")]
    first, second = bench.answer(ask(), ask(), concurrency=1)
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    limits = ["max_tokens" in asked for asked in bench.server.asked]
    assert limits == [True, False, False]
    assert bench.clock.slept == []


def test_an_endpoint_that_does_not_do_an_output_mode_says_so(bench: Bench) -> None:
    """What it refuses is no wrong answer: the error names the mode and the remedy."""
    request = replace(ask(), output=OutputContract(schema="{}", mode="json_object"))
    bench.server.script = [refused(400, "response_format is not supported")]
    (error,) = bench.answer(request)
    assert isinstance(error, RequestRejected)
    assert "'json_object': leave it out of the model's `output`" in str(error)


def test_a_schema_that_is_not_strict_enough_is_sent_as_it_is(bench: Bench) -> None:
    """A strict endpoint's refusal is learned from, and the answer comes."""
    schema = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}'
    request = replace(ask(), output=OutputContract(schema=schema, mode="json_schema"))
    bench.server.script = [refused(400, "Invalid schema for response_format: strict mode")]
    (reply,) = bench.answer(request)
    assert isinstance(reply, Reply)
    sent = [asked["response_format"]["json_schema"]["strict"] for asked in bench.server.asked]
    assert sent == [True, False]


@pytest.mark.parametrize("how", [{"choice": 1}, {"logprobs": 0}, {"verbatim": True}])
def test_what_only_models_here_do_is_not_asked_of_an_endpoint(
    bench: Bench, how: dict[str, Any]
) -> None:
    """Nothing is sent: what would be left out would change the answer."""
    (found,) = bench.answer(replace(ask(), **how))
    assert isinstance(found, RequestRejected)
    assert "ask the model by its own name" in str(found)
    assert not bench.server.asked


def test_a_grammar_is_not_an_endpoints(bench: Bench) -> None:
    """Constrained decoding needs the model's own tokens: nothing is sent."""
    request = replace(ask(), output=OutputContract(schema="{}", mode="constrained"))
    (error,) = bench.answer(request)
    assert isinstance(error, RequestRejected)
    assert bench.server.asked == []


@pytest.mark.parametrize("line", [{"silent": True}, {"stalls": True, "events": []}])
def test_a_silent_server_is_given_up(bench: Bench, line: dict[str, Any]) -> None:
    """Before the headers or after them: a server that says nothing more is unavailable."""
    for limits in (Timeouts(read=0.1), Timeouts(total=0.1)):
        bench.server.script = [line] * 2
        (error,) = bench.answer(ask(), attempts=1, timeouts=limits)
        assert isinstance(error, ProviderUnavailable)
        (ended,) = bench.stream(attempts=1, timeouts=limits)
        assert isinstance(ended, ProviderUnavailable)


@pytest.mark.parametrize("line", [refused(503), refused(429, **{"retry-after": "7"})])
def test_what_is_served_is_asked_once_and_holds_nobody_up(
    bench: Bench, line: dict[str, Any]
) -> None:
    """A gateway knows whom to ask instead, and a refusal keeps no other caller waiting."""
    bench.server.script = [line] * 30
    found = bench.answer(*[ask()] * 30, serving=True)
    assert {isinstance(error, ProviderUnavailable | Overloaded) for error in found} == {True}
    assert len(bench.server.asked) == 30
    assert bench.server.most > 8
    bench.server.script = [line]
    (ended,) = bench.stream(serving=True)
    assert isinstance(ended, ProviderError)
    assert len(bench.server.asked) == 31
    assert bench.clock.slept == []


def test_nobody_there() -> None:
    """A port that nobody listens on is unavailable, after all attempts."""
    clock = Clock()
    endpoint = Endpoint(name="gone", base_url="http://127.0.0.1:9/v1", model="m")
    provider = OpenAIHTTP(endpoint, clock=clock, attempts=2)
    (error,) = run(closing(provider, provider.answer([ask()])))
    assert isinstance(error, ProviderUnavailable)
    assert "gone: no connection" in str(error)
    assert len(clock.slept) == 1


def test_a_stream(bench: Bench) -> None:
    """Pieces as they come, then the whole reply with usage and cost."""
    bench.server.script = [GOOD_STREAM]
    *pieces, reply = bench.stream(price=ModelPrice(prompt=1_000_000, completion=2_000_000))
    assert pieces == ["Hi", " you"]
    assert isinstance(reply, Reply)
    assert (reply.text, reply.micro_dollars) == ("Hi you", 8)
    assert bench.server.asked[0]["stream"] is True


@pytest.mark.parametrize(
    "fault", [refused(503), whole(), streamed(), streamed("{"), {"events": [], "cut": True}]
)
def test_a_stream_is_tried_again_until_its_first_piece(bench: Bench, fault: dict[str, Any]) -> None:
    """Nothing has been said yet, so another try is unseen."""
    bench.server.script = [fault, GOOD_STREAM]
    *pieces, reply = bench.stream()
    assert pieces == ["Hi", " you"]
    assert isinstance(reply, Reply)
    assert len(bench.clock.slept) == 1


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (streamed(piece("Hi")), BadReply),
        (streamed(piece("Hi"), piece(finish="stop")), BadReply),
        (streamed(piece("Hi"), "[DONE]"), BadReply),
        (streamed(piece("Hi"), {"error": {"message": "boom"}}), ProviderUnavailable),
        ({"events": [piece("Hi")], "cut": True}, UpstreamFault),
    ],
)
def test_a_stream_that_breaks_is_never_a_finished_answer(
    bench: Bench, line: dict[str, Any], kind: type[ProviderError]
) -> None:
    """After the first piece a failure is raised; no reason is invented, nothing is repeated."""
    bench.server.script = [line]
    text, error = bench.stream()
    assert text == "Hi"
    assert type(error) is kind
    assert len(bench.server.asked) == 1


def test_an_adapter_is_refused_before_anything_is_sent(bench: Bench) -> None:
    """An endpoint cannot load our adapter; answering without it would be another system."""
    (error,) = bench.answer(Request(messages=ask().messages, adapter="a" * 64))
    assert isinstance(error, AdapterUnusable)
    assert bench.server.asked == []


def test_closing_twice_is_harmless(bench: Bench) -> None:
    """The second close does nothing."""
    provider = bench.provider()
    run(closing(provider, provider.close()))


def test_the_key_is_in_the_header_only(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a representation, not in an error (even one that repeats it), not in any log."""
    caplog.set_level(logging.DEBUG)
    provider = bench.provider()
    bench.server.script = [
        refused(401, f"Incorrect API key provided: {KEY}"),
        {"body": f"<p>{KEY}</p>".encode()},
    ]
    errors = [*bench.answer(ask(), attempts=1), *bench.answer(ask(), attempts=1)]
    chain: list[BaseException] = []
    for error in errors:
        assert isinstance(error, ProviderError)
        assert "***" in str(error)
        chain += [error, *filter(None, [error.__cause__, error.__context__])]
    words = [repr(provider), str(provider.__dict__), *map(repr, chain), *map(str, chain)]
    assert all(KEY not in word for word in words)
    assert caplog.records
    assert KEY not in caplog.text
    run(provider.close())
