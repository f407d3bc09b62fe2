"""What an upstream's JSON says: whether it is an answer, its usage, or which error it is.

Nothing is rebuilt from what is read here: the caller gets the upstream's own bytes. A usage that
cannot be read makes no answer worse: then it is not known.
"""

from __future__ import annotations

from typing import Any

import msgspec

from escalera.apps.gateway import halves
from escalera.apps.gateway.wire import UNREADABLE
from escalera.domain.traffic import Fault, Operation

LONGEST_MESSAGE = 2000
"""Letters of an upstream's words that are told."""


class Used(msgspec.Struct, frozen=True):
    """Usage as the operations call it: prompt and completion, or input and output tokens."""

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    total_tokens: int | None = 0

    @property
    def prompt(self) -> int:
        """Tokens that were read; never less than none."""
        return self.tokens()[0]

    @property
    def completion(self) -> int:
        """Tokens that were written, also those that only the total counts: some servers leave out
        what a model thinks.
        """
        return self.tokens()[1]

    def tokens(self) -> tuple[int, int]:
        """Those that were read, and those that were written."""
        read = self.prompt_tokens or self.input_tokens or 0
        if read < 0:
            read = 0
        written = self.completion_tokens or self.output_tokens or 0
        rest = (self.total_tokens or 0) - read
        most = written if written > rest else rest
        return read, most if most > 0 else 0


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
        found = _decoded(body)
    except UNREADABLE:
        return Answer("malformed" if body.strip() else "empty")
    fault = _fault(operation, found)
    return Answer(fault, None if fault else found.used)


def failure(body: bytes) -> Failure:
    """The error that *body* tells, in the shapes that OpenAI-compatible servers use."""
    try:
        found = _FAILED.decode(body)
    except UNREADABLE:
        return Failure()
    told = found.get("error")
    inner = found.get("response")
    if told is None and isinstance(inner, dict):
        told = inner.get("error")  # the event that says that a response failed
    if isinstance(told, str):
        return Failure(message=told[:LONGEST_MESSAGE])
    if not isinstance(told, dict):
        told = found
    words = told.get("message") or told.get("detail")
    return Failure(
        code=_word(told.get("code")),
        kind=_word(told.get("type")),
        message=words[:LONGEST_MESSAGE] if isinstance(words, str) else "",
    )


# Below: private.

_NOTHING = msgspec.Raw()


class _Choice(msgspec.Struct, frozen=True):
    message: msgspec.Raw = _NOTHING
    text: msgspec.Raw = _NOTHING
    finish_reason: Any = None


class _Bare(msgspec.Struct, frozen=True, kw_only=True):
    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None
    output: list[msgspec.Raw] | None = None
    status: Any = None
    object: Any = None
    error: Any = None

    @property
    def used(self) -> Used | None:
        """Not known: it is not read."""
        return None


class _Body(_Bare, frozen=True, kw_only=True):
    usage: Used | None = None

    @property
    def used(self) -> Used | None:
        return self.usage


_BODY = msgspec.json.Decoder(_Body)
_BARE = msgspec.json.Decoder(_Bare)
_FAILED = msgspec.json.Decoder(dict[str, Any])


def _decoded(body: bytes) -> _Bare:
    """The body, without its usage where that is not to be read."""
    try:
        return _BODY.decode(body)
    except msgspec.ValidationError:
        return _BARE.decode(body)
    except msgspec.DecodeError:
        whole = halves.mended(body)
        if whole == body:
            raise
        return _decoded(whole)


def _fault(operation: Operation, found: _Bare) -> Fault:
    """What keeps *found* from being an answer."""
    if found.error is not None or found.object == "error" or found.status == "failed":
        return "error-event"
    if operation in {"chat", "completions"}:
        return _of_choices(operation, found.choices)
    given = found.output if operation == "responses" else found.data
    if given is None or not all(bytes(one).startswith(b"{") for one in given):
        return "malformed"
    return "" if given or operation == "responses" else "empty"


def _of_choices(operation: Operation, choices: list[_Choice] | None) -> Fault:
    if not choices:
        return "malformed" if choices is None else "empty"
    for choice in choices:
        if choice.finish_reason == "error":
            return "error-event"
        said, begins = (choice.message, b"{") if operation == "chat" else (choice.text, b'"')
        if not bytes(said).startswith(begins):
            return "malformed"
    return ""


def _word(value: Any) -> str:
    """A code or a type: some servers send numbers."""
    return str(value)[:LONGEST_MESSAGE] if isinstance(value, str | int) else ""
