"""Server-sent events as they pass: no cut changes a byte or the verdict."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.stream import MAX_EVENT, Passage

DONE = b"data: [DONE]\n\n"


def chunk(text=None, *, finish=None, index=0, **more):
    """One event of a chat."""
    delta = {} if text is None else {"content": text}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
ANSWER = [ROLE, chunk("Hé"), chunk("llo"), chunk(finish="stop")]


def passed(pieces, operation="chat", **options):
    """What goes on, and what the passage says at the end."""
    passage = Passage(operation, **options)
    out = b"".join(passage.push(piece) for piece in pieces)
    return out, passage


def cut(whole, places):
    """The bytes in pieces."""
    edges = [0, *sorted({place % (len(whole) + 1) for place in places}), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(edges) if a < b]


def verdict(passage):
    return passage.close(), passage.begun, passage.ended, passage.error, passage.usage


def spelled(lines_end):
    """Events with one kind of line end."""
    return lambda events: [event.replace(b"\n", lines_end) for event in events]


ONE_EVENT = st.one_of(
    st.builds(chunk, st.text(max_size=5), index=st.integers(0, 2)),
    st.builds(chunk, finish=st.sampled_from(["stop", "length", "tool_calls"])),
    st.sampled_from(
        [
            USAGE,
            DONE,
            b": keep-alive\n\n",
            b"\n\n",
            b"\n",
            b"event: ping\ndata: {}\n\n",
            b'data: {"choices":\ndata: []}\n\n',
            b"data:{}\n\n",
            b'data: {"error":{"message":"x"}}\n\n',
            b'event: error\ndata: {"message":"x"}\n\n',
            b"data: not JSON\n\n",
            b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
            b"retry: 3\nid: 4\n\n",
            b"data: half",
        ]
    ),
)
EVENTS = st.lists(ONE_EVENT, max_size=8).flatmap(
    lambda events: st.sampled_from([b"\n", b"\r\n"]).map(lambda end: spelled(end)(events))
)


@given(
    st.lists(ONE_EVENT, max_size=5),
    st.one_of(
        ONE_EVENT,
        st.builds(
            chunk,
            st.text(max_size=5),
            index=st.sampled_from([0, 1, None, "0"]),
            usage=st.sampled_from([None, {}, {"prompt_tokens": 3}]),
            error=st.sampled_from([None, {"message": "x"}]),
            type=st.sampled_from([None, "error", "x"]),
        ),
    ),
)
def test_an_event_that_goes_on_says_nothing_else(before, event):
    """What is let pass at a glance would have passed, and changed nothing, on the long way."""
    _, passage = passed([ANSWER[0], ANSWER[1], *before])
    if passage.is_more(b"..." + event + b"..", 3, 3 + len(event)):
        known = verdict(passage)
        assert passage._push_more(event) == event
        assert verdict(passage) == known


def test_most_events_go_on():
    """Text behind the first does, in any language; a finish, a usage or bytes that are no text do
    not, and nothing does before the answer has begun or behind its end.
    """
    _, passage = passed(ANSWER[:2])
    texts = [chunk("llo"), chunk("é"), 'data: {"choices":[{"delta":{"content":"é"}}]}\n\n'.encode()]
    assert all(passage.is_more(event, 0, len(event)) for event in texts)
    others = [
        chunk("a", usage={}),
        chunk("a", error="x"),
        chunk("a", type="x"),
        chunk("a", index=1),
    ]
    others += [ANSWER[3], USAGE, DONE, texts[2].replace("é".encode(), b"\xff"), b"data: half"]
    assert not any(passage.is_more(event, 0, len(event)) for event in others)
    for pieces in ([], ANSWER[:1], [*ANSWER, DONE], [*ANSWER[:2], b"data: half"]):
        assert not passed(pieces)[1].is_more(texts[0], 0, len(texts[0]))


@given(EVENTS, st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
def test_no_cut_changes_a_byte_or_the_verdict(events, places, drop_usage):
    """The same events, cut anywhere, are passed on as the same bytes with the same verdict."""
    whole = b"".join(events)
    out, at_once = passed([whole], drop_usage=drop_usage)
    cut_out, by_and_by = passed(cut(whole, places), drop_usage=drop_usage)
    one_by_one, slowest = passed(cut(whole, range(len(whole))), drop_usage=drop_usage)
    assert cut_out == out == one_by_one
    assert verdict(at_once) == verdict(by_and_by) == verdict(slowest)


@given(
    st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_a_good_stream_passes_byte_by_byte(texts, has_usage, end):
    """Nothing of a stream that is whole is lost or changed; its usage is known."""
    events = [ROLE, *map(chunk, texts), chunk(finish="stop"), *([USAGE] * has_usage), DONE]
    whole = b"".join(spelled(end)(events))
    out, passage = passed(cut(whole, range(len(whole))))
    assert out == whole
    assert verdict(passage)[:3] == ("", True, True)
    used = Used(prompt_tokens=3, completion_tokens=4)
    assert passage.usage == (used if has_usage else None)


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_only_the_usage_that_nobody_asked_for_is_left_out(places):
    """The event with the usage alone goes; one that has choices besides stays."""
    running = chunk("x", usage={"prompt_tokens": 3, "completion_tokens": 1})
    whole = b"".join([*ANSWER[:2], running, ANSWER[3], USAGE, DONE])
    out, passage = passed(cut(whole, places), drop_usage=True)
    assert out == whole.replace(USAGE, b"")
    assert passage.usage == Used(prompt_tokens=3, completion_tokens=4)


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"boom","type":"server_error"}}\n\n',
        b'data: {"error":"boom"}\n\n',
        b'data: {"object":"error","message":"boom","type":"BadRequestError","code":400}\n\n',
        b'data: {"type":"error","error":{"type":"overloaded_error","message":"boom"}}\n\n',
        b'event: error\ndata: {"message":"boom"}\n\n',
        b"event:error\ndata: boom\n\n",
        chunk("", finish="error"),
    ],
)
def test_errors_within_a_stream_are_known_in_every_shape(event):
    """What came before goes on, the error's own words do not, and nothing follows."""
    out, passage = passed([b"".join([ROLE, chunk("a"), event, chunk("b"), DONE]), DONE])
    assert out == ROLE + chunk("a")
    assert passage.close() == "error-event"
    assert passage.error


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([], "empty"),
        ([b": ping\n\n"], "empty"),
        ([ROLE], "empty"),
        ([b"upstream is away"], "malformed"),
        ([b"data: upstream is away\n\n"], "malformed"),
        ([ROLE, chunk("a")], "unfinished"),
        ([ROLE, chunk("a"), DONE], "unfinished"),
        ([DONE], "unfinished"),
        ([ROLE, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'], "malformed"),
        ([b"data: " + b"[" * 100_000 + b"\n\n"], "malformed"),
        ([ROLE, chunk("a"), chunk(finish="stop")], ""),
        ([*ANSWER, b"data: [DONE]"], ""),
    ],
)
def test_verdicts_on_streams_that_end(events, fault):
    """A stream is whole only if it says so: a finish is never invented."""
    _, passage = passed(events)
    assert passage.close() == fault


def test_of_several_answers_each_must_finish():
    """One that began and was given up is not made good by one that finished twice."""
    both = [chunk("a", index=0), chunk("b", index=1)]
    first, second = chunk(finish="stop", index=0), chunk(finish="stop", index=1)
    assert passed([*both, first, first, DONE], answers=2)[1].close() == "unfinished"
    assert passed([*both, first, second, DONE], answers=2)[1].close() == ""
    assert passed([both[0], first], answers=2)[1].close() == "unfinished"


def test_an_upstream_that_gives_fewer_answers_is_believed():
    """Where it says that these are all: some do not know `n`."""
    assert passed([chunk("a"), chunk(finish="stop"), DONE], answers=2)[1].close() == ""


def test_an_event_goes_on_only_with_its_blank_line():
    """A piece that ends with the first character of another line is no whole event yet."""
    passage = Passage("chat")
    first = b'data: {"choices": [\n'
    assert passage.push(first + b"d") == b""
    whole = b'ata: {"index": 0, "delta": {"content": "hi"}}]}\n\n'
    assert passage.push(whole) == first + b"d" + whole
    assert (passage.begun, passage.fault) == (True, "")


def test_nothing_passes_after_the_end():
    """What follows the marker is dropped, in the same piece as in a later one."""
    whole = b"".join([*ANSWER, DONE, chunk("more")])
    assert passed([whole])[0] == passed([whole, b"x\n\n"])[0] == b"".join([*ANSWER, DONE])


@pytest.mark.parametrize("usage", ['"none"', '{"prompt_tokens":"3"}', "[]", "3"])
def test_a_usage_that_cannot_be_read_spoils_no_answer(usage):
    """The stream goes on, and what it took is not known."""
    odd = b'data: {"choices":[],"usage":' + usage.encode() + b"}\n\n"
    out, passage = passed([*ANSWER, odd, DONE])
    assert out == b"".join([*ANSWER, odd, DONE])
    assert (passage.close(), passage.usage) == ("", None)


def test_usage_below_nothing_is_nothing():
    """Nobody is paid for asking."""
    odd = USAGE.replace(b'"completion_tokens":4', b'"completion_tokens":-4')
    assert passed([odd])[1].usage.completion == 0


@pytest.mark.parametrize("times", [1, 2, 50])
def test_an_event_without_an_end_is_bounded(times):
    """However it is cut, an event that is too long is a fault, and none of it passes."""
    long = b"data: " + b"x" * MAX_EVENT + b"\n\n"
    out, passage = passed(cut(ROLE + long, range(0, len(long), len(long) // times)))
    assert (out, passage.close()) == (ROLE, "malformed")


def response(kind, **more):
    """One event of a response."""
    data = json.dumps({"type": kind, **more}).encode()
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


CREATED = response("response.created", response={"status": "in_progress", "usage": None})
DELTA = response("response.output_text.delta", delta="Hi")
USED = {"usage": {"input_tokens": 5, "output_tokens": 6}}
COMPLETED = response("response.completed", response={"status": "completed", **USED})


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_a_response_ends_when_it_is_completed(places):
    """Events with names pass as they are; no marker of the end is needed."""
    whole = CREATED + DELTA + COMPLETED
    out, passage = passed(cut(whole, places), "responses")
    assert out == whole
    assert verdict(passage) == (
        "",
        True,
        False,
        b"",
        Used(input_tokens=5, output_tokens=6),
    )


@pytest.mark.parametrize(
    ("events", "fault", "begun"),
    [
        ([CREATED], "empty", False),
        ([CREATED, DELTA], "unfinished", True),
        ([CREATED, response("response.failed", response={"error": {}})], "error-event", False),
        ([CREATED, response("error", message="x")], "error-event", False),
        ([CREATED, DELTA, response("response.incomplete", response=USED)], "", True),
    ],
)
def test_verdicts_on_responses(events, fault, begun):
    """What is created has not begun to answer; what is incomplete says so itself."""
    _, passage = passed(events, "responses")
    assert (passage.close(), passage.begun) == (fault, begun)


def test_halves_of_a_character_pass_as_they_came():
    """Servers that count in UTF-16 cut an emoji in two; callers put it together again."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":"\\ud83d"}}\n\n'
    events = [ROLE, chunk("a\ud83d"), chunk("\ude00b"), chunk("\udc00", finish="stop"), usage, DONE]
    out, passage = passed(events)
    assert out == b"".join(events)
    assert (passage.close(), passage.begun, passage.ended) == ("", True, True)
    out, passage = passed([ROLE, rb'data: {"choices":[{"delta":{"content":"\ud83' + b"\n\n"])
    assert passage.close() == "malformed"
