"""The headers of an answer: who gives it, why, and what the gateway itself took."""

from __future__ import annotations

from urllib.parse import quote

from escalera.apps.gateway.asked import Asked, Opened
from escalera.apps.gateway.board import Plan


def of(asked: Asked, found: Opened, plan: Plan, *, now: float) -> list[tuple[bytes, bytes]]:
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
    if plan.decision:
        headers.append((b"x-escalera-decision", plan.decision.encode()))
    if asked.attempts or found.purpose != "first":
        headers.append((b"x-escalera-why", _why(asked, found)))
    return headers


# Below: private.


def _why(asked: Asked, found: Opened) -> bytes:
    """Why this deployment answers: what was tried before it."""
    tried = ", ".join(f"{quote(attempt.deployment)} {attempt.fault}" for attempt in asked.attempts)
    return f"{found.purpose} after {tried}".encode() if tried else found.purpose.encode()
