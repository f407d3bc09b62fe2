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

from escalera.apps.gateway import wire
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

_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class StreamOptions(msgspec.Struct, frozen=True):
    """`stream_options` of a request."""

    include_usage: bool | None = False


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What is decoded of a body; `model` is empty where the caller names none."""

    model: str = ""
    stream: bool | None = False
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    max_output_tokens: _Count | None = None
    n: _Count | None = None
    stream_options: StreamOptions | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens of one answer: of several limits the largest, to be safe."""
        given = (self.max_tokens, self.max_completion_tokens, self.max_output_tokens)
        return max((count for count in given if count is not None), default=None)

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
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(f"The body is not a JSON object: {error}.") from error
    if found.stream and operation not in LIMIT:
        raise Refusal(f"There is no stream of {operation}; leave `stream` out.", param="stream")
    return found


def written(body: bytes, changes: Mapping[str, bytes]) -> bytes:
    """*body* with *changes* (JSON by name), and every other value as the caller wrote it.

    Where there is nothing to change these are the caller's own bytes, unless a name is there twice.
    """
    values: dict[str, Any] = _OBJECT.decode(body)
    for name, value in changes.items():
        values[name] = Raw(value)
    plain = _ENCODE(values)
    if changes:
        return plain
    spaced = len(plain) + 2 * len(values) - 1
    # Whatever reads a body that is as long as ours reads the same in it.
    return body if len(body) in {len(plain), spaced} else plain


# Below: private.

_FIELDS = msgspec.json.Decoder(Fields)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
