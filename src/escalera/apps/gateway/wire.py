"""What callers ask in OpenAI's JSON for chats and completions: pure, no I/O.

A parameter that would change the answer and is not honoured is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from escalera.domain.message import Message, Role
from escalera.engine.serve import Overrides
from escalera.errors import InputError

HARMLESS = frozenset(
    {"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
"""Parameters that change no answer: accepted and left alone."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
}
"""Parameters that are not supported yet, with the values that ask for nothing."""

NEUTRAL_TEXT: Mapping[str, tuple[Any, ...]] = {"echo": (False,), "suffix": ("",), "best_of": (1,)}
"""The same for completions."""

MOST_CHOICES = 16
"""Answers to one request."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON: broken, not UTF-8, or nested too deeply."""


class Refusal(InputError):
    """A caller's mistake in OpenAI's terms; it never leaves the gateway."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        again: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.again = again
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A request for `n` answers to a chat that can be honoured in full.

    A completion is a chat of one message that the model is given as it is. `most` is the gateway's
    limit of an answer's tokens where the caller sets none; `model` is empty where none was named.
    """

    model: str
    messages: tuple[Message, ...]
    overrides: Overrides
    stream: bool
    include_usage: bool
    n: int = 1
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What every object of one answer repeats; `system` is the digest of what answers."""

    id: str
    created: int
    model: str
    system: str


def parse_chat(body: bytes) -> Chat:
    """The chat in *body*; `Refusal` when it is not one that can be honoured."""
    asked = _read(body, _Chat, NEUTRAL)
    if asked.top_logprobs and not asked.logprobs:
        raise Refusal("top_logprobs is for logprobs: true only.", param="top_logprobs")
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise Refusal("Give max_tokens or max_completion_tokens, not both.", param="max_tokens")
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    return Chat(
        model=asked.model,
        messages=tuple(_message(turn, place) for place, turn in enumerate(asked.messages)),
        overrides=replace(
            _overrides(asked),
            max_tokens=limit,
            logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
            schema=_schema(asked.response_format),
        ),
        stream=asked.stream,
        include_usage=asked.includes_usage,
        n=asked.n or 1,
    )


def parse_text(body: bytes) -> Chat:
    """The completion in *body*; `Refusal` when it is not one that can be honoured."""
    asked = _read(body, _Text, NEUTRAL_TEXT)
    prompts = asked.prompt if isinstance(asked.prompt, list) else [asked.prompt]
    if len(prompts) != 1:
        raise Refusal("Give one prompt, as text: several are not supported yet.", param="prompt")
    return Chat(
        model=asked.model,
        messages=(Message(role="user", content=prompts[0]),),
        overrides=replace(
            _overrides(asked), max_tokens=asked.max_tokens, logprobs=asked.logprobs, verbatim=True
        ),
        stream=asked.stream,
        include_usage=asked.includes_usage,
        n=asked.n or 1,
    )


def error_chunk(message: str, *, code: str) -> bytes:
    """The event that says that a stream failed after it began."""
    return event(_error(message, kind="server_error", code=code, param=None))


def event(body: Mapping[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def error_body(message: str, *, status: int, code: str | None, param: str | None = None) -> bytes:
    """An error response. Of what limits a caller, the type says so, as OpenAI's does of money."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    if status == 429:
        kind = code if code == "insufficient_quota" else "rate_limit_error"
    return msgspec.json.encode(_error(message, kind=kind, code=code, param=param))


# What callers send


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Temperature = Annotated[float, msgspec.Meta(ge=0, le=2)]
_TopP = Annotated[float, msgspec.Meta(gt=0, le=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Stop = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
_Token = Annotated[int, msgspec.Meta(ge=0)]
_Bias = Annotated[float, msgspec.Meta(ge=-100, le=100)]

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class _Part(msgspec.Struct):
    type: Literal["text"]
    text: str


class _NamedSchema(msgspec.Struct):
    schema: dict[str, Any]
    name: str = ""


class _ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _NamedSchema | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Asked(msgspec.Struct, kw_only=True):
    """What chats and completions have in common; `model` is empty where none is named."""

    model: str = ""
    temperature: _Temperature | None = None
    top_p: _TopP | None = None
    seed: _Seed | None = None
    stop: _Stop | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: Annotated[dict[_Token, _Bias], msgspec.Meta(max_length=1024)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class _Chat(_Asked, kw_only=True):
    messages: list[dict[str, Any]]
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    response_format: _ResponseFormat | None = None


class _Text(_Asked, kw_only=True):
    prompt: str | list[str]
    max_tokens: _Count | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None


_Form = TypeVar("_Form", _Chat, _Text)


class _Turn(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]


def _read(body: bytes, form: type[_Form], neutral: Mapping[str, tuple[Any, ...]]) -> _Form:
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except UNREADABLE as error:
        raise Refusal(f"The body is not a JSON object: {error}.") from error
    found = {key: value for key, value in found.items() if value is not None}
    _refuse_unsupported(found, form, neutral)
    try:
        asked = msgspec.convert(found, form, str_keys=True)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error
    if asked.stream_options is not None and not asked.stream:
        raise Refusal("stream_options is for streams only.", param="stream_options")
    return asked


def _overrides(asked: _Asked) -> Overrides:
    return Overrides(
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        stop=_stops(asked.stop),
        presence_penalty=asked.presence_penalty or None,
        frequency_penalty=asked.frequency_penalty or None,
        logit_bias=tuple(sorted((asked.logit_bias or {}).items())) or None,
    )


def _refuse_unsupported(
    found: Mapping[str, Any], form: type[_Asked], neutral: Mapping[str, tuple[Any, ...]]
) -> None:
    for key in sorted(found.keys() - HARMLESS - set(form.__struct_fields__)):
        if found[key] not in neutral.get(key, ()):
            raise Refusal(
                f"The parameter {key!r} is not supported yet. Leave it out: it would change the "
                "answer, so it is not ignored.",
                param=key,
                code="unsupported_parameter",
            )


def _stops(wanted: str | list[str] | None) -> tuple[str, ...] | None:
    """The texts that an answer ends before; None where the caller names none."""
    if not wanted:
        return None
    found = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if "" in found:
        raise Refusal("stop holds an empty text, which every answer begins with.", param="stop")
    return found


def _schema(wanted: _ResponseFormat | None) -> str | None:
    """The JSON Schema that an answer has to keep to, as canonical text; None without one."""
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return '{"type":"object"}'
    if wanted.json_schema is None:
        raise Refusal(
            "response_format.json_schema is missing: give it a name and a schema.",
            param="response_format.json_schema",
        )
    return msgspec.json.encode(wanted.json_schema.schema, order="sorted").decode()


def _message(found: Mapping[str, Any], place: int) -> Message:
    where = f"messages[{place}]"
    for key, value in found.items():
        if value and key not in _Turn.__struct_fields__:
            raise Refusal(f"{where}.{key} is not supported yet.", param=f"{where}.{key}")
    try:
        turn = msgspec.convert(found, _Turn)
    except msgspec.ValidationError as error:
        raise invalid(str(error), within=where) from error
    content = turn.content
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    return Message(role=_ROLES[turn.role], content=text)


def invalid(problem: str, *, within: str = "") -> Refusal:
    """msgspec says "Expected `int`, got `str` - at `$.seed`"; the path becomes the parameter."""
    what, _, path = problem.partition(" - at `$.")
    missing = what.rpartition(" ")[2].strip("`") if "missing required field" in what else ""
    param = ".".join(part for part in (within, path.rstrip("`"), missing) if part) or None
    return Refusal(f"{param or 'The body'} is invalid: {what}.", param=param)


# What is sent


def _error(message: str, *, kind: str, code: str | None, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
