"""From a response to an answer that may be passed on, or to the problem that it is.

Nothing of an answer goes to the caller before it is known to be one: a whole body is read first,
and a stream is held back until something of an answer is in it. So whatever is wrong until then
can still be mended by asking somebody else.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from escalera.apps.gateway import answers
from escalera.apps.gateway.asked import Asked, Opened, Problem, Provenance
from escalera.apps.gateway.stream import Passage
from escalera.apps.gateway.targets import Sent
from escalera.core.serving import blame
from escalera.domain.traffic import Fault, Purpose
from escalera.errors import UpstreamFault
from escalera.ports.serving import Exchange, Sending

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of a whole answer."""
MAX_ERROR = 64 * 1024
"""Bytes of an error's body that are read."""
MAX_OPENING = 64 * 1024
"""Bytes of a stream that are held back while nothing of an answer is in them."""
ABSENT = frozenset({404, 405})
"""What a server says of a path that it does not have, which our configuration names; in the API's
own words it speaks of something that the caller named.
"""
PASSED = frozenset(
    {b"content-type", b"openai-model", b"openai-processing-ms", b"openai-version", b"x-request-id"}
)
"""Response headers that are passed on; what speaks of our account there stays here."""


async def opened(
    asked: Asked,
    sent: Sent,
    *,
    purpose: Purpose,
    began: float,
    clock: Callable[[], float],
    drop_usage: bool,
) -> Opened | Problem:
    """What the response is. Raises `UpstreamFault` where it breaks off before that is known."""
    exchange, provenance = sent
    name = provenance.deployment
    if exchange.status != 200:
        return await _refused(exchange, name)
    passed = [pair for pair in exchange.headers if pair[0] in PASSED]
    coding = _header(exchange, b"content-encoding")
    if coding.lower() not in {b"", b"identity"}:
        coded = _problem(name, "malformed")
        coded.message = (
            f"its content encoding is {coding.decode('latin-1')!r}; 'identity' was asked"
        )
        return coded
    found = Opened(
        exchange=exchange,
        provenance=provenance,
        purpose=purpose,
        headers=passed,
        body=b"",
        started=asked.started + (began - asked.began),
        began=began,
        first_byte=0.0,
    )
    if asked.stream:
        kind = _header(exchange, b"content-type")
        return await _stream(asked, found, kind=kind, clock=clock, drop_usage=drop_usage)
    found.body = await exchange.whole(MAX_ANSWER)
    found.first_byte = clock() - began
    answer = answers.read(asked.operation, found.body)
    if answer.fault:
        return _problem(name, answer.fault, body=found.body)
    found.usage = answer.usage
    return found


def at_once(
    asked: Asked, sending: Sending, provenance: Provenance, began: float, now: float
) -> Opened | None:
    """The whole answer to what was sent first, as `opened` finds it, where it is there at *now*;
    what is none is left for `opened` to tell.
    """
    body = sending.answer()
    if body is None:
        return None
    passed = []
    for pair in sending.headers:
        name = pair[0]
        if name in PASSED:
            if not _LINES.isdisjoint(pair[1]):
                return None
            passed.append(pair)
        elif name == b"content-encoding":
            return None
    answer = answers.read(asked.operation, body)
    if answer.fault:
        return None
    return Opened(
        exchange=sending,
        provenance=provenance,
        purpose="first",
        headers=passed,
        body=body,
        started=asked.started + (began - asked.began),
        began=began,
        first_byte=now - began,
        usage=answer.usage,
    )


# Below: private.

_LINES = frozenset(b"\r\n\0")
"""What no header that is passed on may hold."""


async def _stream(
    asked: Asked, found: Opened, *, kind: bytes, clock: Callable[[], float], drop_usage: bool
) -> Opened | Problem:
    """The stream once something of an answer is in it."""
    name, exchange = found.provenance.deployment, found.exchange
    if not kind.lower().startswith(b"text/event-stream"):
        body = await exchange.whole(MAX_ERROR)
        return _problem(name, "empty" if not body.strip() else "malformed", body=body)
    answers_ = asked.fields.answers(asked.operation)
    passage = Passage(asked.operation, answers=answers_, drop_usage=drop_usage)
    held = bytearray()
    while not passage.begun:
        piece = await exchange.read()
        held += passage.push(piece)
        fault = passage.fault or ("" if piece else passage.close())
        if fault:
            return _problem(name, fault, body=passage.error)
        if not piece or len(held) > MAX_OPENING:
            break
    found.first_byte = clock() - found.began
    found.body, found.passage = bytes(held), passage
    return found


async def _refused(exchange: Exchange, name: str) -> Problem:
    """What a status other than 200 says."""
    try:
        body = await exchange.whole(MAX_ERROR)
    except UpstreamFault:
        body = b""
    told = answers.failure(body)
    whose = blame.of_status(exchange.status, told.code)
    if exchange.status in ABSENT and not (told.code or told.kind):
        whose = "key"
    return Problem(
        deployment=name,
        blame="server" if whose == "nobody" else whose,
        status=exchange.status,
        code=told.code,
        message=told.message,
        retry_after=_pause(exchange),
        body=body,
    )


def _problem(name: str, fault: Fault, *, body: bytes = b"") -> Problem:
    told = answers.failure(body) if body else answers.Failure()
    whose = blame.of_told(told.code, told.kind)
    return Problem(
        deployment=name,
        blame=whose,
        fault=fault,
        status=400 if whose == "caller" else 200,
        code=told.code,
        message=told.message,
        body=body if whose == "caller" and len(body) <= MAX_ERROR else b"",
    )


def _header(exchange: Exchange, name: bytes) -> bytes:
    for key, value in exchange.headers:
        if key == name:
            return value
    return b""


def _pause(exchange: Exchange) -> float | None:
    """`Retry-After` in seconds; a date counts from the response's own, since clocks differ."""
    asked = _header(exchange, b"retry-after").decode("latin-1")
    try:
        found = float(asked)
    except ValueError:
        try:
            sent = parsedate_to_datetime(_header(exchange, b"date").decode("latin-1"))
            found = max(0.0, (parsedate_to_datetime(asked) - sent).total_seconds())
        except (TypeError, ValueError):
            return None
    return found if 0 <= found < 86_400 else None
