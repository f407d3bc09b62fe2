"""Server-sent events as they pass: where one ends, and what they say of the answer's fate.

The bytes are passed on as they came. Whole events are let through at once; only the beginning of
one that is not whole yet waits. What has to be known is whether an answer has begun, ended, failed,
and what it took: decoding these few fields of an event is cheaper than looking for their names.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from escalera.apps.gateway.answers import Used
from escalera.domain.traffic import Fault, Operation

MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event."""


class Passage:
    """The state of one stream; `drop_usage` leaves out the event of usage nobody asked for.

    `begun`: something of an answer came; `finished`: an answer ended as the API says; `error`: the
    body of an error event, empty where none came; `ended`: the marker of the stream's end came.
    """

    __slots__ = (
        "_drop_usage",
        "_operation",
        "_rest",
        "_wanted",
        "begun",
        "ended",
        "error",
        "fault",
        "finished",
        "usage",
    )

    def __init__(self, operation: Operation, *, answers: int = 1, drop_usage: bool = False) -> None:
        self._operation = operation
        self._wanted = answers
        self._drop_usage = drop_usage
        self._rest = b""
        self.begun = self.ended = False
        self.finished = 0
        self.error = b""
        self.fault: Fault = ""
        self.usage: Used | None = None

    @property
    def whole(self) -> bool:
        """Whether every answer that was asked for has ended as the API says."""
        return self.finished >= self._wanted

    def push(self, piece: bytes) -> bytes:
        """The bytes that may go on once *piece* has come: whole events, in their order.

        Where an event is an error, what came before it is returned, and nothing follows.
        """
        if self.fault:
            return b""
        came = self._rest + piece if self._rest else piece
        end = _end(came)
        if end == 0:
            self._rest = came
            if len(came) > MAX_EVENT:
                self.fault = "malformed"
            return b""
        self._rest = came[end:]
        return self._read(came if end == len(came) else came[:end])

    def close(self) -> Fault:
        """What is wrong with a stream that ends here; empty where nothing is."""
        if self.fault:
            return self.fault
        if not self.begun and not self.finished:
            return "malformed" if self._rest.strip() else "empty"
        return "" if self.whole else "unfinished"

    # The events

    def _read(self, events: bytes) -> bytes:
        """The events that may go on: all up to an error, but those that nobody asked for."""
        kept, split = [], _split(events)
        for event in split:
            dropped = self._is_dropped(_data(event))
            if self.fault:
                break
            if not dropped:
                kept.append(event)
        return events if len(kept) == len(split) else b"".join(kept)

    def _is_dropped(self, data: bytes) -> bool:
        """Read one event; True where the caller did not ask for it."""
        if not data:
            return False
        if data == b"[DONE]":
            self.ended = True
            if not self.whole:
                self.fault = "unfinished"
            return False
        try:
            found = _EVENT.decode(data)
        except (msgspec.DecodeError, RecursionError):
            self.fault = "malformed"
            return False
        if found.error is not None or found.type in _FAILED:
            self.fault, self.error = "error-event", data
            return False
        if self._operation == "responses":
            self._respond(found)
            return False
        for choice in found.choices or ():
            self.begun = self.begun or choice.says
            self.finished += choice.finish_reason is not None
        if found.usage is not None:
            self.usage = found.usage
        return self._drop_usage and found.usage is not None and not found.choices

    def _respond(self, found: _Event) -> None:
        self.begun = self.begun or found.type.endswith(".delta")
        if found.type in _COMPLETED:
            self.finished += 1
            self.begun = True
            if found.response is not None and found.response.usage is not None:
                self.usage = found.response.usage


def error_event(body: bytes) -> bytes:
    """An event that says that a stream failed; *body* is an error in OpenAI's shape."""
    return b"data: " + body + b"\n\n"


# Below: private.

_COMPLETED = frozenset({"response.completed", "response.incomplete"})
_FAILED = frozenset({"error", "response.failed"})


class _Choice(msgspec.Struct, frozen=True):
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None

    @property
    def says(self) -> bool:
        """Whether there is something of an answer: text, a call, a reason to end."""
        if self.text or self.finish_reason is not None:
            return True
        return self.delta is not None and any(
            value for name, value in self.delta.items() if name != "role"
        )


class _Response(msgspec.Struct, frozen=True):
    usage: Used | None = None


class _Event(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: Used | None = None
    error: Any = None
    type: str = ""
    response: _Response | None = None


_EVENT = msgspec.json.Decoder(_Event)
_WHOLE = re.compile(rb".*?(?:\r\n\r\n|\n\n)", re.DOTALL)


def _end(came: bytes) -> int:
    """Where the last whole event ends; 0 where none is whole."""
    if came.endswith(b"\n\n"):
        return len(came)
    plain, dos = came.rfind(b"\n\n"), came.rfind(b"\r\n\r\n")
    return max(plain + 2 if plain >= 0 else 0, dos + 4 if dos >= 0 else 0)


def _split(events: bytes) -> list[bytes]:
    """Each event with the blank line that ends it."""
    if events.count(b"\n") == 2:
        return [events]
    if b"\r" in events:
        return _WHOLE.findall(events)
    return [event + b"\n\n" for event in events.split(b"\n\n")[:-1]]


def _data(event: bytes) -> bytes:
    """The data of an event: its lines of data together (the HTML standard, 9.2.6)."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
        return event[6:].strip()
    lines = [line for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines).strip()
