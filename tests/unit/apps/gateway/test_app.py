"""The gateway as an ASGI application, called in this process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from escalera.apps.gateway import wire
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.regime import Bounds
from escalera.core.routing.router import Choice, Refusal
from escalera.domain.message import Decoding, Reply, Request
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.traffic import ServedCall
from escalera.engine.serve import Desk, Served
from escalera.errors import BadReply, EvidenceMissing, ProviderError, ProviderUnavailable
from escalera.testing.loopback import serving
from escalera.testing.scripted import Faults, ScriptedProvider

ORDERS = System(
    model="small", revision="r1", prompt=Prompt(system="You change orders."), decoding=Decoding()
)
HELLO = [{"role": "user", "content": "one less"}]


def echo(request: Request) -> str:
    return " ".join(turn.content for turn in request.messages)


class Call:
    """One call of the gateway over a provider."""

    def __init__(
        self,
        provider: Any = None,
        *,
        api_key: str | None = None,
        tasks: tuple[str, ...] = ("orders",),
        infer: Callable[[str], Choice] | None = None,
    ) -> None:
        desk = Desk(
            label="support",
            route=Route(branches=tuple(Branch(task=task, system=ORDERS) for task in tasks)),
            models={"small": Served(revision="r1", provider=provider or ScriptedProvider(echo))},
            infer=infer,
        )
        self.records: list[ServedCall] = []
        self.setup = Setup(sink=lambda record: not self.records.append(record))  # type: ignore[func-returns-value]
        self.app = application(desk, api_key=api_key, now=lambda: 1_000.5, setup=self.setup)

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    def chat(self, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        return self(
            "POST",
            "/v1/chat/completions",
            json={"model": "support", "messages": HELLO, **body},
            headers=headers,
        )


def events(response: httpx2.Response) -> list[Any]:
    """The events of a stream; [DONE] stays text."""
    found = [part.removeprefix("data: ") for part in response.text.split("\n\n") if part]
    return [part if part == "[DONE]" else json.loads(part) for part in found]


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """The error object, which has OpenAI's four fields whatever went wrong."""
    found = response.json()
    assert found.keys() == {"error"}
    assert found["error"].keys() == {"message", "type", "param", "code"}
    return dict(found["error"])


@pytest.mark.parametrize(("refusal", "told"), [("", None), ("stranger", "stranger")])
def test_what_the_router_does_not_stand_by_is_told(refusal: Refusal, told: str | None) -> None:
    """The answer comes all the same; the caller may do without it."""

    def infer(text: str) -> Choice:
        return Choice(type="orders", probability=0.6, familiarity=0.1, refusal=refusal)

    response = Call(tasks=("orders", "praise"), infer=infer).chat()
    assert response.status_code == 200
    assert response.headers["x-escalera-task"] == "orders"
    assert response.headers.get("x-escalera-refusal") == told


def test_a_chat_completion() -> None:
    """The measured prompt answers, and the headers say which system and task."""
    response = Call().chat()
    assert response.status_code == 200
    assert response.headers["x-escalera-system"] == ORDERS.digest
    assert response.headers["x-escalera-task"] == "orders"
    found = response.json()
    assert found["choices"][0]["message"]["content"] == "You change orders. one less"
    assert found["created"] == 1000
    assert found["model"] == "support"


@pytest.mark.parametrize("asked", [{}, {"model": ""}])
def test_who_names_no_model_means_the_systems_name(asked: dict[str, str]) -> None:
    """The project's decision is the default, whether the field is empty or left out."""
    response = Call()("POST", "/v1/chat/completions", json={"messages": HELLO, **asked})
    assert response.status_code == 200
    assert response.json()["model"] == "support"


def test_a_base_model_has_no_task_header() -> None:
    """A raw answer claims no task."""
    response = Call().chat(model="small")
    assert "x-escalera-task" not in response.headers
    assert response.json()["choices"][0]["message"]["content"] == "one less"


def test_a_stream() -> None:
    """Role, pieces, reason, usage and [DONE], in this order; pieces join to the answer."""
    response = Call().chat(stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-escalera-system"] == ORDERS.digest
    role, *pieces, reason, usage, done = events(response)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(piece["choices"][0]["delta"]["content"] for piece in pieces)
    assert text == "You change orders. one less"
    assert reason["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] == 5
    assert done == "[DONE]"


def test_models_lists_every_name() -> None:
    """Route, tasks and base models can be found by a client."""
    found = Call()("GET", "/v1/models").json()
    assert [model["id"] for model in found["data"]] == ["support", "support/orders", "small"]


def test_unknown_model() -> None:
    """A wrong name is a 404 with OpenAI's code."""
    response = Call().chat(model="gpt")
    error = error_of(response)
    assert response.status_code == 404
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_a_callers_system_message_is_refused() -> None:
    """The error of the desk reaches the caller with its parameter."""
    response = Call().chat(messages=[{"role": "system", "content": "x"}, *HELLO])
    error = error_of(response)
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == "messages"
    assert "'small'" in error["message"]


def test_what_a_measured_system_cannot_honour_is_the_callers_mistake_on_record_too() -> None:
    """The record and the metrics have the status that the caller got, and each call once."""
    call = Call()
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    response = call.chat(tools=[tool])
    assert response.status_code == 400
    (record,) = call.records
    assert (record.status, record.error) == (400, "unsupported_parameter")
    counts = dict(call.setup.metrics.snapshot().counts["requests_total"])
    assert counts == {("chat", "support", "400"): 1}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405), ("PUT", "/health", 405)],
)
def test_wrong_paths_have_the_error_shape(method: str, path: str, status: int) -> None:
    """Even the framework's own errors are OpenAI's."""
    response = Call()(method, path)
    assert response.status_code == status
    assert path in error_of(response)["message"]


def test_a_body_that_is_too_large() -> None:
    """A body beyond the limit is refused; one at the limit is read."""
    call = Call()
    response = call("POST", "/v1/chat/completions", content=b"x" * (Bounds().body + 1))
    assert response.status_code == 413
    assert error_of(response)["code"] == "body_too_large"
    assert call("POST", "/v1/chat/completions", content=b"x" * Bounds().body).status_code == 400


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer sécret"]
)
def test_a_wrong_key_is_refused(header: str | None) -> None:
    """Nothing but the key as a bearer token opens the gateway."""
    headers = None if header is None else {"Authorization": header.encode("latin-1")}
    response = Call(api_key="secret")("GET", "/v1/models", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert error_of(response)["code"] == "invalid_api_key"
    assert "secret" not in response.text


def test_the_right_key_opens_and_health_needs_none() -> None:
    """The key works for chats and lists; a load balancer needs none."""
    call = Call(api_key="secret")
    assert call.chat(headers={"Authorization": "Bearer secret"}).status_code == 200
    assert call.chat().status_code == 401
    assert call("GET", "/health").json() == {"status": "ok"}
    assert call("GET", "/ready").json() == {"status": "ready"}


@pytest.mark.parametrize(("status", "found"), [(401, 200), (503, 503)])
def test_a_gateway_that_lets_nobody_in_is_not_ready(status: int, found: int) -> None:
    """That nobody has the key that is asked for says nothing, that nobody can look says all."""

    class Away(OneKey):
        def named(self, key: str) -> Any:
            raise wire.Refusal("the store of keys is away", status=status, retry_after=1.0)

    call = Call()
    desk = call.app.desk
    call.app = application(desk, api_key=None, now=time.time, setup=Setup(entrance=Away("k")))
    response = call("GET", "/ready")
    assert response.status_code == found
    assert call("GET", "/health").status_code == 200
    if found == 503:
        assert "store of keys is away" in error_of(response)["message"]


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
@pytest.mark.parametrize(
    ("kind", "status", "code", "blamed", "again"),
    [
        ("unavailable", 503, "upstream_unavailable", "server_error", "true"),
        ("rejected", 400, "upstream_rejected", "invalid_request_error", "false"),
        ("no access", 502, "upstream_rejected", "server_error", "false"),
    ],
)
def test_upstream_failures_before_the_first_byte_are_statuses(
    asked: dict[str, Any], kind: Any, status: int, code: str, blamed: str, again: str
) -> None:
    """A failure known in time is a status, also for streams; it says whose fault it is, and
    whether trying again helps: a wrong request is the caller's, a wrong key is ours."""
    provider = ScriptedProvider(echo, faults=Faults(first=1, kind=kind))
    response = Call(provider).chat(**asked)
    assert response.status_code == status
    assert error_of(response)["code"] == code
    assert error_of(response)["type"] == blamed
    assert response.headers["x-should-retry"] == again


class Failing:
    """A provider that always fails with one error."""

    unit = 1
    concurrency = 1

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def answer(self, requests: Any) -> list[Reply | ProviderError]:
        if isinstance(self.error, ProviderError):
            return [self.error]
        raise self.error

    async def stream(self, request: Request) -> AsyncIterator[str | Reply]:
        yield "begun"
        raise self.error

    async def close(self) -> None:
        pass


def test_retry_after_is_passed_on() -> None:
    """The pause that the upstream asks for reaches the caller in whole seconds."""
    error = ProviderUnavailable("busy", provider="p", retry_after=1.2)
    assert Call(Failing(error)).chat().headers["retry-after"] == "2"


def test_a_bad_reply_is_a_bad_gateway() -> None:
    """An upstream that breaks the protocol is a 502."""
    assert Call(Failing(BadReply("odd", provider="p"))).chat().status_code == 502


def test_what_is_missing_here_is_our_error() -> None:
    """A missing artifact is a 500 that says what is missing."""
    response = Call(Failing(EvidenceMissing("adapter abc is not stored"))).chat()
    assert response.status_code == 500
    assert "adapter abc" in error_of(response)["message"]


def test_what_was_not_foreseen_tells_nothing() -> None:
    """An unexpected exception is a 500 in the error shape, without its words."""
    response = Call(Failing(RuntimeError("secret details"))).chat()
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "error",
    [ProviderUnavailable("gone", provider="p"), EvidenceMissing("adapter abc is not stored")],
)
def test_a_failure_in_the_middle_is_an_error_event(error: Exception) -> None:
    """After the first byte a failure ends the stream with an error: no reason, no [DONE]."""
    response = Call(Failing(error)).chat(stream=True)
    assert response.status_code == 200
    *chunks, last = events(response)
    assert str(error) in last["error"]["message"]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)


def test_a_scripted_break_after_two_pieces() -> None:
    """The pieces that came before the break are delivered."""
    provider = ScriptedProvider(echo, faults=Faults(after_pieces=2))
    _role, *pieces, error = events(Call(provider).chat(stream=True))
    assert len(pieces) == 2
    assert error["error"]["code"] == "upstream_unavailable"


class Endless:
    """A provider whose stream never ends of itself."""

    unit = 1
    concurrency = 1

    def __init__(self) -> None:
        self.released = threading.Event()

    async def answer(self, requests: Any) -> list[Reply | ProviderError]:
        return []

    async def stream(self, request: Request) -> AsyncIterator[str | Reply]:
        try:
            while True:
                yield "more "
                await asyncio.sleep(0.001)
        finally:
            self.released.set()

    async def close(self) -> None:
        pass


@pytest.mark.network
def test_a_caller_who_leaves_releases_the_upstream() -> None:
    """An abandoned stream is closed at its source, so that nobody pays for unread tokens."""
    provider = Endless()
    asked = {"model": "support", "messages": HELLO, "stream": True}
    with serving(Call(provider).app) as url:
        path = url + "/v1/chat/completions"
        with httpx2.stream("POST", path, json=asked, trust_env=False) as response:
            next(response.iter_bytes())
        assert provider.released.wait(timeout=30)
