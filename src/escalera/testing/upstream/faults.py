"""Everything that goes wrong with upstreams, as what they put on the wire.

A fault plays steps instead of the answer: bytes as they travel, seconds to wait, or an end of the
connection. `FAULTS` is the table that test matrices go through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from escalera.testing.upstream import answers
from escalera.testing.upstream.asked import Asked

Step = bytes | float | Literal["close", "reset", "hang"]
Form = Literal["whole", "stream"]

HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
PAUSE = 0.05
"""Seconds between what a stream says and its end: what was said is out by then."""
JSON_TYPE, STREAM_TYPE = b"application/json", b"text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request and what would be the answer to it."""

    asked: Asked
    name: str
    tokens: int

    @property
    def streamed(self) -> bool:
        """Whether a stream was asked for."""
        return self.asked.body.stream

    def whole(self) -> bytes:
        """The body of the answer, in one."""
        return answers.whole(self.asked, self.name, self.tokens)

    def events(self) -> list[bytes]:
        """The events of the answer."""
        return list(answers.events(self.asked, self.name, self.tokens))

    @property
    def opening(self) -> int:
        """How many events come before the first word of the answer."""
        return 4 if self.asked.place == "responses" else int(self.asked.place == "chat")


Play = Callable[[Case], Iterator[Step]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    `forms`: with which answers it can happen. `early`: before a stream has said a word of its
    answer, so that another upstream can be asked without anyone noticing. `callers`: the request is
    to blame, so that nobody else is to be asked. `complete`: all of the answer is there all the
    same.
    """

    about: str
    play: Play
    forms: tuple[Form, ...] = ("whole", "stream")
    early: bool = True
    callers: bool = False
    complete: bool = False


def head(
    status: int = 200, kind: bytes = JSON_TYPE, length: int | None = None, more: bytes = b""
) -> bytes:
    """A head; without a length the body comes in chunks."""
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"HTTP/1.1 %d X\r\nContent-Type: %b\r\n%b%b\r\n\r\n" % (status, kind, more, framing)


def framed(piece: bytes) -> bytes:
    """A chunk."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST = b"0\r\n\r\n"


# Before or instead of a head


def _status(status: int, message: str, more: bytes, case: Case) -> Iterator[Step]:
    body = answers.error(status, f"{message} (from {case.name})", f"mock_{status}")
    yield head(status, length=len(body), more=more) + body


def _refused(status: int, message: str, more: bytes = b"", *, callers: bool = False) -> Fault:
    return Fault(
        about=f"status {status}", play=partial(_status, status, message, more), callers=callers
    )


def _steps(*steps: Step) -> Play:
    return lambda _: iter(steps)


def _hang_within_head(_: Case) -> Iterator[Step]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: app"
    yield "hang"


def _huge_head(case: Case) -> Iterator[Step]:
    body = case.whole()
    yield head(length=len(body), more=b"X-Long: %b\r\n" % (b"x" * 200_000)) + body


def _both_framings(case: Case) -> Iterator[Step]:
    body = case.whole()
    yield head(length=len(body), more=b"Transfer-Encoding: chunked\r\n") + framed(body) + LAST


def _two_lengths(case: Case) -> Iterator[Step]:
    body = case.whole()
    more = b"Content-Length: %d\r\n" % (len(body) - 5)
    yield head(length=len(body), more=more) + body


# Instead of a body


def _said(body: bytes, kind: bytes = JSON_TYPE) -> Play:
    """A response that is whole, as HTTP sees it."""
    return lambda _: iter([head(kind=kind, length=len(body)) + body])


def _error_object(case: Case) -> Iterator[Step]:
    body = answers.error(500, f"failed inside (from {case.name})", "mock_error")
    yield head(length=len(body)) + body


def _half(ending: Step, case: Case) -> Iterator[Step]:
    """Half of a body whose length was told."""
    body = case.whole()
    yield head(length=len(body)) + body[: len(body) // 2]
    yield ending


def _chunked_cut(case: Case) -> Iterator[Step]:
    body = case.whole()
    yield head() + framed(body[: len(body) // 2])
    yield "close"


def _broken_json(case: Case) -> Iterator[Step]:
    body = case.whole()[:-9]
    yield head(length=len(body)) + body


def _surplus(case: Case) -> Iterator[Step]:
    """More than the length that was told."""
    body = case.whole()
    yield head(length=len(body) - 9) + body


def _slow_drip(case: Case) -> Iterator[Step]:
    """Never silent for long, and never at an end."""
    yield head(kind=STREAM_TYPE if case.streamed else JSON_TYPE)
    if not case.streamed:
        yield framed(case.whole()[:-1])
    while True:
        yield 0.05
        yield framed(b": alive\n\n" if case.streamed else b" ")


# Within a stream


def _stream(pieces: list[bytes], *, last: bytes = LAST) -> bytes:
    return head(kind=STREAM_TYPE) + b"".join(framed(piece) for piece in pieces) + last


def _instead(*pieces: bytes) -> Play:
    """A stream of something else, cleanly ended."""
    return lambda _: iter([_stream(list(pieces))])


def _error_first(case: Case) -> Iterator[Step]:
    yield _stream([answers.error_event(case.asked, f"failed (from {case.name})")])


def _roles_then_error(case: Case) -> Iterator[Step]:
    opening = case.events()[: case.opening]
    yield _stream([*opening, answers.error_event(case.asked, f"failed (from {case.name})")])


def _begun(case: Case) -> list[bytes]:
    """The opening and half of the words."""
    return case.events()[: case.opening + max(1, case.tokens // 2)]


def _after_begun(case: Case, *rest: Step) -> Iterator[Step]:
    """Half of the words, a pause in which they are passed on, then the rest."""
    yield _stream(_begun(case), last=b"")
    yield PAUSE
    yield from rest


def _error_mid(case: Case) -> Iterator[Step]:
    event = answers.error_event(case.asked, f"failed (from {case.name})")
    return _after_begun(case, framed(event) + LAST)


def _ends_mid(ending: Step, case: Case) -> Iterator[Step]:
    return _after_begun(case, ending)


def _garbage_mid(case: Case) -> Iterator[Step]:
    return _after_begun(case, b"\x00\xffnot a chunk\r\n", "close")


def _broken_event(case: Case) -> Iterator[Step]:
    broken = framed(b'data: {"id": "chatcmpl-mo\n\n')
    return _after_begun(case, broken + framed(answers.DONE) + LAST)


def _unfinished(done: bytes, case: Case) -> Iterator[Step]:
    """A clean end in the middle, which nothing but the missing finish reason tells."""
    return _after_begun(case, done + LAST)


def _no_done(case: Case) -> Iterator[Step]:
    yield _stream([event for event in case.events() if event != answers.DONE])


WHOLE: tuple[Form, ...] = ("whole",)
STREAM: tuple[Form, ...] = ("stream",)

FAULTS: dict[str, Fault] = {
    "status-500": _refused(500, "internal error"),
    "status-503": _refused(503, "overloaded"),
    "status-429": _refused(429, "rate limit", b"Retry-After: 1\r\n"),
    "status-401": _refused(401, "wrong key"),
    "status-403": _refused(403, "not allowed"),
    "status-404": _refused(404, "no such model"),
    "status-400": _refused(400, "the caller's mistake", callers=True),
    "status-422": _refused(422, "the caller's mistake", callers=True),
    "reset-before-head": Fault(about="reset before the head", play=_steps("reset")),
    "close-before-head": Fault(about="closed before the head", play=_steps("close")),
    "hang-before-head": Fault(about="silent before the head", play=_steps("hang")),
    "hang-within-head": Fault(about="silent within the head", play=_hang_within_head),
    "huge-head": Fault(about="a head of 200 KB", play=_huge_head),
    "garbage": Fault(about="not HTTP", play=_steps(b"\x16\x03\x01garbage\r\n\r\n", "close")),
    "both-framings": Fault(about="Content-Length and Transfer-Encoding", play=_both_framings),
    "two-lengths": Fault(about="two lengths", play=_two_lengths),
    "empty-body": Fault(about="200, empty body", play=_said(b"")),
    "html": Fault(about="200, a page", play=_said(HTML, b"text/html")),
    "error-object": Fault(about="200, an error object", play=_error_object),
    "slow-drip": Fault(about="a drip without end", play=_slow_drip),
    "body-stalls": Fault(about="stalls in the body", play=partial(_half, "hang"), forms=WHOLE),
    "body-cut": Fault(about="closed in the body", play=partial(_half, "close"), forms=WHOLE),
    "body-reset": Fault(about="reset in the body", play=partial(_half, "reset"), forms=WHOLE),
    "chunked-cut": Fault(about="closed between chunks", play=_chunked_cut, forms=WHOLE),
    "surplus": Fault(about="longer than its length", play=_surplus, forms=WHOLE),
    "broken-json": Fault(about="200, broken JSON", play=_broken_json, forms=WHOLE),
    "empty-object": Fault(about="200, an empty object", play=_said(b"{}"), forms=WHOLE),
    "empty-stream": Fault(about="a stream of nothing", play=_instead(), forms=STREAM),
    "only-done": Fault(about="a stream of [DONE] only", play=_instead(answers.DONE), forms=STREAM),
    "html-stream": Fault(about="a page as a stream", play=_instead(HTML), forms=STREAM),
    "error-first": Fault(about="an error as first event", play=_error_first, forms=STREAM),
    "roles-then-error": Fault(
        about="an opening, then an error", play=_roles_then_error, forms=STREAM
    ),
    "error-mid": Fault(about="an error mid-stream", play=_error_mid, forms=STREAM, early=False),
    "cut-mid": Fault(
        about="closed mid-stream", play=partial(_ends_mid, "close"), forms=STREAM, early=False
    ),
    "reset-mid": Fault(
        about="reset mid-stream", play=partial(_ends_mid, "reset"), forms=STREAM, early=False
    ),
    "stall-mid": Fault(
        about="silent mid-stream", play=partial(_ends_mid, "hang"), forms=STREAM, early=False
    ),
    "garbage-mid": Fault(
        about="not a chunk mid-stream", play=_garbage_mid, forms=STREAM, early=False
    ),
    "broken-event": Fault(
        about="broken JSON mid-stream", play=_broken_event, forms=STREAM, early=False
    ),
    "unfinished": Fault(
        about="ends without finish reason",
        play=partial(_unfinished, b""),
        forms=STREAM,
        early=False,
    ),
    "unfinished-done": Fault(
        about="[DONE] without finish reason",
        play=partial(_unfinished, framed(answers.DONE)),
        forms=STREAM,
        early=False,
    ),
    "no-done": Fault(
        about="no [DONE] at the end", play=_no_done, forms=STREAM, early=False, complete=True
    ),
}
"""What can be asked for by name, for an instance, by a header or by a model's name."""
