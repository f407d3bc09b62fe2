"""How long a call is tried again, and what a refusal means."""

from __future__ import annotations

import pytest

from escalera.domain.message import Decoding, Message, Request
from escalera.edges.providers.patience import Patience, backoff, refused, retry_after
from escalera.errors import (
    AccessRefused,
    CallFailed,
    Overloaded,
    ProviderUnavailable,
    RequestRejected,
)


def ask(text: str = "hello") -> Request:
    return Request(messages=(Message(role="user", content=text),), decoding=Decoding(max_tokens=9))


def test_retry_after_that_says_nothing() -> None:
    """Nonsense, and a date without a date to count from, are as good as no header."""
    for value in ("soon", "-1", "Sat, 21 Nov 2026 03:00:25 GMT", ""):
        assert retry_after({"retry-after": value}) is None
    past = {"retry-after": "Sat, 21 Nov 2026 03:00:25 GMT", "date": "Sun, 22 Nov 2026 03:00:25 GMT"}
    assert retry_after(past) == 0.0


def test_pauses_double_within_bounds_and_differ_between_requests() -> None:
    """A rerun waits alike; two requests that failed together do not come back together."""
    pauses = [backoff(ask(), attempt) for attempt in range(1, 12)]
    assert pauses == [backoff(ask(), attempt) for attempt in range(1, 12)]
    for attempt, pause in enumerate(pauses):
        assert 0.5 <= pause / min(0.5 * 2**attempt, 30.0) < 1.0
    assert backoff(ask("a"), 1) != backoff(ask("b"), 1)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, RequestRejected, False),
        (401, AccessRefused, False),
        (404, AccessRefused, False),
        (409, ProviderUnavailable, True),
        (429, Overloaded, True),
        (500, CallFailed, True),
        (503, ProviderUnavailable, True),
    ],
)
def test_what_a_status_means(status: int, kind: type, retryable: bool) -> None:  # noqa: FBT001
    """The error, whether another try may help, and the endpoint's own words with its request id."""
    fields = {"retry-after": "7", "x-request-id": "r1"}
    error = refused(status, fields, "no", provider="p", hint="Write less.")
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.retry_after == (7.0 if retryable else None)
    assert f"p: status {status}: no (request r1)" in str(error)


def test_load_is_waited_for_longer_than_failures() -> None:
    """Failures are counted; refusals for load only by the time that was waited."""
    failures, load = Patience("a", 2), Patience("a", 2)
    failed, busy = refused(503, {}, "", provider="p"), refused(429, {}, "", provider="p")
    assert failures.pause(failed) is not None
    assert failures.pause(failed) is None
    assert all(load.pause(busy) is not None for _ in range(10))
    assert load.pause(refused(429, {"retry-after": "600"}, "", provider="p")) is None
