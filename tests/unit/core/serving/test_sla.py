"""What a provider kept of its promise, to the last attempt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving import sla
from escalera.domain.sla import Outage, Promise
from escalera.domain.traffic import Attempt, ServedCall

NOW = 1_800_000_000.0
HOUR = 3600.0


def attempt(at: float = NOW - 10, fault: str = "", **given: object) -> Attempt:
    blame = {"": "nobody", "cancelled": "nobody", "descriptors": "nobody"}.get(fault, "server")
    return Attempt(
        **{
            "deployment": "d",
            "purpose": "first",
            "started": at,
            "seconds": 1.0,
            "fault": fault,
            "blame": blame,
            **given,
        }
    )


def call(*attempts: Attempt, stream: bool = False) -> ServedCall:
    return ServedCall(
        id="r", started=NOW - 10, operation="chat", model="m", stream=stream, attempts=attempts
    )


def ledger(*attempts: Attempt, promise: Promise | None = None, stream: bool = False):
    calls = [call(one, stream=stream) for one in attempts]
    (found,) = sla.fold(calls, {"d": promise or Promise()}, until=NOW).ledgers
    return found


@pytest.mark.parametrize(
    ("promised", "attempts"),
    [(0.8, 10), (0.9, 10), (0.9, 1000), (0.95, 20), (0.99, 100), (0.999, 1000)],
)
def test_an_availability_that_is_just_what_was_promised_is_kept(promised: float, attempts: int):
    """Whatever 1 - promised is among binary numbers; one more failure breaks it."""
    allowed = round((1 - promised) * attempts)
    for failures, broken in ((allowed, ()), (allowed + 1, ("availability",))):
        bad = [attempt(fault="status", status=500)] * failures
        good = [attempt()] * (attempts - failures)
        assert ledger(*bad, *good, promise=Promise(availability=promised)).broken == broken


@pytest.mark.parametrize(
    ("given", "fate"),
    [
        (attempt(), "good"),
        (attempt(fault="status", status=500), "bad"),
        (attempt(fault="status", status=429), "bad"),
        (attempt(fault="unfinished", first_byte=0.1, status=200), "bad"),
        (attempt(fault="first-byte-timeout"), "bad"),
        (attempt(fault="status", status=400, blame="caller"), "caller"),
        (attempt(fault="status", status=401, blame="key"), "key"),
        (attempt(fault="cancelled"), "cancelled"),
        (attempt(fault="descriptors"), "cancelled"),
        (attempt(fault="cancelled", blame="server"), "cancelled"),
        (attempt(fault="empty", blame="nobody"), "bad"),
    ],
)
def test_whose_fault_it_was_decides_what_counts(given, fate):
    """The caller's mistakes and our own key are neither failures nor successes of a provider."""
    assert sla.fate(given) == fate
    found = ledger(given)
    counts = (found.good, found.bad, found.caller, found.key, found.cancelled)
    names = ("good", "bad", "caller", "key", "cancelled")
    assert dict(zip(names, counts, strict=True)) == {name: int(name == fate) for name in names}


def test_the_budget_is_what_the_promise_lets_fail():
    """99 % of 1,000: ten may fail, of which five did; callers' mistakes change nothing."""
    attempts = [attempt() for _ in range(995)] + [attempt(fault="reset") for _ in range(5)]
    attempts += [attempt(fault="status", status=400, blame="caller") for _ in range(500)]
    found = ledger(*attempts, promise=Promise(availability=0.99))
    assert found.availability == 0.995
    assert found.budget_used == pytest.approx(0.5)
    assert found.broken == ()
    assert found.faults == {"reset": 5}
    broken = ledger(*attempts, promise=Promise(availability=0.999))
    assert broken.budget_used == pytest.approx(5.0)
    assert broken.broken == ("availability",)


def test_where_nothing_may_fail_one_failure_breaks_the_promise():
    """And without a failure nothing is used; without an attempt nothing is known."""
    promise = Promise(availability=1.0)
    assert ledger(attempt(), promise=promise).budget_used == 0
    assert ledger(attempt(), attempt(fault="cut"), promise=promise).budget_used == math.inf
    assert ledger(attempt(fault="cancelled"), promise=promise).budget_used is None
    assert ledger(attempt(fault="cut")).budget_used is None


def test_burn_rates_look_at_the_last_hours():
    """A tenth failed in the last hour, nothing before: ten times too fast now, less over all."""
    recent = [attempt(NOW - 1800, "reset")] + [attempt(NOW - 1800)] * 9
    before = [attempt(NOW - 5 * HOUR)] * 90
    found = ledger(*recent, *before, promise=Promise(availability=0.99, days=2))
    assert [(one.seconds / HOUR, pytest.approx(one.rate)) for one in found.burns] == [
        (1, 10.0),
        (6, 1.0),
        (48, 1.0),
    ]
    (burn,) = ledger(attempt(), promise=Promise(availability=1.0, days=0.01)).burns
    assert burn.rate is None
    assert ledger(attempt()).burns == ()


def test_times_are_those_that_the_share_kept_to():
    """Of streams alone: the 95th of 100 first tokens, and the speed that 95 of 100 reached."""
    attempts = [
        attempt(first_byte=n / 100, seconds=n / 100 + 2.0, completion_tokens=2 * n + 1)
        for n in range(1, 101)
    ]
    promise = Promise(first_token_seconds=0.94, tokens_per_second=5.9, quantile=0.95)
    found = ledger(*attempts, promise=promise, stream=True)
    assert found.streams == 100
    assert found.first_token_seconds == 0.95
    assert found.tokens_per_second == pytest.approx(6.0)
    assert found.broken == ("first_token_seconds",)
    assert ledger(*attempts, promise=promise).first_token_seconds is None
    exact = ledger(attempt(first_byte=0.5, seconds=1.5, completion_tokens=11), stream=True)
    assert (exact.first_token_seconds, exact.tokens_per_second) == (0.5, 10.0)
    single = ledger(attempt(first_byte=1.0, seconds=1.0, completion_tokens=1), stream=True)
    assert (single.first_token_seconds, single.tokens_per_second) == (1.0, None)


def test_an_outage_is_three_failures_in_a_row():
    """From the first of them to the end of the next success; two are none; one may last still."""
    story = "gbbgbbbbggbbb"
    attempts = [
        attempt(NOW - 1000 + 10 * n, "" if one == "g" else "reset") for n, one in enumerate(story)
    ]
    found = ledger(*reversed(attempts))
    assert found.outages == (
        Outage(since=NOW - 960, until=NOW - 919, attempts=4),
        Outage(since=NOW - 900, until=None, attempts=3),
    )
    assert found.out_seconds == 41 + 900


def test_what_does_not_count_neither_makes_nor_ends_an_outage():
    """A caller's mistake between failures is no success."""
    attempts = [attempt(NOW - 100 + n, "reset") for n in range(3)]
    attempts.insert(1, attempt(NOW - 99.5, "status", status=400, blame="caller"))
    assert [one.attempts for one in ledger(*attempts).outages] == [3]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.booleans()), max_size=40))
def test_outages_agree_with_a_slow_reference(attempts):
    """Runs of failures by their ends, read one by one."""
    since = np.array([float(begin) for begin, _, _ in attempts])
    until = np.array([float(begin + took) for begin, took, _ in attempts])
    good = np.array([fine for _, _, fine in attempts], dtype=bool)
    expected, run = [], []
    ordered = sorted(range(len(attempts)), key=lambda place: until[place])
    for place in [*ordered, None]:
        if place is not None and not good[place]:
            run.append(place)
            continue
        if len(run) >= 3:
            end = None if place is None else until[place]
            begin = min(since[one] for one in run)
            expected.append(Outage(since=begin, until=end, attempts=len(run)))
        run = []
    assert sla.outages(since, until, good=good) == tuple(expected)


def test_every_call_and_attempt_is_accounted_for():
    """Also calls that asked nobody, other deployments, and what is older than its window."""
    calls = [
        call(attempt(), attempt(fault="cut", deployment="e")),
        call(),
        call(attempt(NOW - 3 * 86_400)),
        call(attempt(NOW - 3 * 86_400, deployment="e")),
    ]
    found = sla.fold(calls, {"d": Promise(days=2), "unused": Promise()}, until=NOW)
    assert (found.calls, found.unasked, found.attempts, found.outside) == (4, 1, 4, 1)
    assert [(one.name, one.attempts) for one in found.ledgers] == [
        ("d", 1),
        ("e", 2),
        ("unused", 0),
    ]
    assert sum(one.attempts for one in found.ledgers) + found.outside == found.attempts
    whole = sla.fold(calls, {"d": Promise(days=2)}, until=NOW, since=0.0)
    assert (whole.outside, whole.ledgers[0].attempts, whole.ledgers[0].since) == (0, 2, 0.0)


def test_deployments_of_one_provider_can_be_one_account():
    """Three failures in a row at the provider, over two of its models."""
    calls = [call(attempt(NOW - 9, "reset", deployment=name)) for name in ("a", "b", "a")]
    found = sla.fold(calls, {}, until=NOW, group=lambda name: "host")
    assert [(one.name, one.bad, len(one.outages)) for one in found.ledgers] == [("host", 3, 1)]


def test_money_and_tokens_are_summed():
    """Of every attempt, also of those that do not count."""
    found = ledger(
        attempt(prompt_tokens=5, completion_tokens=2, cost=7),
        attempt(fault="cancelled", prompt_tokens=5, cost=5),
    )
    assert (found.tokens, found.micro_dollars) == (12, 12)
