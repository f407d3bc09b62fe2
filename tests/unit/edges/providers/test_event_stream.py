"""Server-sent events: the same events wherever the body is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.edges.providers import event_stream
from escalera.edges.providers.event_stream import EventStream

BODY = (
    b"\xef\xbb\xbfdata: one\n\n: a comment\nevent: x\nid: 7\ndata:two\r\ndata:  lines\r\n\r\n"
    b"retry: 10\n\ndata\n\ndata: \xc3\xa9\r\rdata: [DONE]\n\ndata: cut off"
)
EVENTS = ["one", "two\n lines", "", "é", "[DONE]"]


def fed(pieces: list[bytes]) -> list[str]:
    stream = EventStream()
    return [data for piece in pieces for data in stream.feed(piece)]


def test_the_rules_of_the_format() -> None:
    """One leading space goes, lines join, comments and other fields do not count, nor does a tail
    without an empty line."""
    assert fed([BODY]) == EVENTS


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    """Between any two bytes: inside a letter, between CR and LF, in the mark at the beginning."""
    marks = sorted({0, *cuts, len(BODY)})
    pieces = [BODY[a:b] for a, b in pairwise(marks)]
    assert fed(pieces) == EVENTS


def test_byte_by_byte() -> None:
    """The finest cut."""
    assert fed([BODY[n : n + 1] for n in range(len(BODY))]) == EVENTS


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 40, b"data: xxxxxxxx\n" * 5])
def test_an_event_without_end_is_refused(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long line, or many: memory is bounded."""
    monkeypatch.setattr(event_stream, "MAX_EVENT", 30)
    with pytest.raises(ValueError, match="longer than 30 bytes"):
        EventStream().feed(piece)


def test_what_is_not_utf8_is_refused() -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="utf-8"):
        EventStream().feed(b"data: \xff\n\n")
