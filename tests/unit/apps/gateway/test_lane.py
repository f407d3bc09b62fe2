"""The fast lane changes nothing: with and without it a gateway says, keeps and counts alike."""

from __future__ import annotations

import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.end_to_end.raw_upstream import Upstream, whole
from tests.unit.apps.gateway.sockets import responses, said
from tests.unit.apps.gateway.twins import POOR, RICH, Twin, compare, settled, talk
from tests.unit.apps.gateway.upstreams import ANSWER

from escalera.apps.gateway import answers, fields
from escalera.edges.http import cohorts
from escalera.settings.gateway_table import TracesTable
from escalera.settings.guard_table import GuardTable
from escalera.testing.upstream import FAULTS, Mock, Pace, serving

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

OVER_SOCKETS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True, scope="module")
def _everything_waits():
    """Also what comes in a turn of few, which would be done at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cohorts, "DIRECT", 0)
        yield


def post(key=RICH, *, path=b"/v1/chat/completions", close=False, **body):
    """A request that takes the fast lane, unless something is said of it."""
    text = json.dumps({"model": "a", "messages": [], "max_tokens": 9, **body}).encode()
    last = b"Connection: close\r\n" if close else b""
    head = (
        b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n%bContent-Length: %d\r\n\r\n"
    )
    return head % (path, key, last, len(text)) + text


def mocks(first=0.0, gap=0.0):
    """Upstreams that answer after some seconds: `a` falls back to `b`, and is `alone` as well."""

    def begin(stack: ExitStack):
        pace = Pace(tokens=5, first=first, gap=gap)
        found = {name: Mock(name=name, pace=pace) for name in "ab"}
        for mock in found.values():
            stack.enter_context(serving(mock))
        return {**found, "alone": found["a"]}

    return begin


class Told(Upstream):
    """Gives one answer after the other, in pieces, the last again and again."""

    def __init__(self, *answers):
        super().__init__()
        self.left = list(answers)
        self.answer = self
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __iter__(self):
        return iter(self.left.pop(0) if len(self.left) > 1 else self.left[0])


def raw(*answers):
    """An upstream that says exactly this."""

    def begin(stack: ExitStack):
        upstream = Told(*answers)
        stack.callback(upstream.close)
        return {"a": upstream}

    return begin


def sent(*requests):
    """The story of requests one after the other on one connection."""
    return lambda twin: talk(twin.port, *requests)


def test_what_goes_well_takes_the_lane():
    """All but the first request, for which money has to be leased."""
    told, taken = compare(sent(*[post()] * 5), mocks())
    assert taken == {"answered": 4}
    assert len(told["records"]) == 5
    assert {call.status for call in told["records"]} == {200}


def test_an_idle_connection_keeps_no_body():
    """On both ways: callers may hold many connections, and bodies may be long."""
    kept = []

    def story(twin):
        told = b""
        with socket.create_connection(("127.0.0.1", twin.port)) as caller:
            for count in (1, 2, 3, 4, 5):
                caller.sendall(post(messages=[{"role": "user", "content": "x" * 100_000}]))
                while sum(one.whole for one in responses(told)) < count:
                    told += caller.recv(65_536)
            kept.extend(len(one.cycle.body) for one in twin.server.server_state.connections)
        return told

    _, taken = compare(story, mocks())
    assert taken["answered"] >= 2  # the last ones: the first wait for their leases
    assert kept == [0, 0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v1/completions", {"prompt": "x"}),
        (b"/v1/embeddings", {"input": "x"}),
        (b"/v1/responses", {"input": "x"}),
    ],
)
def test_every_operation_takes_it(path, body):
    """And each is read as what it is."""
    _, taken = compare(sent(*[post(path=path, **body)] * 3), mocks())
    assert taken["answered"] == 2


def test_the_trace_of_a_caller_is_kept_where_spans_are_sent():
    """On both ways: the first request waits for its lease, the others take the lane."""
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    traced = post().replace(b"Host: x", b"Host: x\r\ntraceparent: " + parent.encode())
    traces = TracesTable(endpoint="http://127.0.0.1:9/v1/traces")
    told, taken = compare(sent(traced, traced, post()), mocks(), traces=traces)
    assert sorted(call.trace for call in told["records"]) == ["", parent, parent]
    assert taken["answered"] == 2
    told, _ = compare(sent(traced), mocks())
    assert [call.trace for call in told["records"]] == [""]


@pytest.mark.parametrize("fault", sorted(n for n, one in FAULTS.items() if "whole" in one.forms))
def test_every_fault_ends_alike(fault):
    """One that comes once, between answers: what the caller gets, and what is kept of it."""

    def story(twin):
        heard = talk(twin.port, post(), post())
        a = twin.upstreams["a"]
        for name in ("a", "alone"):
            a.fault, a.times = fault, 1
            heard += talk(twin.port, post(model=name), post(model=name))
        return heard

    _, taken = compare(story, mocks())
    assert taken["answered"] >= 1


@OVER_SOCKETS
@given(st.lists(st.integers(0, 400), max_size=3), st.sampled_from([0.001, 0.02, 0.1]))
def test_no_cut_of_an_answer_changes_anything(places, pause):
    """It may come in pieces, and one of them late."""
    response = whole(ANSWER)
    edges = [0, *sorted({place % len(response) for place in places}), len(response)]
    pieces = [response[a:b] for a, b in itertools.pairwise(edges)]
    cut = [one for piece in pieces for one in (piece, pause)][:-1]
    told, _ = compare(sent(*[post()] * 4), raw([response], [response], cut, [response]))
    assert told["responses"].count(ANSWER) == 4


def test_what_is_no_answer_at_once_is_handed_over():
    """Late, said to be compressed, empty, or of another status."""
    late = [0.6, whole(ANSWER)]
    packed = whole(ANSWER).replace(b"Content-Type", b"Content-Encoding: gzip\r\nContent-Type")
    for answer in (late, [packed], [whole(b"")], [whole(ANSWER, b"201 No")]):
        _, taken = compare(sent(*[post()] * 3), raw([whole(ANSWER)], answer, [whole(ANSWER)]))
        assert taken["handed over"] >= 1


def test_an_answer_that_ends_with_its_connection_is_one():
    """It has no length; the next request is asked on a new connection."""
    bare = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + ANSWER
    told, taken = compare(sent(*[post()] * 3), raw([whole(ANSWER)], [bare, "end"], [whole(ANSWER)]))
    assert told["responses"].count(ANSWER) == 3
    assert taken == {"answered": 1, "handed over": 1}


LINES = st.lists(
    st.sampled_from(
        [
            post(),
            post(stream=True),
            post(model="b"),
            post(model="unknown"),
            post(b"esk-unknown"),
            post(b""),
            post(max_tokens=-1),
            post(n=2),
            post(messages="x" * 70_000),
            post(path=b"/v1/embeddings"),
            post().replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
            post().replace(b"Host: x", b"Host: x\r\nContent-Type: text/plain"),
            post().replace(b" HTTP/1.1", b" HTTP/1.0"),
            post(stream=True).replace(b" HTTP/1.1", b" HTTP/1.0"),
            post()[:-1] + b"!",
            b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PUT /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        ]
    ),
    min_size=1,
    max_size=5,
)


@OVER_SOCKETS
@given(LINES, st.lists(st.integers(0, 3000), max_size=5))
def test_no_cut_of_requests_changes_anything(lines, places):
    """However they are cut, and however many are sent before the first is answered."""
    asked = b"".join([post(), *lines, post(close=True)])
    edges = [0, *sorted({place % len(asked) for place in places}), len(asked)]
    pieces = [asked[a:b] for a, b in itertools.pairwise(edges)]
    compare(lambda twin: talk(twin.port, post()) + said(twin.port, *pieces), mocks())


def test_a_connection_goes_on_after_errors():
    """Each request is answered for itself, whatever became of the one before."""
    wrong = [
        (post()[:-1] + b"!", 400),
        (post(b"esk-unknown"), 401),
        (post(model="unknown"), 404),
        (post().replace(b"Host: x", b"Host: x\r\nContent-Encoding: gzip"), 415),
        (post(n=0), 400),
        (b"PUT /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
    ]
    asked = [one for request, _ in wrong for one in (request, post())]
    seen = []

    def story(twin):
        heard = talk(twin.port, post(), *asked)
        seen.append([one.status for one in responses(heard)])
        return heard

    told, taken = compare(story, mocks())
    assert seen[0] == [200, *(status for _, wanted in wrong for status in (wanted, 200))]
    assert len(told["records"]) == 1 + len(wrong)
    assert taken["answered"] == len(wrong)


@pytest.mark.parametrize("cut", [1, 40])
def test_what_never_becomes_a_request_reserves_nothing(cut):
    """Its time is over before it is let in."""
    told, _ = compare(lambda twin: said(twin.port, post()[:-cut]), mocks())
    assert told["responses"].startswith(b"HTTP/1.1 408")
    assert told["records"] == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_ends_its_side_has_left(stream):
    """Nothing can be told from a caller who is gone: it is paid for and recorded as such."""

    def story(twin):
        heard = talk(twin.port, post()) + said(twin.port, post(stream=stream), end=True)
        time.sleep(0.8)
        return heard

    told, _ = compare(story, mocks(0.4))
    assert told["responses"].count(b"HTTP/1.1") == 1
    assert sorted(call.status for call in told["records"]) == [200, 499]


def test_every_request_that_is_let_in_is_recorded_once():
    """Whatever becomes of it: answered at once or as a stream, late, left, or failed."""

    def one(twin, number):
        heard = responses(talk(twin.port, post(), post(model="unknown"), post(model="b")))
        heard += responses(said(twin.port, post(stream=number % 2 == 0, close=True)))
        with socket.create_connection(("127.0.0.1", twin.port)) as caller:
            caller.sendall(post(stream=number % 2 == 1) * (1 + number % 2))
            time.sleep(0.02 * number)
        later = talk(twin.port, post(b"esk-unknown"), post(), post(n=0), post())
        return heard + responses(later)

    def story(twin):
        with ThreadPoolExecutor(8) as threads:
            calls = [threads.submit(one, twin, number) for number in range(8)]
            heard = [answer for call in calls for answer in call.result()]
        return {one.header(b"x-escalera-request") for one in heard if one.status == 200}

    for lane in (True, False):
        with ExitStack() as stack:
            twin = Twin(mocks(0.05)(stack), lane=lane)
            with twin.served():
                answered = story(twin)
                settled(twin)
        ids = [call.id.encode() for call in twin.records]
        assert len(ids) == len(set(ids))
        assert len(answered) == 8 * 5
        assert answered <= set(ids)
        assert len(ids) <= 8 * 5 + 8 + 4  # those whose callers have left
        assert twin.gateway.regime.requests == 0


def test_money_ends_alike():
    """A key that has little is let in as often, and pays the same."""
    told, taken = compare(sent(*[post(POOR, max_tokens=5)] * 60), mocks())
    assert taken["answered"] >= 2
    assert b"insufficient_quota" in told["responses"]


class Broken(list):
    """Records that cannot be kept."""

    def append(self, call):
        raise RuntimeError("the log is broken")


def test_a_fault_of_our_own_is_met_once(caplog):
    """The answer is out by then: it is not asked for again, and the next one is answered.

    What went wrong is in the log.
    """

    def story(twin):
        heard = talk(twin.port, post(), post())
        kept, twin.records = twin.records, Broken()
        heard += talk(twin.port, post())
        time.sleep(0.6)
        twin.records = kept
        return heard + talk(twin.port, post())

    told, _ = compare(story, mocks())
    assert told["responses"].count(b"200 OK") == 4
    assert len(told["records"]) == 3
    assert logged(caplog) == ["the log is broken"]


def logged(caplog):
    """What is told of faults on the fast lane."""
    told = [one for one in caplog.records if "fault of the gateway on the fast" in one.message]
    return [str(one.exc_info[1]) for one in told]


@pytest.mark.parametrize("place", [(fields, "read"), (fields, "written"), (answers, "read")])
def test_a_fault_of_ours_in_the_middle_is_a_500(place, monkeypatch, caplog):
    """Of what is asked and of what is answered: no 400, which blames the caller, and no silence,
    neither to the caller nor in the log."""
    real = getattr(*place)

    def failing(*given, **named):
        if any(isinstance(one, bytes | bytearray) and b"faulty" in one for one in given):
            raise RuntimeError("a fault of ours")
        return real(*given, **named)

    monkeypatch.setattr(*place, failing)
    faulty = whole(ANSWER.replace(b"assistant", b"faulty"))
    asked = post() if place[0] is answers else post(user="faulty")
    third = faulty if place[0] is answers else whole(ANSWER)
    told, taken = compare(
        lambda twin: b"".join(talk(twin.port, one) for one in (post(), post(), asked, post())),
        raw([whole(ANSWER)], [whole(ANSWER)], [third], [whole(ANSWER)]),
    )
    assert [one.status for one in responses(told["responses"])] == [200, 200, 500, 200]
    assert taken["answered"] >= 1
    assert logged(caplog) == ["a fault of ours"]


def test_many_at_once_pay_alike():
    """More is leased before a busy key is short of it; what is paid in the end is the same."""

    def story(twin):
        with ThreadPoolExecutor(16) as threads:
            asked = [post(max_tokens=9000)] * 6
            calls = [threads.submit(talk, twin.port, *asked) for _ in range(16)]
            return b"".join(call.result() for call in calls)

    told, taken = compare(story, mocks(0.02))
    assert len(told["records"]) == 16 * 6
    assert taken["answered"] >= 16


@pytest.mark.parametrize("seconds", [0.1, 0.45, 1.1])
def test_callers_who_leave(seconds):
    """Before the answer is there, early or late: it is paid for and recorded alike."""

    def story(twin):
        heard = talk(twin.port, post())
        with socket.create_connection(("127.0.0.1", twin.port)) as caller:
            caller.sendall(post())
            time.sleep(0.05)
        time.sleep(seconds + 0.3)
        return heard

    told, taken = compare(story, mocks(seconds))
    assert taken == {"handed over": 1}
    assert len(told["records"]) == 2


@pytest.mark.parametrize("seconds", [0.1, 0.45])
def test_a_reload_while_something_is_answered(seconds):
    """It goes on by what it began with; what that needs is closed after it."""

    def story(twin):
        heard = talk(twin.port, post())
        with socket.create_connection(("127.0.0.1", twin.port)) as caller:
            caller.sendall(post())
            time.sleep(0.05)
            twin.reload()
            heard += talk(twin.port, post(), post())
            caller.settimeout(5)
            while not heard.endswith(b"}") or heard.count(b"HTTP/1.1 200") < 4:
                heard += caller.recv(65536)
        return heard

    told, _ = compare(story, mocks(seconds))
    assert len(told["records"]) == 4


@pytest.mark.parametrize("seconds", [0.2, 0.45])  # a server looks ten times a second
def test_a_stop_waits_for_what_is_answered(seconds):
    """The answer comes, and says that it is the last of its connection."""

    def story(twin):
        heard = talk(twin.port, post())
        with socket.create_connection(("127.0.0.1", twin.port)) as caller:
            caller.sendall(post())
            time.sleep(0.05)
            twin.server.should_exit = True
            caller.settimeout(5)
            while more := caller.recv(65536):
                heard += more
        return heard

    told, _ = compare(story, mocks(seconds))
    assert told["responses"].count(b"connection: close") == 1
    assert len(told["records"]) == 2


@pytest.mark.parametrize("event", ["reload", "stop"])
def test_a_stream_goes_on_to_its_end(event):
    """Whatever the gateway is told meanwhile: it is whole, paid for and recorded."""

    def story(twin):
        heard = talk(twin.port, post())
        with socket.create_connection(("127.0.0.1", twin.port), timeout=5) as caller:
            caller.sendall(post(stream=True))
            streamed = caller.recv(65536)
            if event == "reload":
                twin.reload()
                heard += talk(twin.port, post())
            else:
                twin.server.should_exit = True
            while not streamed.endswith(b"0\r\n\r\n"):
                streamed += caller.recv(65536)
            is_last = event == "reload" or caller.recv(1) == b""
        (answer,) = responses(streamed)
        assert (answer.whole, is_last) == (True, True)
        return heard + answer.body

    told, _ = compare(story, mocks(gap=0.1))
    assert told["responses"].endswith(b"data: [DONE]\n\n")
    assert {call.status for call in told["records"]} == {200}
    assert len(told["records"]) == (3 if event == "reload" else 2)
    assert all(call.attempts[0].completion_tokens for call in told["records"])


@pytest.mark.parametrize("action", ["block", "redact", "flag"])
def test_guards(action):
    """What they find, on both sides, is dealt with alike."""
    secret = "mail me: jane.doe@example.org"
    body = json.loads(ANSWER)
    body["choices"][0]["message"]["content"] = secret
    leaking = whole(json.dumps(body).encode())
    asked = post(messages=[{"role": "user", "content": secret}])
    table = {"guards": {"g": GuardTable(kinds=["personal"], action=action)}}
    told, taken = compare(
        sent(post(), post(), asked, post()),
        raw([whole(ANSWER)], [whole(ANSWER)], [leaking]),
        **table,
    )
    assert taken["answered"] >= 1
    assert any(call.findings for call in told["records"]) or action == "block"
