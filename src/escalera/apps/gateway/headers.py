"""The headers of an answer: who gives it, why, and what the gateway itself took."""

from __future__ import annotations

from urllib.parse import quote

from escalera.apps.gateway.asked import Asked, Opened


def of(asked: Asked, found: Opened, *, now: float) -> list[tuple[bytes, bytes]]:
    """Who answers, why, and what the gateway itself took."""
    said = found.provenance
    own = now - asked.began - asked.waited
    headers = [
        *found.headers,
        (b"x-escalera-request", asked.id.encode()),
        (b"x-escalera-deployment", said.label),
        (b"x-escalera-overhead-ms", b"%.3f" % (1000 * max(0.0, own))),
    ]
    if said.system:
        headers.append((b"x-escalera-system", said.system.encode()))
    if said.task is not None:
        headers.append((b"x-escalera-task", quote(said.task).encode()))
    if said.refusal:
        headers.append((b"x-escalera-refusal", said.refusal.encode()))
    if said.sources:
        sources = ",".join(quote(source) for source in said.sources)
        headers.append((b"x-escalera-sources", sources.encode()))
    if said.decision:
        headers.append((b"x-escalera-decision", said.decision.encode()))
    if asked.attempts or found.purpose != "first" or said.why:
        headers.append((b"x-escalera-why", _why(asked, found)))
    return headers


def written(asked: Asked, found: Opened, *, now: float) -> bytes:
    """What `of` adds to the headers of the answer, as it travels: for the first attempt at a
    deployment that is asked in its own words.
    """
    own = 1000 * (now - asked.began - asked.waited)
    label, seconds = found.provenance.label, own if own > 0 else 0.0
    return _WRITTEN % (asked.id.encode(), label, seconds)


# Below: private.

_WRITTEN = (
    b"x-escalera-request: %b\r\nx-escalera-deployment: %b\r\nx-escalera-overhead-ms: %.3f\r\n"
)
_PLAIN = " ,.:;<>=()/"
"""What a header may hold besides letters and digits."""


def _why(asked: Asked, found: Opened) -> bytes:
    """Why this deployment answers: what was tried before it, and why it was chosen."""
    tried = ", ".join(f"{quote(attempt.deployment)} {attempt.fault}" for attempt in asked.attempts)
    first = f"{found.purpose} after {tried}" if tried else found.purpose
    why = found.provenance.why
    return (f"{first}; {quote(why, safe=_PLAIN)}" if why else first).encode()
