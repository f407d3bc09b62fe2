"""Asking until an answer is there: whoever else can answer is asked, and nothing is left open."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.apps.gateway.upstreams import (
    ANSWER,
    Exchange,
    Upstream,
    asked,
    asking,
    away,
    broken,
    good,
    line,
    plan,
)

from escalera.apps.gateway import failing
from escalera.apps.gateway.asked import Opened, Problem
from escalera.apps.gateway.asking import Asking, Patience
from escalera.apps.gateway.board import Line, Plan, Tier
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.core.serving.hedging import HedgeBudget, HedgePolicy
from escalera.errors import AdapterUnusable, EvidenceMissing

TRIPPED = BreakerPolicy(streak=1)


def ask(found, request=None, **options):
    """What comes of asking, and the request with what was tried."""
    request = request or asked()
    return asyncio.run(asking(**options).ask(request, found)), request


def tried(request):
    return [(one.deployment, one.purpose, one.fault) for one in request.attempts]


class Refusing:
    """A target that finds a mistake of the caller's."""

    name = "refusing"

    def __init__(self, error=None):
        self.error = error or Refusal("tools are not supported here")

    async def send(self, asked, seconds):
        raise self.error


def refusing(error=None):
    return Line(target=Refusing(error), breaker=Breaker(BreakerPolicy()))


def test_the_first_answer_is_taken():
    """Nobody else is asked, and the exchange stays open for the answer to be passed on."""
    one, other = Upstream(good()), Upstream(good())
    found, request = ask(plan(line("a", one), line("b", other)))
    assert isinstance(found, Opened)
    assert (found.body, found.purpose, found.exchange.closed) == (ANSWER, "first", 0)
    assert (request.attempts, other.asked) == ([], [])


@pytest.mark.parametrize(
    "fault",
    [
        away("connect"),
        away("connect-timeout"),
        away("first-byte-timeout"),
        away("reset"),
        broken(500),
        broken(503),
        broken(429),
        broken(408),
        broken(302),
        broken(204),
        broken(401),
        broken(403),
        broken(404, "model_not_found"),
        broken(429, "insufficient_quota"),
        Exchange(b""),
        Exchange(b"<html>"),
        Exchange(b'{"choices":[]}'),
        Exchange(b'{"error":{"message":"no","type":"server_error"}}'),
        Exchange(b'{"cho', away("cut")),
        Exchange(b"\x1f\x8b", headers=((b"content-encoding", b"gzip"),)),
        Exchange(b'{"error":"\xff"}', status=500),
    ],
)
def test_whatever_is_not_the_callers_fault_leads_to_the_next(fault):
    """The fallback answers, the failed exchange is closed, and the attempt is recorded once."""
    bad, other = Upstream(fault), Upstream(good())
    found, request = ask(plan(line("a", bad), line("b", other)))
    assert isinstance(found, Opened)
    assert (found.provenance.deployment, found.purpose) == ("b", "fallback")
    assert [one[:2] for one in tried(request)] == [("a", "first")]
    assert all(exchange.closed == 1 for exchange in bad.given)


@pytest.mark.parametrize(
    "fault",
    [
        broken(400),
        broken(413),
        broken(422),
        broken(404, "response_not_found"),
        Exchange(b'{"error":{"message":"no","type":"invalid_request_error"}}'),
        Exchange(b'{"error":{"message":"no","code":"context_length_exceeded"}}'),
    ],
)
def test_the_callers_fault_is_never_hidden(fault):
    """Nobody else is asked, whoever else could answer; the upstream's words stay."""
    other = Upstream(good())
    found, _ = ask(plan(line("a", Upstream(fault)), line("b", other)))
    assert isinstance(found, Problem)
    assert (found.blame, found.message, other.asked) == ("caller", "no", [])


def test_where_nobody_answers_the_last_problem_is_told():
    """After everyone was asked, and the first once more."""
    one, other = Upstream(broken(500)), Upstream(broken(503))
    found, request = ask(plan(line("a", one), line("b", other)))
    assert isinstance(found, Problem)
    assert [one[:2] for one in tried(request)] == [
        ("a", "first"),
        ("b", "fallback"),
        ("a", "retry"),
    ]
    assert found.status == 500


def test_attempts_are_bounded():
    """However many could be asked."""
    lines = [line(str(n), Upstream(broken(500))) for n in range(9)]
    assert len(ask(plan(*lines), attempts=3)[1].attempts) == 3


def test_nobody_is_asked_after_the_deadline():
    """The time of all attempts together is the caller's."""
    other = Upstream(good())
    times = iter([0.0, 0.0, 5.0, 5.0, 5.0, 5.0])
    found, _ = ask(
        plan(line("a", Upstream(broken(500))), line("b", other)),
        asked(seconds=5.0),
        clock=lambda: next(times),
    )
    assert isinstance(found, Problem)
    assert other.asked == []


def test_each_attempt_gets_what_is_left_of_the_time():
    """An upstream is never given more than the caller has."""
    upstream = Upstream(good())
    ask(plan(line("a", upstream)), asked(seconds=7.0), clock=lambda: 3.0)
    assert upstream.asked[0][2] == 4.0


@pytest.mark.parametrize(
    ("fault", "billed"), [(away("cut"), True), (away("connect"), False), (broken(500), False)]
)
def test_a_further_attempt_is_reserved_where_the_last_may_be_billed(fault, billed):
    """Without money for it, it is not made; what cannot be billed costs nothing."""
    asks = []
    other = Upstream(good())
    request = asked(extend=lambda: bool(asks.append(1)))
    found, _ = ask(plan(line("a", Upstream(fault)), line("b", other)), request)
    assert isinstance(found, Problem) == billed
    assert len(asks) == billed
    assert len(other.asked) == (not billed)


@pytest.mark.parametrize(("wait", "again"), [(b"0.001", True), (b"30", False), (b"soon", True)])
def test_a_line_that_stands_alone_is_asked_again_after_a_pause(wait, again):
    """As soon as the provider says, where that is worth waiting for."""
    slow_down = broken(429, headers=((b"retry-after", wait),))
    upstream = Upstream(slow_down, good())
    found, request = ask(plan(line("a", upstream)), asked(seconds=1e9), clock=time.monotonic)
    assert isinstance(found, Opened) == again
    assert tried(request) == [("a", "first", "status")]


def test_a_line_that_is_left_alone_is_not_asked_again():
    """What fails for everyone gets one call a request, not two."""
    upstream = Upstream(broken(500))
    found, request = ask(plan(line("a", upstream, policy=TRIPPED)))
    assert isinstance(found, Problem)
    assert len(upstream.asked) == len(request.attempts) == 1


def test_a_line_whose_breaker_is_open_is_passed_over():
    """The answer says that it is a fallback's, though nothing was tried before it."""
    first = line("a", Upstream(broken(500)), policy=TRIPPED)
    lines = plan(first, line("b", Upstream(good)))
    ask(lines)
    found, request = ask(lines)
    assert isinstance(found, Opened)
    assert (found.provenance.deployment, found.purpose, tried(request)) == ("b", "fallback", [])


def test_where_all_breakers_are_open_the_first_is_asked_all_the_same():
    """A wrong breaker cannot keep everything away."""
    upstream = Upstream(broken(500), good())
    lines = plan(line("a", upstream, policy=TRIPPED))
    ask(lines)
    assert isinstance(ask(lines)[0], Opened)


@pytest.mark.parametrize(("status", "state"), [(500, "open"), (401, "open"), (400, "closed")])
def test_the_breaker_learns_whose_fault_it_was(status, state):
    """A caller's mistake says nothing against a deployment."""
    first = line("a", Upstream(broken(status)), policy=TRIPPED)
    ask(plan(first))
    assert first.breaker.state(0.0) == state


def test_a_machine_without_descriptors_says_nothing_of_a_deployment():
    """The breaker stays closed, the operator is told, and the next one is asked all the same."""
    said = []
    first = line("a", Upstream(away("descriptors")), policy=TRIPPED)
    found = Asking(
        clock=lambda: 0.0, draw=lambda: 0.0, patience=Patience(retries=0), tell=said.append
    )
    request = asked()
    answer = asyncio.run(found.ask(request, plan(first, line("b", Upstream(good())))))
    assert isinstance(answer, Opened)
    assert first.breaker.state(0.0) == "closed"
    assert [(one.deployment, one.blame) for one in request.attempts] == [("a", "nobody")]
    assert said == ["'a': no connection"]


def test_a_callers_mistake_that_a_target_finds_is_no_attempt():
    """It costs nothing: no model was asked."""
    request = asked()
    with pytest.raises(Refusal):
        ask(plan(refusing(), line("b", Upstream(good()))), request)
    assert request.attempts == []


def test_what_a_fallback_cannot_answer_does_not_hide_the_problem():
    """The request was good for the one that was asked first; the next one is asked."""
    lines = [line("a", Upstream(broken(500))), refusing()]
    found, request = ask(plan(*lines, line("c", Upstream(good()))))
    assert isinstance(found, Opened)
    assert [name for name, *_ in tried(request)] == ["a", "refusing"]
    found, _ = ask(plan(*lines), retries=0)
    assert isinstance(found, Problem)
    assert found.blame != "caller"


def test_what_is_missing_here_is_raised():
    """It is nobody's failure upstream."""
    with pytest.raises(EvidenceMissing):
        ask(plan(refusing(EvidenceMissing("adapter abc is not stored"))))


# Hedges


def hedged(*lines, most=1.0):
    return plan(*lines, after=0.005, most=most)


def test_a_slow_line_is_hedged_and_the_loser_is_given_up():
    """The second answers; the first is cancelled, and may be billed."""

    async def story():
        never = asyncio.Event()
        request = asked()
        slow = line("a", Upstream(never))
        found = await asking().ask(request, hedged(slow, line("b", Upstream(good()))))
        assert isinstance(found, Opened)
        assert (found.provenance.deployment, found.purpose) == ("b", "hedge")
        assert tried(request) == [("a", "first", "cancelled")]
        assert slow.load.in_flight == 0
        assert found.exchange.closed == 0

    asyncio.run(story())


def test_a_slow_line_that_hedges_beat_is_not_asked_first_again():
    """It never answers in time, and is not taken for one of which nothing is known."""

    async def story():
        slow, quick = Upstream(asyncio.Event(), asyncio.Event()), Upstream(good(), good(), good())
        lines = (line("a", slow), line("b", quick))
        hedges = HedgeBudget(HedgePolicy(after=0.005, most=1.0))
        both = Plan(name="m", tiers=(Tier(lines=lines),), hedges=hedges)
        start = time.monotonic()
        for _ in range(3):
            found = await asking(clock=lambda: time.monotonic() - start).ask(asked(), both)
            assert isinstance(found, Opened)
            assert found.provenance.deployment == "b"
        assert len(slow.asked) == 1
        assert lines[0].load.expected >= 0.005

    asyncio.run(story())


def test_a_loser_that_has_begun_to_answer_is_closed():
    """Its connection does not leak."""

    async def story():
        begun = Exchange(b'{"cho', asyncio.Event())
        found = await asking().ask(
            asked(), hedged(line("a", Upstream(begun)), line("b", Upstream(good())))
        )
        assert isinstance(found, Opened)
        assert begun.closed == 1

    asyncio.run(story())


def test_of_two_answers_at_once_one_is_closed_and_both_are_paid_for():
    """Nothing that a provider bills is forgotten."""

    async def story():
        gate = asyncio.Event()
        one, other = Upstream(gate), Upstream(gate)
        request = asked()
        asyncio.get_running_loop().call_later(0.03, gate.set)
        found = await asking().ask(request, hedged(line("a", one), line("b", other)))
        assert isinstance(found, Opened)
        assert sorted(each.closed for each in (*one.given, *other.given)) == [0, 1]
        assert found.exchange.closed == 0
        assert [fault for *_, fault in tried(request)] == ["cancelled"]

    asyncio.run(story())


def test_without_budget_for_a_hedge_the_fallback_stays():
    """A second call that may not be made now is made when the first has failed."""

    async def story():
        gate = asyncio.Event()
        failing = Exchange(gate, away("reset"))
        lines = hedged(line("a", Upstream(failing)), line("b", Upstream(good())), most=0.0)
        assert lines.hedges.take()
        asyncio.get_running_loop().call_later(0.03, gate.set)
        request = asked()
        found = await asking().ask(request, lines)
        assert isinstance(found, Opened)
        assert found.purpose == "fallback"
        assert tried(request) == [("a", "first", "reset")]

    asyncio.run(story())


def test_without_money_for_a_hedge_none_is_made():
    """A second call is one more that may be billed."""

    async def story():
        gate = asyncio.Event()
        other = Upstream(good())
        asyncio.get_running_loop().call_later(0.03, gate.set)
        request = asked(extend=lambda: False)
        found = await asking().ask(request, hedged(line("a", Upstream(gate)), line("b", other)))
        assert isinstance(found, Opened)
        assert (found.provenance.deployment, other.asked) == ("a", [])

    asyncio.run(story())


def test_a_hedge_that_fails_leaves_the_first_to_answer():
    """Also one that a target refuses."""

    async def story(other):
        gate = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, gate.set)
        found = await asking().ask(asked(), hedged(line("a", Upstream(gate)), other))
        assert isinstance(found, Opened)
        assert found.provenance.deployment == "a"

    asyncio.run(story(line("b", Upstream(broken(500)))))
    asyncio.run(story(refusing()))


def test_two_waits_at_once_are_counted_once():
    """What the gateway took itself is what is left of the whole."""

    async def story():
        loop = asyncio.get_running_loop()
        request = asked(seconds=1e9)
        began = loop.time()
        lines = hedged(line("a", Upstream(asyncio.Event())), line("b", Upstream(good())))
        found = await asking(clock=loop.time).ask(request, lines)
        assert isinstance(found, Opened)
        assert 0 <= request.waited + found.first_byte <= loop.time() - began

    asyncio.run(story())


@pytest.mark.parametrize("hedging", [False, True])
@pytest.mark.parametrize("turns", range(9))
def test_a_caller_who_leaves_leaves_nothing_open(hedging, turns):
    """At whatever moment: no exchange, no task, and what was asked is recorded."""

    async def story():
        gate = asyncio.Event()
        one, other = (
            Upstream(lambda: Exchange(gate, ANSWER)),
            Upstream(lambda: Exchange(gate, ANSWER)),
        )
        lines = [line("a", one), line("b", other)]
        request = asked()
        asks = plan(*lines, after=0.0) if hedging else plan(*lines)
        task = asyncio.ensure_future(asking().ask(request, asks))
        if turns > 4:
            gate.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        for _ in range(3):
            await asyncio.sleep(0)
        if not task.cancelled():  # it was answered before
            task.result().exchange.close()
        assert all(each.closed == 1 for each in (*one.given, *other.given))
        assert all(each.load.in_flight == 0 for each in lines)
        assert len(asyncio.all_tasks()) == 1
        answered = 0 if task.cancelled() else 1
        assert len(request.attempts) + answered == len(one.asked) + len(other.asked)

    asyncio.run(story())


def test_a_probe_that_is_given_up_makes_room_for_another():
    """A caller who leaves does not keep everyone away from a deployment that is well again."""

    async def story():
        now = [0.0]
        policy = BreakerPolicy(streak=1, hold=5.0)
        first = line("a", Upstream(broken(500), asyncio.Event(), good()), policy=policy)
        asks = asking(clock=lambda: now[0], retries=0)
        await asks.ask(asked(), plan(first))
        now[0] = 6.0
        task = asyncio.ensure_future(asks.ask(asked(), plan(first)))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert first.breaker.admits(6.0)

    asyncio.run(story())


OUTCOMES = st.sampled_from(
    [good, broken, lambda: away("cut"), lambda: away("connect"), lambda: broken(401)]
)


@given(st.lists(st.lists(OUTCOMES, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans())
def test_every_call_is_accounted_for(scripts, hedging):
    """Every upstream call is the answer or an attempt; of exchanges the answer's alone is open."""

    async def story():
        upstreams = [Upstream(*(make() for make in script)) for script in scripts]
        lines = [line(str(n), one) for n, one in enumerate(upstreams)]
        request = asked()
        asks = plan(*lines, after=0.0) if hedging else plan(*lines)
        found = await asking().ask(request, asks)
        answered = isinstance(found, Opened)
        calls = sum(len(one.asked) for one in upstreams)
        assert calls == len(request.attempts) + answered
        # The last line of a script is given again and again, and then closed as often.
        still_open = [each for one in upstreams for each in one.given if not each.closed]
        assert still_open == ([found.exchange] if answered else [])
        if not any(make is good for script in scripts for make in script):
            assert not answered

    asyncio.run(story())


def test_the_operator_is_told_what_callers_are_not():
    """Why a deployment cannot be had, once a minute; never a provider's own words of a key."""
    said = []
    clock = iter([0.0] * 40 + [61.0] * 40)
    found = Asking(
        clock=lambda: next(clock),
        draw=lambda: 0.0,
        patience=Patience(retries=0),
        tell=said.append,
    )
    gone, shut = Upstream(away()), Upstream(lambda: broken(401, "invalid_api_key"))
    route = plan(line("gone", gone), line("shut", shut))

    async def ask():
        for _ in range(2):
            await found.ask(asked(), route)

    asyncio.run(ask())
    assert said == [
        "'gone': no connection",
        "'shut': refuses our access: status 401, code 'invalid_api_key'",
    ]


def test_the_operator_is_told_why_what_was_finetuned_cannot_be_used():
    """Its file or its template is another one: that is no key that is wrong. Callers are told no
    more than that."""
    said = []
    told = "the adapter 'a' was taught other tokens"
    here = Upstream(AdapterUnusable(told, provider="here"))
    found = Asking(
        clock=lambda: 0.0, draw=lambda: 0.0, patience=Patience(retries=0), tell=said.append
    )
    problem = asyncio.run(found.ask(asked(), plan(line("here", here))))
    assert said == [f"'here': cannot answer: here: {told}"]
    reply = failing.of_problem(problem)
    assert reply.status == 502
    assert b"cannot use what was finetuned" in reply.body
    assert b"tokens" not in reply.body
