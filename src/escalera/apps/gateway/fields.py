"""The fields of a request body: what decides where it goes, and the rest as the caller sent it.

Only a few fields are decoded; every other value is passed on byte for byte. A name that is given
twice counts once, with its last value, and what goes upstream is written from the same reading:
nobody can show two models to two readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Raw

from escalera.apps.gateway import halves, wire
from escalera.apps.gateway.wire import Refusal
from escalera.domain.traffic import Operation

PATHS: Mapping[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/responses": "responses",
}
"""Where each operation is asked for."""
BELOW: Mapping[Operation, str] = {
    operation: path.removeprefix("/v1") for path, operation in PATHS.items()
}
"""The same paths below the base URL of an upstream."""
LIMIT: Mapping[Operation, str] = {
    "chat": "max_completion_tokens",
    "completions": "max_tokens",
    "responses": "max_output_tokens",
}
"""What an operation calls the limit of an answer's tokens."""

LONGEST_NAME = 512
"""Letters of a model's name: it is told again in errors and records."""

_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_Limit = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
_Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]


_ABSENT = Raw()


class StreamOptions(msgspec.Struct, frozen=True):
    """`stream_options` of a request."""

    include_usage: bool | None = False


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What is decoded of a body; `model` is empty where the caller names none."""

    model: _Name = ""
    stream: bool | None = False
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None
    max_output_tokens: _Limit | None = None
    n: _Count | None = None
    stream_options: StreamOptions | None = None
    prediction: Raw = _ABSENT

    def limit(self, operation: Operation) -> int | None:
        """The most tokens of one answer: of several limits the largest, to be safe.

        What another operation calls its limit bounds nothing here: upstreams ignore it.
        """
        if operation == "responses":
            return self.max_output_tokens
        if operation == "chat" and self.max_completion_tokens is not None:
            return max(self.max_completion_tokens, self.max_tokens or 0)
        return self.max_tokens

    def answers(self, operation: Operation) -> int:
        """How many answers come back; what knows no `n` ignores it."""
        return (self.n or 1) if operation in _SEVERAL else 1

    @property
    def predicted(self) -> bool:
        """Whether the caller says what the answer may be."""
        return self.prediction is not _ABSENT and bytes(self.prediction) != b"null"

    @property
    def usage_asked(self) -> bool:
        """Whether the stream is to end with its usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


def read(operation: Operation, body: bytes) -> Fields:
    """The fields of *body*. Raises `Refusal` where it is no object or a field cannot be used."""
    try:
        found = _FIELDS.decode(body)
    except msgspec.ValidationError as error:
        raise wire.invalid(str(error)) from error
    except wire.UNREADABLE as error:
        raise _unread(body, error) from error
    if found.stream and operation not in LIMIT:
        raise Refusal(f"There is no stream of {operation}; leave `stream` out.", param="stream")
    return found


def written(body: bytes, changes: Mapping[str, bytes]) -> bytes:
    """*body* with *changes* (JSON by name), and every other value as the caller wrote it.

    Where nothing is to be changed, these are the caller's own bytes if they are written as programs
    write JSON, with a space behind each comma and colon or with none. Raises `Refusal` where a name
    is no text.
    """
    try:
        values: dict[str, Any] = _OBJECT.decode(body)
    except wire.UNREADABLE as error:
        raise _unread(body, error) from error
    for name, value in changes.items():
        values[name] = Raw(value)
    plain = _ENCODE(values)
    if not changes and len(body) == len(plain) + 2 * len(values) - 1 and body == _spaced(values):
        return body
    return plain


# Below: private.

_FIELDS = msgspec.json.Decoder(Fields)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_SEVERAL = frozenset({"chat", "completions"})
_ENCODE = msgspec.json.Encoder().encode


def _unread(body: bytes, error: Exception) -> Refusal:
    """Why a body cannot be read; what JSON's reader says of half of a character misleads."""
    half = halves.first(body)
    if half is None:
        return Refusal(f"The body is not a JSON object: {error}.")
    return Refusal(
        f"The body is no text: at byte {half[0]}, {half[1]} is half of a character (a surrogate "
        "without the other half). Send both, or none."
    )


def _spaced(values: Mapping[str, Raw]) -> bytes:
    """An object as Python's `json` writes it: with a space behind each comma and colon."""
    pairs = [b"%b: %b" % (_ENCODE(name), bytes(value)) for name, value in values.items()]
    return b"{%b}" % b", ".join(pairs)
