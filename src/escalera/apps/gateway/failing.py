"""Errors in OpenAI's shape: whose fault it was, and whether trying again helps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from escalera.apps.gateway import wire
from escalera.apps.gateway.asked import UNUSABLE, Problem
from escalera.domain.traffic import Fault, Operation
from escalera.errors import (
    EscaleraError,
    FileTooLarge,
    GuardBlocked,
    GuardError,
    InputError,
    ProviderError,
    StoreUnavailable,
)

JSON = b"application/json"
CODES: Mapping[Fault, str] = {
    "malformed": "upstream_bad_reply",
    "empty": "upstream_bad_reply",
    "error-event": "upstream_error",
    "too-large": "upstream_bad_reply",
    "unfinished": "upstream_unfinished",
    "connect-timeout": "upstream_timeout",
    "descriptors": "gateway_full",
    "first-byte-timeout": "upstream_timeout",
    "idle-timeout": "upstream_timeout",
    "total-timeout": "upstream_timeout",
}
"""The code of an error by what went wrong upstream; any other fault is `upstream_unavailable`."""
OWN: Mapping[str, int] = {"answer_blocked": 403, "guard_failed": 503, "schema_unsatisfied": 502}
"""The status of what the gateway itself keeps from going on, by its code."""
SAID: Mapping[Fault, str] = {
    "connect": "could not be reached",
    "connect-timeout": "could not be reached in time",
    "descriptors": "cannot be asked now: the gateway has as many connections as it may have",
    "first-byte-timeout": "did not begin to answer in time",
    "idle-timeout": "fell silent within its answer",
    "total-timeout": "did not end its answer in time",
    "reset": "closed the connection before it answered",
    "cut": "broke off within its answer",
    "malformed": "answered with something that is not the API's JSON",
    "too-large": "answered with more than is accepted",
    "empty": "answered with nothing",
    "error-event": "answered with an error",
    "unfinished": "ended its answer without saying that it is whole",
    "cancelled": "was not waited for any more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """A response that tells of an error."""

    status: int
    body: bytes
    code: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    kind: bytes = JSON


def of_problem(problem: Problem, *, tried: int = 1) -> ErrorReply:
    """The response for a request that nobody could answer.

    What the caller did wrong is told in the upstream's own words; what a provider says of our key
    is not told at all.
    """
    if problem.blame == "caller":
        return _callers(problem)
    status, code = _status(problem), code_of(problem)
    said = _sentence(problem)
    if tried > 1:
        end = "" if said.endswith(".") else "."
        said += f"{end} It was the last of {tried} attempts."
    full = problem.fault == "descriptors"
    again = full or problem.blame == "server"
    headers = [(b"x-should-retry", b"true" if again else b"false")]
    if full:  # what this caller's connection takes is what is missing
        headers += [(b"retry-after", b"1"), (b"connection", b"close")]
    elif problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(problem.retry_after)))
    body = wire.error_body(said, status=status, code=code)
    return ErrorReply(status=status, body=body, code=code, headers=tuple(headers))


def of_error(error: BaseException, *, where: str = "") -> ErrorReply:
    """The response for an error that was raised; what was not foreseen says nothing of itself."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    param: str | None = None
    code: str | None = None
    match error:
        case wire.Refusal():
            status, code, param, said = error.status, error.code, error.param, error.message
            headers = _of_refusal(error)
        case EscaleraError():
            status, code, said, headers = _of_ours(error)
        case HTTPException():
            status, said = error.status_code, f"{where}: {error.detail}."
            found = (error.headers or {}).items()
            headers = tuple((k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in found)
        case ClientDisconnect():
            status, said = 400, "The body ended early."
        case _:
            status, code, said = 500, "internal_error", "Internal error; the server's log has it."
    if status == 401:
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    body = wire.error_body(said, status=status, code=code, param=param)
    return ErrorReply(status=status, body=body, code=code or "", headers=headers)


def of_guard(error: GuardError, deployment: str) -> Problem:
    """Why an answer, or the rest of it, does not go on to the caller."""
    code = "answer_blocked" if isinstance(error, GuardBlocked) else "guard_failed"
    return Problem(deployment=deployment, blame="nobody", fault="", code=code, message=str(error))


def event(operation: Operation, problem: Problem) -> bytes:
    """The event that tells of a stream that failed after it had begun."""
    said, code = _sentence(problem), code_of(problem)
    if operation != "responses":
        return wire.error_chunk(said, code=code)
    told = {"type": "error", "code": code, "message": said, "param": None, "sequence_number": 0}
    return b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"


def code_of(problem: Problem) -> str:
    """The code of the error that tells of a problem."""
    if not problem.fault:
        return problem.code
    if problem.blame == "key":
        return "upstream_rejected"
    if problem.status == 429:
        return "upstream_overloaded"
    return CODES.get(problem.fault, "upstream_unavailable")


# Below: private.

_OURS: tuple[tuple[type[EscaleraError], int, str | None], ...] = (
    (GuardBlocked, 400, "content_blocked"),
    (GuardError, 503, "guard_failed"),
    (FileTooLarge, 413, "file_too_large"),
    (InputError, 400, None),
    (ProviderError, 502, "upstream_unavailable"),
    (StoreUnavailable, 503, "store_unavailable"),
    (EscaleraError, 500, "internal_error"),
)
"""Status and code of our own errors, the nearest kind first."""
_NO_STORE = "A store of the gateway cannot be used now. Try again in a moment."
"""Where it lies is not for callers."""


def _of_ours(error: EscaleraError) -> tuple[int, str | None, str, tuple[tuple[bytes, bytes], ...]]:
    """What is told of an error of the gateway's own; of a lost store no more than that it is."""
    status, code = next((s, c) for kind, s, c in _OURS if isinstance(error, kind))
    if isinstance(error, StoreUnavailable):
        return status, code, _NO_STORE, ((b"retry-after", b"1"),)
    return status, code, str(error), ()


def _callers(problem: Problem) -> ErrorReply:
    if _is_error(problem.body):
        return ErrorReply(
            status=problem.status,
            body=problem.body,
            code=problem.code or "upstream_rejected",
            headers=((b"x-should-retry", b"false"),),
        )
    said = problem.message or _sentence(problem)
    body = wire.error_body(said, status=problem.status, code="upstream_rejected")
    headers = ((b"x-should-retry", b"false"),)
    return ErrorReply(status=problem.status, body=body, code="upstream_rejected", headers=headers)


def _of_refusal(error: wire.Refusal) -> tuple[tuple[bytes, bytes], ...]:
    headers = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    if error.again is not None:
        headers.append((b"x-should-retry", b"true" if error.again else b"false"))
    return tuple(headers)


def _is_error(body: bytes) -> bool:
    """Whether *body* tells of an error as the API does."""
    try:
        return isinstance(msgspec.json.decode(body, type=dict[str, object]).get("error"), dict)
    except wire.UNREADABLE:
        return False


def _sentence(problem: Problem) -> str:
    """What happened, for whoever reads the error."""
    name, told = problem.deployment, problem.message
    if not problem.fault:  # nothing went wrong upstream: the gateway itself says no
        return told
    if problem.blame == "key" and problem.code == UNUSABLE:
        return f"{name!r} cannot use what was finetuned; whoever runs the gateway must see to it."
    if problem.blame == "key":
        return (
            f"{name!r} refuses the gateway's own access; whoever runs the gateway must see to it."
        )
    said = f"answered {problem.status}" if problem.fault == "status" else SAID[problem.fault]
    if problem.fault in {"connect", "connect-timeout", "descriptors"}:
        told = ""  # where it is that nobody answers is not for callers
    return f"{name!r} {said}: {told}" if told else f"{name!r} {said}."


def _status(problem: Problem) -> int:
    if not problem.fault:
        return OWN[problem.code]
    if problem.blame == "key":
        return 502
    if problem.status == 429:
        return 429
    if problem.fault.endswith("timeout"):
        return 504
    if problem.fault == "status" and problem.status < 500:
        return 502
    return 503 if problem.fault in {"status", "connect", "descriptors", "reset"} else 502
