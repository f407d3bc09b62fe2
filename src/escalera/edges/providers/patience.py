"""What a refusal of an endpoint means, and how long a call is tried again after it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from escalera.domain.identity import canonical
from escalera.errors import (
    AccessRefused,
    CallFailed,
    Overloaded,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)

RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 that are worth another try."""
OVERLOADED = frozenset({429, 529})
"""Statuses that speak of load: fewer calls at a time are the remedy."""
HINTS = {
    401: "Check the API key.",
    403: "Check what the API key may do.",
    404: "Check base_url and the model's name.",
}
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 120.0
"""Seconds; an endpoint that asks for a longer pause is not waited for."""
LONGEST_WAIT = 600.0
"""Seconds that one call waits for an overloaded endpoint, all pauses together."""


def refused(
    status: int, fields: Mapping[str, str], said: str, *, provider: str, hint: str = ""
) -> ProviderError:
    """The error that a response with a bad status is; *said* are the endpoint's words."""
    retried = status in RETRIED or status >= 500
    kind: type[ProviderError] = ProviderUnavailable if retried else RequestRejected
    if status in OVERLOADED:
        kind = Overloaded
    if status == 500:
        kind = CallFailed
    if status in HINTS:
        kind = AccessRefused
    return kind(
        f"status {status}: {said or 'no message'}",
        provider=provider,
        hint=HINTS.get(status, "" if retried else hint),
        request_id=fields.get("x-request-id"),
        retry_after=retry_after(fields) if retried else None,
    )


class Patience:
    """How often, and how long, one call for *asked* is tried again.

    Failures are counted; a refusal for overload says that the call is good, so only the time that
    it has waited counts. What has a single attempt is not tried again whatever comes.
    """

    def __init__(self, asked: object, attempts: int) -> None:
        self._asked = asked
        self._attempts = attempts
        self._failures = 0
        self._waited = 0.0
        self.tries = 1

    def pause(self, error: ProviderError) -> float | None:
        """Seconds to wait before the next try, or None when there is to be none."""
        if self._attempts == 1 or not error.retryable or not bearable(error):
            return None
        self._failures += not isinstance(error, Overloaded)
        pause = max(error.retry_after or 0.0, backoff(self._asked, self.tries))
        if self._failures >= self._attempts or self._waited + pause > LONGEST_WAIT:
            return None
        self._waited += pause
        self.tries += 1
        return pause


def bearable(error: ProviderError) -> bool:
    """Whether the pause that the endpoint asks for is short enough to be waited for."""
    return (error.retry_after or 0.0) <= LONGEST_RETRY_AFTER


def backoff(asked: object, attempt: int) -> float:
    """Seconds to wait after try *attempt* (from 1): doubling, spread by a hash of what is asked.

    The spread keeps calls that failed together from coming back together, and a rerun waits alike.
    """
    longest = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    key = hashlib.blake2b(canonical(asked), salt=attempt.to_bytes(8), digest_size=8).digest()
    return longest * (0.5 + int.from_bytes(key) / 2**65)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The pause that a response asks for in seconds; a date counts from the response's own Date."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        pause = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, pause.total_seconds())
    except (TypeError, ValueError):
        return None
