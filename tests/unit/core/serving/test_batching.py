"""What follows an answer to a line of a batch."""

from __future__ import annotations

import pytest

from escalera.core.serving import batching
from escalera.core.serving.batching import COUNT, LineAnswer, NextAct, Tried, follows


@pytest.mark.parametrize("status", [200, 400, 403, 404, 413, 422])
def test_an_answer_counts(status):
    """And so does what is wrong with the line itself."""
    assert follows(LineAnswer(status=status), Tried()) == COUNT


@pytest.mark.parametrize("code", ["schema_unsatisfied", "answer_blocked"])
def test_what_would_be_billed_again_in_vain_counts(code):
    """Whatever its status."""
    assert follows(LineAnswer(status=502, code=code), Tried()) == COUNT


def test_a_key_that_is_good_for_nothing_ends_it():
    """Every other line would be refused as well."""
    assert follows(LineAnswer(status=401), Tried()).kind == "stop"


@pytest.mark.parametrize(
    ("code", "after", "seconds"),
    [
        ("rate_limit_exceeded", 7.0, 7.0),
        ("rate_limit_exceeded", 0.0, 1.0),
        ("insufficient_quota", 30_000.0, batching.LONGEST),
        ("insufficient_quota", None, batching.SPENT),
        ("store_unavailable", 1.0, 1.0),
        ("store_unavailable", None, batching.SPENT),
    ],
)
def test_limits_of_the_key_are_waited_for_without_end(code, after, seconds):
    """However often; and asked again before long, since an operator may raise them."""
    status = 503 if code == "store_unavailable" else 429
    answer = LineAnswer(status=status, code=code, retry_after=after)
    worn = Tried(times=99, faults=99, seconds=1e9)
    expected = NextAct(kind="wait", seconds=seconds, cause="limit")
    assert follows(answer, Tried()) == follows(answer, worn) == expected


def test_what_a_key_may_never_use_at_once_counts():
    """It would be waited for until the batch expires."""
    assert follows(LineAnswer(status=429, code="rate_limit_exceeded"), Tried()) == COUNT


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_model_that_fails_is_asked_again_later_each_time(status):
    """Up to a minute between two times, or as long as it says."""
    answer = LineAnswer(status=status, code="upstream_unavailable")
    waits = [follows(answer, Tried(times=times)).seconds for times in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    told = follows(LineAnswer(status=status, retry_after=9.0), Tried())
    assert told == NextAct(kind="wait", seconds=9.0, cause="fails")


def test_a_line_that_always_fails_is_given_up():
    """Soon where others are answered, after an hour where the model may be away."""
    answer = LineAnswer(status=500)
    assert follows(answer, Tried(times=50, seconds=3599)).kind == "wait"
    assert follows(answer, Tried(times=50, faults=4, seconds=599)).kind == "wait"
    assert follows(answer, Tried(times=50, faults=1, seconds=600)) == COUNT
    assert follows(answer, Tried(times=50, faults=5)) == COUNT
    assert follows(answer, Tried(times=50, seconds=3600)) == COUNT


def test_callers_who_wait_come_first():
    """But a batch goes on."""
    assert [batching.at_once(4, live) for live in (-1, 0, 1, 3, 4, 100)] == [4, 4, 3, 1, 1, 1]
