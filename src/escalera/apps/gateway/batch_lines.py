"""The lines of a batch: read without keeping the file in memory, checked, and answered.

Everything that can be known to be wrong is known before anything is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from escalera.apps.gateway import fields, wire
from escalera.apps.gateway.inside import Said
from escalera.apps.gateway.wire import Refusal
from escalera.domain.batch import NOTHING, BatchError, BatchUsage

AROUND = 64 * 1024
"""Bytes that a line may have around its body."""
LONGEST_ID = 512
"""Characters of a `custom_id`."""
MOST_ERRORS = 100
"""Errors that are told of one file."""
PIECE = 1024 * 1024


class Line(msgspec.Struct, frozen=True):
    """A line that can be asked; lines are counted from 1."""

    number: int
    custom_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the lines of a batch must keep to.

    `body` bounds the bytes of a request. `wrong` says what is wrong with the name of a model, and
    gives its plan's name where nothing is.
    """

    endpoint: str
    lines: int
    body: int
    wrong: Callable[[str], BatchError | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a file holds: `model` is empty where its lines ask several."""

    total: int = 0
    model: str = ""
    errors: tuple[BatchError, ...] = ()


def numbered(path: Path, most: int) -> Iterator[tuple[int, bytes | None]]:
    """The lines that are not blank with their numbers; None for one of more than *most* bytes."""
    number = 0
    with path.open("rb") as file:
        while line := file.readline(most + 1):
            number += 1
            if len(line) <= most:
                if line := line.strip():
                    yield number, line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(PIECE)
            yield number, None


def checked(path: Path, rules: Rules) -> Checked:
    """What *path* holds."""
    errors: list[BatchError] = []
    seen: set[str] = set()
    models: set[str] = set()
    total = 0
    for number, text in numbered(path, rules.body + AROUND):
        total += 1
        if total > rules.lines:
            errors.append(_too_many(rules.lines))
            break
        try:
            models.add(_model(number, text, rules, seen))
        except Unusable as wrong:
            errors.append(wrong.of(number))
        if len(errors) > MOST_ERRORS:
            errors[-1] = BatchError(code="too_many_errors", message="There may be more errors.")
            break
    if not total:
        errors.append(BatchError(code="empty_file", message="The file holds no requests."))
    model = models.pop() if len(models) == 1 else ""
    return Checked(total=total, model=model, errors=tuple(errors))


def read(number: int, text: bytes | None, endpoint: str) -> Line:
    """A line. Raises `Unusable` for one that cannot be asked."""
    if text is None:
        raise Unusable("request_too_large", "it is longer than requests may be", "body")
    try:
        found = _OBJECT.decode(text)
    except wire.UNREADABLE as error:
        raise Unusable("invalid_json_line", f"it is no JSON object ({error})") from error
    custom_id = _text(found, "custom_id")
    if not 0 < len(custom_id) <= LONGEST_ID:
        told = f"custom_id has 1 to {LONGEST_ID} characters"
        raise Unusable("invalid_custom_id", told, "custom_id")
    method, url = _text(found, "method"), _text(found, "url")
    if method != "POST":
        raise Unusable(
            "invalid_method", f"method is {method[:50]!r}, and is to be 'POST'", "method"
        )
    if url != endpoint:
        told = f"url is {url[:100]!r}, and the batch is for {endpoint!r}"
        raise Unusable("mismatched_url", told, "url")
    if "body" not in found:
        raise _missing("body")
    return Line(number, custom_id, bytes(found["body"]))


def record(batch: str, line: Line, said: Said) -> bytes:
    """What came of a line, as one line of the official form."""
    try:
        body = msgspec.Raw(msgspec.json.format(said.body, indent=-1))
    except wire.UNREADABLE:
        body = msgspec.Raw(msgspec.json.encode(said.body.decode("utf-8", "replace")))
    response = {
        "status_code": said.status,
        "request_id": said.header(b"x-escalera-request"),
        "body": body,
    }
    return _record(batch, line, response, None)


def usage(said: Said) -> BatchUsage:
    """The tokens that an answer says it took, whatever its endpoint calls them."""
    if said.status != 200:
        return NOTHING
    try:
        found = msgspec.json.decode(said.body, type=_Answer).usage
    except wire.UNREADABLE:
        found = None
    if found is None:
        return BatchUsage(untold=1)
    read = found.input_tokens_details or found.prompt_tokens_details
    wrote = found.output_tokens_details or found.completion_tokens_details
    return BatchUsage(
        input=found.input_tokens or found.prompt_tokens or 0,
        cached=(read and read.cached_tokens) or 0,
        output=found.output_tokens or found.completion_tokens or 0,
        reasoning=(wrote and wrote.reasoning_tokens) or 0,
    )


def unasked(batch: str, line: Line, code: str, message: str) -> bytes:
    """A line that was not answered, and why not."""
    return _record(batch, line, None, {"code": code, "message": message})


class Unusable(Exception):
    """A line that cannot be asked."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param

    def of(self, number: int) -> BatchError:
        """What is told of it."""
        message = f"Line {number}: {self.message}."
        return BatchError(code=self.code, message=message, param=self.param, line=number)


# Below: private.


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    """As chat, completions and embeddings name it, and as responses do."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _model(number: int, text: bytes | None, rules: Rules, seen: set[str]) -> str:
    """The plan that a line's model means; its id is added to those *seen*. Raises `Unusable`."""
    line, operation = read(number, text, rules.endpoint), fields.PATHS[rules.endpoint]
    if line.custom_id in seen:
        told = f"another line has the custom_id {line.custom_id[:100]!r}"
        raise Unusable("duplicate_custom_id", told, "custom_id")
    seen.add(line.custom_id)
    if len(line.body) > rules.body:
        told = f"its body is longer than {rules.body} bytes"
        raise Unusable("request_too_large", told, "body")
    try:
        asked = fields.read(operation, line.body)
    except Refusal as error:
        param = f"body.{error.param}" if error.param else "body"
        raise Unusable("invalid_request", error.message.rstrip("."), param) from error
    if asked.stream:
        raise Unusable("unsupported_parameter", "there are no streams in a batch", "body.stream")
    found = rules.wrong(asked.model)
    if isinstance(found, BatchError):
        raise Unusable(found.code, found.message.rstrip("."), found.param)
    return found


def _text(found: dict[str, msgspec.Raw], name: str) -> str:
    if name not in found:
        raise _missing(name)
    try:
        return msgspec.json.decode(found[name], type=str)
    except wire.UNREADABLE as error:
        raise Unusable("invalid_type", f"{name} is no string", name) from error


def _missing(name: str) -> Unusable:
    return Unusable("missing_required_parameter", f"{name} is missing", name)


def _too_many(most: int) -> BatchError:
    told = f"The file has more than {most} requests. Split it into several."
    return BatchError(code="too_many_tasks", message=told)


def _record(
    batch: str, line: Line, response: dict[str, object] | None, error: dict[str, str] | None
) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"batch_req_{batch.removeprefix('batch_')}_{line.number}",
            "custom_id": line.custom_id,
            "response": response,
            "error": error,
        }
    )
