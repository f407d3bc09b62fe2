"""The hot paths: every request is answered, settled and recorded once, whatever happens."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from tests.unit.apps.gateway.upstreams import (
    ANSWER,
    EVENTS,
    PRICE,
    STREAM,
    Exchange,
    Upstream,
    away,
    broken,
    good,
    streamed,
)

from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.app import Setup, application
from escalera.engine.serve import Desk, Served
from escalera.settings.gateway_table import GatewayTable

KEY = b"sk-of-the-gateway"


class Kept(Admitted, eq=False):
    """Notes what is settled."""

    settled: list = msgspec.field(default_factory=list)

    def settle(self, asked, found, micro_dollars):
        self.settled.append((asked, found, micro_dollars))


class Door:
    """Lets everyone in, and keeps what is settled."""

    is_open = False

    def __init__(self):
        self.admitted_ = Kept(key="k1")

    def known(self, token):
        return self

    async def enter(self, token):
        return self

    def admitted(self, caller, asked, plan):
        return self.admitted_

    async def admit(self, caller, asked, plan):
        return self.admitted_

    async def open(self):
        """Nothing is held."""

    async def close(self):
        """Nothing is held."""


class World:
    """A gateway before upstreams `a` and `b`, and what it recorded."""

    def __init__(self, a, b=None, **table):
        self.records = []
        self.door = Door()
        self.a, self.b = a, b or Upstream(good)
        models = {
            name: Served(
                revision="r",
                provider=None,
                upstream=one,
                called=name,
                price=PRICE,
                secret=KEY.decode(),
            )
            for name, one in (("a", self.a), ("b", self.b))
        }
        desk = Desk(label="x", route=None, infer=None, models=models)
        setup = Setup(
            table=GatewayTable(fallbacks={"a": ["b"]}, **table),
            entrance=self.door,
            sink=lambda call: not self.records.append(call),
        )
        self.metrics = setup.metrics
        self.app = application(desk, api_key=None, now=lambda: 1_000.0, setup=setup)

    @property
    def record(self):
        (found,) = self.records
        return found

    @property
    def settled(self):
        (found,) = self.door.admitted_.settled
        return found


class Caller:
    """One caller: what is sent to it, and when it leaves."""

    def __init__(self, body=None, *, path="/v1/chat/completions", headers=(), pieces=None):
        body = json.dumps({"model": "a", "messages": [], **(body or {})}).encode()
        self.pieces = [body] if pieces is None else list(pieces)
        self.heard = []
        self.gone = asyncio.Event()
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": list(headers),
        }

    async def receive(self):
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        assert not self.heard or message["type"] == "http.response.body", "a second head"
        self.heard.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.gone.set()  # as servers say of a response that is whole

    @property
    def status(self):
        return self.heard[0]["status"]

    @property
    def headers(self):
        return dict(self.heard[0]["headers"])

    @property
    def body(self):
        return b"".join(message["body"] for message in self.heard[1:])


def ask(world, *body, **more):
    """One call; the caller when it is over."""

    async def story():
        caller = Caller(*body, **more)
        await asyncio.wait_for(world.app(caller.scope, caller.receive, caller.send), 10)
        return caller

    return asyncio.run(story())


def test_an_answer_is_passed_on_settled_and_recorded():
    """Once each."""
    world = World(Upstream(good))
    caller = ask(world)
    assert (caller.status, caller.body) == (200, ANSWER)
    assert (world.record.status, world.record.error, world.record.key) == (200, "", "k1")
    assert world.settled[2] == 3 * 1 + 4 * 2
    assert all(each.closed == 1 for each in world.a.given)


def test_a_fallback_says_that_it_is_one():
    """And after what."""
    caller = ask(World(Upstream(broken(500))))
    assert caller.headers[b"x-escalera-deployment"] == b"b"
    assert caller.headers[b"x-escalera-why"] == b"fallback after a status"


def test_the_callers_own_limit_stays():
    """The gateway's is for those who set none."""
    world = World(Upstream(good), max_tokens=7)
    ask(world, {"max_tokens": 5})
    ask(world, {})
    own, ours = (json.loads(body) for _, body, _ in world.a.asked)
    assert "max_completion_tokens" not in own
    assert ours["max_completion_tokens"] == 7


@pytest.mark.parametrize(
    ("pieces", "status", "code"),
    [
        ([b"x" * 600, b"x" * 600], 413, "body_too_large"),
        ([b"x" * 2000], 413, "body_too_large"),
        ([b""], 400, None),
        ([b"{", b"}"], 404, "model_not_found"),
        ([b'{"model":"a', b'","messages":[]}'], 200, None),
        ([b'{"model":"\xff"}'], 400, None),
        ([b'{"model":"' + b"a" * 600 + b'"}'], 400, None),
    ],
)
def test_bodies_are_bounded_and_read(pieces, status, code):
    """However they come."""
    caller = ask(World(Upstream(good), body_bytes=1024), pieces=pieces)
    assert caller.status == status
    if status != 200:
        assert json.loads(caller.body)["error"]["code"] == code


def test_a_caller_who_leaves_within_the_body_is_no_request():
    """Nothing is asked for it."""

    async def story():
        world = World(Upstream(good))
        caller = Caller(pieces=[b'{"model"', b""])
        caller.pieces = [b'{"model"']
        receive = caller.receive

        async def cut():
            message = await receive()
            return {**message, "more_body": True} if message["type"] == "http.request" else message

        caller.gone.set()
        await world.app(caller.scope, cut, caller.send)
        assert world.a.asked == []

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_is_not_answered_for(stream):
    """The upstream is left, and the most is settled: it may be billed."""

    async def story():
        never = asyncio.Event()
        pieces = [*STREAM[:2], never] if stream else [never]
        world = World(Upstream(Exchange(*pieces, headers=EVENTS)))
        caller = Caller({"stream": stream})
        task = asyncio.ensure_future(world.app(caller.scope, caller.receive, caller.send))
        await asyncio.sleep(0.01)
        caller.gone.set()
        await asyncio.wait_for(task, 5)
        assert world.a.given[0].closed == 1
        assert world.record.error == "caller_left"
        _, found, _ = world.settled
        assert found is None or found.usage is None
        assert [one.fault for one in world.record.attempts] == ["cancelled"]
        assert world.b.asked == []

    asyncio.run(story())


def test_a_stream_whose_end_comes_late_is_whole():
    """The caller has it all, and did not leave: that is what the record says."""

    async def story():
        end = asyncio.Event()
        world = World(
            Upstream(Exchange(STREAM[0], STREAM[1], 0.7, *STREAM[2:], end, headers=EVENTS))
        )
        caller = Caller({"stream": True, "stream_options": {"include_usage": True}})
        await asyncio.wait_for(world.app(caller.scope, caller.receive, caller.send), 5)
        assert caller.body == b"".join(STREAM)
        assert (world.record.status, world.record.error) == (200, "")
        assert world.settled[1].usage.completion == 4
        assert world.a.given[0].closed == 1

    asyncio.run(story())


def test_a_stream_that_is_cut_is_recorded_as_such():
    """What it took is not known."""
    world = World(Upstream(Exchange(*STREAM[:2], away("cut"), headers=EVENTS)))
    caller = ask(world, {"stream": True})
    assert b'"code":"upstream_unavailable"' in caller.body
    assert (world.record.status, world.record.error) == (200, "upstream_unavailable")
    assert world.settled[1].usage is None
    assert world.b.asked == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_ours_is_raised_and_nothing_leaks(stream):
    """With a 500 where nothing was said; a response that had begun gets no second head."""

    async def story():
        failing = Exchange(*(STREAM[:2] if stream else ()), RuntimeError("odd"), headers=EVENTS)
        world = World(Upstream(failing))
        caller = Caller({"stream": stream})
        with pytest.raises(Exception, match="odd"):
            await world.app(caller.scope, caller.receive, caller.send)
        assert caller.status == (200 if stream else 500)
        assert failing.closed == 1
        assert world.record.error == "internal_error"
        assert len(world.door.admitted_.settled) == 1
        assert b"odd" not in caller.body

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_a_record_that_cannot_be_kept_holds_no_connection(stream):
    """The answer is out by then, and what it came over is given back."""
    answered = Exchange(*STREAM, headers=EVENTS) if stream else good()
    world = World(Upstream(answered))

    def broken(ended):
        raise RuntimeError("the log is broken")

    world.app._hot._books.finished = broken

    async def story():
        caller = Caller({"stream": stream})
        with pytest.raises(AssertionError, match="a second head"):  # as a server says it
            await world.app(caller.scope, caller.receive, caller.send)
        return caller

    caller = asyncio.run(story())
    assert caller.status == 200
    assert answered.closed == 1
    assert len(world.door.admitted_.settled) == 1
    assert world.app.regime.requests == 0


def test_an_error_of_ours_before_a_request_is_let_in_is_counted():
    """It has no record: without the count nobody who looks at the metrics would see it."""
    world = World(Upstream(good))

    def broken(*_):
        raise RuntimeError("odd")

    world.door.admitted = broken
    with pytest.raises(RuntimeError, match="odd"):
        ask(world)
    counts = dict(world.metrics.snapshot().counts["requests_total"])
    assert counts == {("chat", "", "500"): 1}
    assert world.records == world.a.asked == []
    assert world.app.regime.requests == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 500, 503])
def test_our_key_upstream_is_told_to_nobody(stream, status):
    """Where an upstream says what it was sent, in whatever error."""
    error = {"error": {"message": f"bad key {KEY.decode()}", "type": "invalid_request_error"}}
    body = json.dumps(error).encode()
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", KEY)]
    world = World(Upstream(lambda: Exchange(body, status=status, headers=headers)))
    world.b.answers = [lambda: Exchange(body, status=500)]
    caller = ask(world, {"stream": stream})
    assert caller.status >= 400
    assert KEY not in repr(caller.heard).encode()
    assert KEY.decode() not in repr(world.records)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"content-encoding", b"gzip")], 415),
        ([(b"content-type", b"text/plain")], 415),
        ([(b"content-length", b"999999999")], 413),
    ],
)
def test_what_cannot_be_read_is_not_read(headers, status):
    """The head alone is enough."""
    world = World(Upstream(good))
    assert ask(world, headers=headers).status == status
    assert world.a.asked == []


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/v1/responses"])
def test_every_operation_is_asked_in_its_own_way(path):
    """And an answer of another kind is none."""
    world = World(Upstream(good), Upstream(good))
    caller = ask(world, path=path)
    assert caller.status == 502
    assert world.a.asked[0][0] == path.removeprefix("/v1")


def test_streams_of_many_are_answered_side_by_side():
    """No request waits for another, and each gets its own."""

    async def story():
        world = World(Upstream(streamed))
        callers = [Caller({"stream": True}) for _ in range(50)]
        await asyncio.gather(*(world.app(one.scope, one.receive, one.send) for one in callers))
        dropped = b"".join(STREAM).replace(STREAM[3], b"")
        assert {one.body for one in callers} == {dropped}
        assert len(world.records) == 50
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())
