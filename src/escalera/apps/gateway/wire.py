"""The JSON of OpenAI's chat completions as a server speaks it: pure, no I/O.

A parameter that would change the answer and is not honoured is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from escalera.domain.message import FinishReason, Message, Reply, Role
from escalera.engine.serve import Overrides
from escalera.errors import InputError

HARMLESS = frozenset(
    {"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
"""Parameters that change no answer: accepted and left alone."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
}
"""Parameters that are not supported yet, with the values that ask for nothing."""

FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "filtered": "content_filter",
}


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
    """A request for a chat completion that can be honoured in full."""

    model: str
    messages: tuple[Message, ...]
    overrides: Overrides
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What every object of one answer repeats; `system` is the digest of what answers."""

    id: str
    created: int
    model: str
    system: str


def parse_chat(body: bytes) -> Chat:
    """The request in *body*; `Refusal` when it is not one that can be honoured."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except UNREADABLE as error:
        raise Refusal(f"The body is not a JSON object: {error}.") from error
    found = {key: value for key, value in found.items() if value is not None}
    _refuse_unsupported(found)
    try:
        asked = msgspec.convert(found, _Chat, str_keys=True)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error
    if asked.stream_options is not None and not asked.stream:
        raise Refusal("stream_options is for streams only.", param="stream_options")
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise Refusal("Give max_tokens or max_completion_tokens, not both.", param="max_tokens")
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    return Chat(
        model=asked.model,
        messages=tuple(_message(turn, place) for place, turn in enumerate(asked.messages)),
        overrides=Overrides(
            max_tokens=limit,
            temperature=asked.temperature,
            top_p=asked.top_p,
            seed=asked.seed,
            stop=_stops(asked.stop),
            presence_penalty=asked.presence_penalty or None,
            frequency_penalty=asked.frequency_penalty or None,
            logit_bias=tuple(sorted((asked.logit_bias or {}).items())) or None,
            schema=_schema(asked.response_format),
        ),
        stream=asked.stream,
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage,
    )


def completion(reply: Reply, heading: Heading) -> bytes:
    """A whole answer."""
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": FINISH_REASONS[reply.finish_reason],
    }
    return msgspec.json.encode(
        {**_head(heading, "chat.completion"), "choices": [choice], "usage": _usage(reply)}
    )


def first_chunk(heading: Heading, *, usage: bool) -> bytes:
    """The event that opens a stream: the role."""
    return _chunk(heading, {"role": "assistant", "content": ""}, usage=usage)


def text_chunk(piece: str, heading: Heading, *, usage: bool) -> bytes:
    """A piece of the answer."""
    return _chunk(heading, {"content": piece}, usage=usage)


def last_chunks(reply: Reply, heading: Heading, *, usage: bool) -> bytes:
    """The events that end a stream: the finish reason, the usage when asked for, and [DONE]."""
    ending = _chunk(heading, {}, finish=FINISH_REASONS[reply.finish_reason], usage=usage)
    if usage:
        head = _head(heading, "chat.completion.chunk")
        ending += _event({**head, "choices": [], "usage": _usage(reply)})
    return ending + b"data: [DONE]\n\n"


def error_chunk(message: str, *, code: str) -> bytes:
    """The event that says that a stream failed after it began."""
    return _event(_error(message, kind="server_error", code=code, param=None))


def error_body(message: str, *, status: int, code: str | None, param: str | None = None) -> bytes:
    """An error response."""
    kind = "invalid_request_error" if status < 500 else "server_error"
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


class _Chat(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: _Temperature | None = None
    top_p: _TopP | None = None
    seed: _Seed | None = None
    stop: _Stop | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: Annotated[dict[_Token, _Bias], msgspec.Meta(max_length=1024)] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None


class _Turn(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]


def _refuse_unsupported(found: Mapping[str, Any]) -> None:
    for key in sorted(found.keys() - HARMLESS - set(_Chat.__struct_fields__)):
        if found[key] not in NEUTRAL.get(key, ()):
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


def _head(heading: Heading, kind: str) -> dict[str, Any]:
    return {
        "id": heading.id,
        "object": kind,
        "created": heading.created,
        "model": heading.model,
        "system_fingerprint": heading.system,
    }


def _chunk(
    heading: Heading, delta: Mapping[str, str], *, usage: bool, finish: str | None = None
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    body = {**_head(heading, "chat.completion.chunk"), "choices": [choice]}
    return _event({**body, "usage": None} if usage else body)


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _usage(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _error(message: str, *, kind: str, code: str | None, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
