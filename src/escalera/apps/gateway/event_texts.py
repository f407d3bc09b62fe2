"""The texts of server-sent events: which text an event goes on with, and which texts it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from escalera.apps.gateway import halves, texts
from escalera.apps.gateway.texts import Path, Slot
from escalera.domain.traffic import Operation

Channel: TypeAlias = tuple[str | int, ...]
"""Which of the texts of a stream: a field, and the numbers of its choice, item, part or call."""


class Spoken(msgspec.Struct, frozen=True):
    """A piece of a text, and where it stands in its event."""

    channel: Channel
    path: Path
    text: str
    escaped: bool = False


class Event(msgspec.Struct, frozen=True):
    """What an event says: pieces of texts, what of them ends, and texts that it has whole."""

    pieces: Sequence[Spoken] = ()
    ended: Channel | None = None
    choices: Sequence[int] = ()
    whole: Sequence[Slot] = ()

    def ends(self, channel: Channel) -> bool:
        """Whether nothing more will come of *channel*."""
        return channel == self.ended or channel[1] in self.choices


def split(events: bytes) -> list[bytes]:
    """Each event with the blank line that ends it."""
    if events.count(b"\n") == 2:
        return [events]
    return [event for event in _EVENT.findall(events) if event]


def data(event: bytes) -> bytes | None:
    """The data of an event, None where it has none."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
        return event[6:].strip()
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def read(operation: Operation, body: bytes) -> Event:
    """What the data of an event say; nothing where they are no JSON object."""
    try:
        found = msgspec.json.decode(halves.mended(body))
    except (msgspec.DecodeError, RecursionError):
        return _NOTHING
    if type(found) is not dict:
        return _NOTHING
    if operation == "responses":
        return _of_response(found)
    return _of_choices(found)


def rewritten(
    event: bytes, body: bytes, changed: Mapping[Path, str], pieces: Iterable[Spoken]
) -> bytes:
    """*event*, whose data are *body*, with other texts at their paths."""
    paths = {piece.path for piece in pieces}
    if len(changed) == 1:
        (path, text), *_ = changed.items()
        quick = path in paths
        new = texts.replaced_once(body, str(path[-1]), path, text) if quick else None
    else:
        new = None
    if new is None:
        new = texts.in_answer(body, changed)
    if event.startswith(b"data: ") and event.find(body, 6) == 6:
        return event[:6] + new + event[6 + len(body) :]
    kept = [line for line in event.strip().splitlines() if not line.startswith(b"data:")]
    return b"\n".join([*kept, b"data: " + new.replace(b"\n", b" "), b"", b""])


# Below: private.

_EVENT = re.compile(rb".*?(?:\r\n\r\n|\n\n)|.+\Z", re.DOTALL)
_NOTHING = Event()
_SAID = ("content", "refusal", "reasoning_content", "reasoning")


def _of_choices(found: Mapping[str, Any]) -> Event:
    choices = found.get("choices")
    if type(choices) is not list:
        return _NOTHING
    pieces: list[Spoken] = []
    ended: list[int] = []
    for place, choice in enumerate(choices):
        if type(choice) is not dict:
            continue
        index = choice.get("index", place)
        index = index if type(index) is int else place
        if type(text := choice.get("text")) is str and text:
            pieces.append(Spoken(("text", index), ("choices", place, "text"), text))
        if type(delta := choice.get("delta")) is dict:
            pieces += _of_delta(delta, index, ("choices", place, "delta"))
        if choice.get("finish_reason") is not None:
            ended.append(index)
    return Event(pieces, choices=ended)


def _of_delta(delta: Mapping[str, Any], index: int, at: Path) -> Iterator[Spoken]:
    for name in _SAID:
        if type(text := delta.get(name)) is str and text:
            yield Spoken((name, index), (*at, name), text)
        elif type(text) is list:
            yield from _of_parts(text, (name, index), (*at, name))
    call = delta.get("function_call")
    if type(call) is dict and type(text := call.get("arguments")) is str and text:
        yield Spoken(("call", index), (*at, "function_call", "arguments"), text, escaped=True)
    if type(calls := delta.get("tool_calls")) is list:
        for place, call in enumerate(calls):
            yield from _of_call(call, place, index, (*at, "tool_calls", place))


def _of_parts(parts: Sequence[Any], channel: Channel, at: Path) -> Iterator[Spoken]:
    """Of a text that comes as a list of its parts; what was thought is a text of its own."""
    for place, part in enumerate(parts):
        if type(part) is str and part:
            yield Spoken(channel, (*at, place), part)
        elif type(part) is dict:
            if type(text := part.get("text")) is str and text:
                yield Spoken(channel, (*at, place, "text"), text)
            thought: Channel = ("thinking", *channel[1:])
            if type(text := part.get("thinking")) is str and text:
                yield Spoken(thought, (*at, place, "thinking"), text)
            elif type(text) is list:
                yield from _of_parts(text, thought, (*at, place, "thinking"))


def _of_call(call: Any, place: int, index: int, at: Path) -> Iterator[Spoken]:
    if type(call) is not dict:
        return
    number = call.get("index", place)
    for kind, field, escaped in (("function", "arguments", True), ("custom", "input", False)):
        inner = call.get(kind)
        if type(inner) is dict and type(text := inner.get(field)) is str and text:
            channel = (kind, index, number if type(number) is int else place)
            yield Spoken(channel, (*at, kind, field), text, escaped)


def _of_response(found: Mapping[str, Any]) -> Event:
    kind = found.get("type")
    if type(kind) is not str:
        return _NOTHING
    name, _, last = kind.rpartition(".")
    channel: Channel = (name, *(_number(found, which) for which in _NUMBERS))
    delta = found.get("delta")
    if last == "delta" and type(delta) is str:
        escaped = name in _JSON_CALLS
        return Event([Spoken(channel, ("delta",), delta, escaped)])
    ended = channel if last == "done" else None
    return Event((), ended, whole=texts.slots(found, texts.WHOLE))


_JSON_CALLS = ("response.function_call_arguments", "response.mcp_call_arguments")
_NUMBERS = ("output_index", "content_index", "summary_index")


def _number(found: Mapping[str, Any], name: str) -> int:
    number = found.get(name)
    return number if type(number) is int else -1
