"""What an upstream's JSON says: whether it is an answer, its usage, or which error it is.

Nothing is rebuilt from what is read here: the caller gets the upstream's own bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from escalera.domain.traffic import Fault, Operation


class Used(msgspec.Struct, frozen=True):
    """Usage as the operations call it: prompt and completion, or input and output tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def prompt(self) -> int:
        """Tokens that were read."""
        return self.prompt_tokens or self.input_tokens

    @property
    def completion(self) -> int:
        """Tokens that were written."""
        return self.completion_tokens or self.output_tokens


class Answer(msgspec.Struct, frozen=True):
    """What was found: the fault that keeps it from being an answer, or its usage if it has one."""

    fault: Fault = ""
    usage: Used | None = None


class Failure(msgspec.Struct, frozen=True):
    """An error body of an upstream: its code, type and words, empty where it has none."""

    code: str = ""
    kind: str = ""
    message: str = ""


def read(operation: Operation, body: bytes) -> Answer:
    """What the whole *body* of a 200 is, as an answer to *operation*."""
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _MALFORMED if body.strip() else _EMPTY
    if found.error is not None:
        return _ERROR
    given = found.choices
    if operation == "embeddings":
        given = found.data
    elif operation == "responses":
        given = found.output if found.status != "failed" else None
    if given is None:
        return _MALFORMED
    if not given and operation != "responses":
        return _EMPTY
    return Answer("", found.usage)


def failure(body: bytes) -> Failure:
    """The error that *body* tells, in the shapes that OpenAI-compatible servers use."""
    try:
        found = _FAILED.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Failure()
    told: Any = found.error if found.error is not None else found
    if isinstance(told, str):
        return Failure(message=told)
    if isinstance(told, dict):
        code, kind, message = (str(told.get(name) or "") for name in ("code", "type", "message"))
        return Failure(code, kind, message)
    return Failure(message=found.message or found.detail_text)


# Below: private.


class _Body(msgspec.Struct, frozen=True):
    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    output: list[msgspec.Raw] | None = None
    status: str | None = None
    error: Any = None
    usage: Used | None = None


class _Failed(msgspec.Struct, frozen=True):
    error: Any = None
    message: str = ""
    detail: Any = None

    @property
    def detail_text(self) -> str:
        return self.detail if isinstance(self.detail, str) else ""


_BODY = msgspec.json.Decoder(_Body)
_FAILED = msgspec.json.Decoder(_Failed)
_EMPTY, _MALFORMED, _ERROR = Answer("empty"), Answer("malformed"), Answer("error-event")
