"""Between domain values and the JSON of OpenAI's chat completions: pure, no I/O.

What an endpoint sends is foreign: a field that is missing or has a value we do not know is a
`BadReply` that names it, never a guess. Fields that we do not read are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, assert_never

import msgspec

from escalera.domain.contract import OutputContract
from escalera.domain.message import FinishReason, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.edges.providers import strict_schema
from escalera.errors import BadReply, ProviderUnavailable

ANSWER = "answer"
"""What the schema, or the function, is called."""
DONE = "[DONE]"
MAX_QUOTED = 300
"""Characters of a foreign text that are repeated in an error."""

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "filtered",
}
_CALLED = frozenset({"tool_calls", "function_call"})
"""How an answer ends that is a function call; some endpoints say "stop" of a forced one."""


_ABOUT_SCHEMAS = re.compile("strict|schema", re.IGNORECASE)
_ABOUT_CONTRACTS = re.compile("response_format|json_schema|json_object|tool|function|schema", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where endpoints differ: the name of the token limit, whether a stream must be asked for its
    usage, and whether a JSON Schema may be called strict. The defaults are what most endpoints
    understand."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an endpoint answered; `revision` is the model it names, with its fingerprint."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    revision: str


def request_body(
    request: Request, *, model: str, stream: bool, dialect: Dialect | None = None
) -> bytes:
    """The JSON that asks for *request*.

    `top_p` and `seed` are sent only where tokens are drawn: greedy decoding ignores them, and
    some endpoints refuse them.
    """
    dialect = dialect or Dialect()
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        dialect.limit: decoding.max_tokens,
        "temperature": decoding.temperature,
    }
    if decoding.temperature > 0:
        body |= {"top_p": decoding.top_p, "seed": decoding.seed}
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    for name in ("presence_penalty", "frequency_penalty"):
        if penalty := getattr(decoding, name):
            body[name] = penalty
    if decoding.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in decoding.logit_bias}
    if request.output is not None:
        body |= _held_to(request.output, dialect)
    if stream:
        body["stream"] = True
        if dialect.stream_options:
            body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def learned(dialect: Dialect, problem: str, output: OutputContract | None = None) -> Dialect | None:
    """The dialect to try after an endpoint refused a request with *problem*; None: not about it.

    Only a request with a JSON Schema as its *output* can be refused for what is strict about it.

    Every step goes one way, so trying ends.
    """
    if dialect.limit == "max_tokens" and "max_completion_tokens" in problem:
        return replace(dialect, limit="max_completion_tokens")
    if dialect.stream_options and "stream_options" in problem:
        return replace(dialect, stream_options=False)
    asked = output is not None and output.mode == "json_schema"
    if asked and dialect.strict and _ABOUT_SCHEMAS.search(problem):
        return replace(dialect, strict=False)
    return None


def hint(request: Request, problem: str) -> str:
    """What to do about a refusal with *problem* that concerns the contract of *request*."""
    if request.output is None or not _ABOUT_CONTRACTS.search(problem):
        return ""
    mode = request.output.mode
    return f"The endpoint does not do output mode {mode!r}: leave it out of the model's `output`."


def parse_reply(body: bytes, *, provider: str, output: OutputContract | None = None) -> Answered:
    """The answer in a whole response to a request with this *output* contract.

    The arguments of a forced function call are the answer, and so is a refusal to give one.
    """
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _foreign(body, str(error), provider=provider) from error
    if not completion.choices:
        raise BadReply("the response has no choices", provider=provider)
    choice = completion.choices[0]
    message = choice.message
    text = _said(message, output, provider=provider)
    finish = _finish_reason(choice.finish_reason, output, provider=provider)
    if text is None and finish == "stop":
        raise BadReply("the answer has no content although it says 'stop'", provider=provider)
    return Answered(
        text=_as_asked(text or "", output),
        finish_reason=finish,
        usage=_usage(completion.usage, provider=provider),
        revision=_revision(completion.model, completion.system_fingerprint),
    )


class StreamedAnswer:
    """Puts an answer together from the events of a stream: `feed` each, then `finish`."""

    def __init__(self, *, provider: str, output: OutputContract | None = None) -> None:
        self._provider = provider
        self._output = output
        self._pieces: list[str] = []
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None
        self._model: str | None = None
        self._fingerprint: str | None = None
        self.done = False

    def feed(self, data: str) -> str:
        """The text that one event adds; often none."""
        if data.strip() == DONE:
            self.done = True
            return ""
        try:
            chunk = msgspec.json.decode(data, type=_Chunk)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _foreign(data.encode(), str(error), provider=self._provider) from error
        if chunk.error is not None:
            raise ProviderUnavailable(
                f"error in the stream: {problem_in(data)}", provider=self._provider
            )
        self._model = chunk.model or self._model
        self._fingerprint = chunk.system_fingerprint or self._fingerprint
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage, provider=self._provider)
        return self._choice(chunk.choices[0]) if chunk.choices else ""

    def _choice(self, choice: _ChunkChoice) -> str:
        if choice.finish_reason is not None:
            self._finish = _finish_reason(
                choice.finish_reason, self._output, provider=self._provider
            )
        piece = _said(choice.delta, self._output, provider=self._provider) or ""
        if piece:
            self._pieces.append(piece)
        return "" if self.held else piece

    @property
    def held(self) -> bool:
        """Whether the text is known only at the end: what is strict may have to be undone."""
        return self._output is not None and self._output.mode == "json_schema"

    def finish(self) -> Answered:
        """The whole answer. A stream that ended early is a `BadReply`, never a finished answer."""
        if self._finish is None:
            raise BadReply("the stream ended without a finish_reason", provider=self._provider)
        if self._usage is None:
            raise BadReply("the stream ended without usage", provider=self._provider)
        if self._model is None:
            raise BadReply("the stream does not name its model", provider=self._provider)
        return Answered(
            text=_as_asked("".join(self._pieces), self._output),
            finish_reason=self._finish,
            usage=self._usage,
            revision=_revision(self._model, self._fingerprint),
        )


def problem_in(body: bytes | str) -> str:
    """The server's own words in an error response: OpenAI's shape, its relatives, or the text."""
    raw = body.encode() if isinstance(body, str) else body
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = raw.decode("utf-8", "replace")
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    text = " ".join(text.split())
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"


def cost(price: ModelPrice | None, usage: Usage) -> int | None:
    """Micro-dollars of a call, None where the price is unknown.

    Rounded up, so that a call that costs something is never free; cached tokens count as any
    prompt token, so that a discount we do not know can only make the bill smaller than this.
    """
    if price is None:
        return None
    scaled = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
    return -(-scaled // 1_000_000)


# What endpoints send


_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Function(msgspec.Struct):
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)
    index: int = 0


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None


class _ChunkChoice(msgspec.Struct):
    delta: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count
    completion_tokens: _Count
    prompt_tokens_details: _PromptDetails | None = None


class _Completion(msgspec.Struct):
    model: str
    choices: list[_Choice]
    usage: _Usage
    system_fingerprint: str | None = None


class _Chunk(msgspec.Struct):
    model: str | None = None
    choices: list[_ChunkChoice] = []
    usage: _Usage | None = None
    system_fingerprint: str | None = None
    error: Any = None


def _foreign(body: bytes, why: str, *, provider: str) -> BadReply:
    quoted = problem_in(body) or "an empty body"
    return BadReply(f"not a chat completion ({why}): {quoted}", provider=provider)


def _finish_reason(
    value: str | None, output: OutputContract | None, *, provider: str
) -> FinishReason:
    if value is None:
        raise BadReply("the answer has no finish_reason", provider=provider)
    if output is not None and output.mode == "tools" and value in _CALLED:
        return "stop"
    known = FINISH_REASONS.get(value)
    if known is None:
        raise BadReply(
            f"finish_reason {value!r} is not supported; known are {sorted(FINISH_REASONS)}",
            provider=provider,
        )
    return known


def _said(message: _Message, output: OutputContract | None, *, provider: str) -> str | None:
    """The text of a message or of a piece of one; of a forced function call its arguments."""
    called = message.tool_calls or []
    if output is not None and output.mode == "tools":
        parts = [call.function.arguments or "" for call in called if call.index == 0]
        return parts[0] if parts else message.content or message.refusal
    if called or message.function_call:
        raise BadReply("the answer holds tool calls, which nobody asked for", provider=provider)
    return message.refusal if message.content is None else message.content


def _held_to(output: OutputContract, dialect: Dialect) -> dict[str, Any]:
    """What holds an answer to its contract, as the endpoint is told."""
    schema = msgspec.json.decode(output.schema)
    match output.mode:
        case "prompt":
            return {}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "json_schema":
            strict = strict_schema.rewritten(schema) if dialect.strict else None
            form = {
                "name": ANSWER,
                "schema": schema if strict is None else strict,
                "strict": strict is not None,
            }
            return {"response_format": {"type": "json_schema", "json_schema": form}}
        case "tools":
            function = {"name": ANSWER, "description": "Gives the answer.", "parameters": schema}
            return {
                "tools": [{"type": "function", "function": function}],
                "tool_choice": {"type": "function", "function": {"name": ANSWER}},
            }
        case "constrained":
            raise ValueError("an endpoint decodes on its own: 'constrained' is for local models")
        case _:
            assert_never(output.mode)


def _as_asked(text: str, output: OutputContract | None) -> str:
    """*text* in terms of the schema as the user wrote it."""
    if output is None or output.mode != "json_schema":
        return text
    return strict_schema.restored(text, msgspec.json.decode(output.schema))


def _usage(found: _Usage, *, provider: str) -> Usage:
    details = found.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or 0
    if cached > found.prompt_tokens:
        raise BadReply(
            f"usage has {cached} cached of {found.prompt_tokens} prompt tokens", provider=provider
        )
    return Usage(
        prompt_tokens=found.prompt_tokens,
        completion_tokens=found.completion_tokens,
        cached_tokens=cached,
    )


def _revision(model: str, fingerprint: str | None) -> str:
    return f"{model} {fingerprint}" if fingerprint else model
