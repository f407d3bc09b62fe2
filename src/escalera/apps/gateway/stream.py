"""Server-sent events as they pass: where one ends, and what they say of the answer's fate.

The bytes are passed on as they came. Whole events are let through at once; only the beginning of
one that is not whole yet waits. What has to be known is whether an answer has begun, ended, failed,
and what it took: decoding these few fields of an event is cheaper than looking for their names.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from escalera.apps.gateway import halves
from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.wire import UNREADABLE
from escalera.domain.traffic import Fault, Operation

MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event."""


class Passage:
    """The state of one stream; `drop_usage` leaves out the event of usage nobody asked for.

    `begun`: something of an answer came; `error`: the body of an error event, empty where none
    came; `ended`: the marker of the stream's end came, and nothing is let through after it.
    """

    __slots__ = (
        "_done",
        "_drop_usage",
        "_open",
        "_operation",
        "_rest",
        "_wanted",
        "begun",
        "ended",
        "error",
        "fault",
        "usage",
    )

    def __init__(self, operation: Operation, *, answers: int = 1, drop_usage: bool = False) -> None:
        self._operation = operation
        self._wanted = answers
        self._drop_usage = drop_usage
        self._rest = b""
        self._open: set[int] = set()
        self._done: set[int] = set()
        self.begun = self.ended = False
        self.error = b""
        self.fault: Fault = ""
        self.usage: Used | None = None

    @property
    def whole(self) -> bool:
        """Whether every answer has ended as the API says.

        An upstream that gives fewer answers than were asked for, and says that these are all, is
        believed.
        """
        wanted = 1 if self.ended else self._wanted
        return len(self._done) >= wanted and self._open <= self._done

    def push(self, piece: bytes) -> bytes:
        """The bytes that may go on once *piece* has come: whole events, in their order.

        Where an event is an error, what came before it is returned, and nothing follows.
        """
        if self.fault or self.ended:
            return b""
        if self.is_more(piece, 0, len(piece)):
            return piece
        return self._push_more(piece)

    def is_more(self, came: bytes, begins: int, ends: int) -> bool:
        """Whether *came* is, between two places, one whole event that goes on with an answer, and
        says nothing else: most are. It may go on, and there is nothing to be noted of it.
        """
        # Who calls fewer functions waits less for memory between the events of a hundred streams.
        is_one = came[begins : begins + 7] == b"data: {" and came[ends - 2 : ends] == b"\n\n"
        if not is_one or came.find(b"\n", begins) != ends - 2 or ends - begins > MAX_EVENT:
            return False
        if self._rest or self.fault or self.ended:
            return False
        data = came[begins + 6 : ends]
        try:
            if not data.isascii():
                data.decode()  # what is skipped there is not looked at here
            (choice,) = _MORE.decode(data).choices
        except UNREADABLE:
            return False
        return choice.index in self._open

    def close(self) -> Fault:
        """What is wrong with a stream that ends here; empty where nothing is."""
        if self.fault:
            return self.fault
        if not self.begun:
            return "malformed" if self._rest.strip() else "empty"
        return "" if self.whole else "unfinished"

    # The events

    def _push_more(self, piece: bytes) -> bytes:
        """The same for anything but one whole event."""
        came = self._rest + piece if self._rest else piece
        end = _end(came)
        if end == len(came):
            self._rest = b""
            return self._read(came)
        self._rest = came[end:]
        passed = self._read(came[:end]) if end else b""
        if len(self._rest) > MAX_EVENT and not (self.fault or self.ended):
            self.fault = "malformed"
        return passed

    def _read(self, events: bytes) -> bytes:
        """The events that may go on: all up to an error or the end, but what nobody asked for."""
        kept, split = [], _split(events)
        for event in split:
            dropped = self._is_dropped(event)
            if self.fault:
                break
            if not dropped:
                kept.append(event)
            if self.ended:
                break
        return events if len(kept) == len(split) else b"".join(kept)

    def _is_dropped(self, event: bytes) -> bool:
        """Read one event; True where the caller did not ask for it."""
        if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
            data, is_error = event[6:].strip(), False
        else:
            data, is_error = _lines(event)
        if is_error:
            self.fault, self.error = "error-event", data
        elif data == b"[DONE]":
            self.ended = True
            self.fault = "" if self.whole else "unfinished"
        elif len(event) > MAX_EVENT:
            self.fault = "malformed"
        elif data:
            return self._is_unasked(data)
        return False

    def _is_unasked(self, data: bytes) -> bool:
        try:
            found = _EVENT.decode(data)
        except UNREADABLE:
            other = _read_again(halves.mended(data))
            if other is None:
                self.fault = "malformed"
                return False
            found = other
        if found.error is not None or found.type in _FAILED:
            self.fault, self.error = "error-event", data
        elif self._operation == "responses":
            self._respond(found)
        elif found.choices:
            self._choose(found.choices, data)
        elif found.choices is None and _is_error(data):
            self.fault, self.error = "error-event", data
        if found.usage is None:
            return False
        self.usage = found.usage
        return self._drop_usage and not found.choices

    def _choose(self, choices: list[_Choice], data: bytes) -> None:
        """Note what the choices of an event say."""
        for choice in choices:
            if choice.finish_reason is not None:
                self.begun = True
                self._done.add(choice.index)
                if choice.finish_reason == "error":
                    self.fault, self.error = "error-event", data
            elif choice.index not in self._open and choice.says:
                self.begun = True
                self._open.add(choice.index)

    def _respond(self, found: _Event) -> None:
        if found.type in _COMPLETED:
            self.begun = True
            self._done.add(0)
            self.usage = None if found.response is None else found.response.usage
        elif found.type is not None and found.type.endswith(".delta"):
            self.begun = True


# Below: private.

_COMPLETED = frozenset({"response.completed", "response.incomplete"})
_FAILED = frozenset({"error", "response.failed"})


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None

    @property
    def says(self) -> bool:
        """Whether there is something of an answer: text, or a call."""
        if self.text:
            return True
        return self.delta is not None and any(
            value for name, value in self.delta.items() if name != "role"
        )


class _Response(msgspec.Struct, frozen=True):
    usage: Used | None = None


class _Bare(msgspec.Struct, frozen=True, kw_only=True):
    choices: list[_Choice] | None = None
    error: Any = None
    type: str | None = None


class _Event(_Bare, frozen=True, kw_only=True):
    usage: Used | None = None
    response: _Response | None = None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    """Of which nothing is read."""


class _Going(msgspec.Struct, frozen=True, gc=False):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: None = None


class _More(msgspec.Struct, frozen=True, gc=False):
    """An event that only goes on with one answer; any other is none of these."""

    choices: tuple[_Going]
    error: None = None
    type: None = None
    usage: None = None
    response: None = None


class _Kind(msgspec.Struct, frozen=True):
    object: Any = None


_EVENT = msgspec.json.Decoder(_Event)
_MORE = msgspec.json.Decoder(_More)
_BARE = msgspec.json.Decoder(_Bare)
_KIND = msgspec.json.Decoder(_Kind)
_EVENTS = re.compile(rb".*?\n\r?\n", re.DOTALL)


def _read_again(data: bytes) -> _Event | None:
    """An event without halves of characters, and without a usage that is not to be read; None where
    more is wrong with it.
    """
    try:
        return _EVENT.decode(data)
    except UNREADABLE:
        pass
    try:
        found = _BARE.decode(data)
    except UNREADABLE:
        return None
    return _Event(choices=found.choices, error=found.error, type=found.type)


def _is_error(data: bytes) -> bool:
    """Whether an event without choices is an error, as some servers write one."""
    return b'"error"' in data and _KIND.decode(data).object == "error"


def _end(came: bytes) -> int:
    """Where the last whole event ends, counted from the first; 0 where none is whole."""
    if b"\r" in came:
        return sum(map(len, _EVENTS.findall(came)))
    if came.endswith(b"\n\n") and came[-3:-2] != b"\n":
        return len(came)
    at = came.rfind(b"\n\n")
    if at < 0:
        return 0
    begins = len(came[:at].rstrip(b"\n"))
    return begins + (at + 2 - begins) // 2 * 2


def _split(events: bytes) -> list[bytes]:
    """Each event with the blank line that ends it."""
    if events.count(b"\n") == 2:
        return [events]
    if b"\r" in events:
        return _EVENTS.findall(events)
    return [event + b"\n\n" for event in events.split(b"\n\n")[:-1]]


def _lines(event: bytes) -> tuple[bytes, bool]:
    """The data of an event, its lines together (the HTML standard, 9.2.6); whether it is an error
    by its name.
    """
    data, is_error = [], False
    for line in event.splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            is_error = value.strip() == b"error"
    return b"\n".join(data).strip(), is_error
