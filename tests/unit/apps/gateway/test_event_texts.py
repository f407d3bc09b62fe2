"""Texts of events."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.gateway.guarding import delta, dumped, event

from escalera.apps.gateway import event_texts


def read(operation, body):
    return event_texts.read(operation, dumped(body))


def test_events_are_split_at_blank_lines():
    """Of either kind; what is not ended stays as it is."""
    events = b"data: 1\n\ndata: 2\r\n\r\n: note\n\ndata: 3"
    assert event_texts.split(events) == [
        b"data: 1\n\n",
        b"data: 2\r\n\r\n",
        b": note\n\n",
        b"data: 3",
    ]
    assert event_texts.split(b"data: 1\n\n") == [b"data: 1\n\n"]


def test_the_data_of_an_event():
    """In one line, in several, or none."""
    assert event_texts.data(b"data: {}\n\n") == b"{}"
    assert event_texts.data(b"event: x\r\ndata: {\r\ndata: }\r\n\r\n") == b"{\n}"
    assert event_texts.data(b": ping\n\n") is None


def test_pieces_of_a_chat():
    """Each text is a channel of its own: by field, choice and call."""
    found = read(
        "chat",
        {
            "choices": [
                {"index": 1, "delta": {"content": "a", "reasoning_content": "b"}},
                {
                    "index": 0,
                    "delta": {
                        "tool_calls": [
                            {"index": 2, "function": {"arguments": "{"}},
                            {"index": 3, "custom": {"input": "x"}},
                        ]
                    },
                    "finish_reason": "stop",
                },
            ]
        },
    )
    assert [(one.channel, one.text, one.escaped) for one in found.pieces] == [
        (("content", 1), "a", False),
        (("reasoning_content", 1), "b", False),
        (("function", 0, 2), "{", True),
        (("custom", 0, 3), "x", False),
    ]
    assert found.ends(("function", 0, 2))
    assert not found.ends(("content", 1))


def test_a_text_that_comes_in_parts():
    """As some servers stream what was thought: of each text its own channel."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        "so",
        {"text": "!"},
    ]
    body = json.dumps({"choices": [{"index": 0, "delta": {"content": parts}}]}).encode()
    found = event_texts.read("chat", body).pieces
    assert [(one.channel, one.text) for one in found] == [
        (("thinking", 0), "hm"),
        (("content", 0), "so"),
        (("content", 0), "!"),
    ]
    changed = {one.path: one.text.upper() for one in found}
    new = json.loads(event_texts.rewritten(b"data: " + body + b"\n\n", body, changed, found)[6:])
    assert new["choices"][0]["delta"]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "HM"}]},
        "SO",
        {"text": "!"},
    ]


def test_code_is_told_again_whole():
    """At the end of its pieces, as other texts are; arguments for servers of tools are JSON."""
    found = event_texts.read("responses", b'{"type":"response.x.done","code":"print()"}')
    assert [slot.text for slot in found.whole] == ["print()"]
    delta = b'{"type":"response.mcp_call_arguments.delta","delta":"{"}'
    assert event_texts.read("responses", delta).pieces[0].escaped


def test_pieces_of_responses():
    """Deltas by item and part; what is done ends them, and repeats them whole."""
    numbers = {"output_index": 1, "content_index": 0}
    found = read("responses", {"type": "response.output_text.delta", "delta": "a", **numbers})
    (one,) = found.pieces
    done = read("responses", {"type": "response.output_text.done", "text": "all", **numbers})
    assert done.ends(one.channel)
    assert [slot.text for slot in done.whole] == ["all"]
    other = {
        "type": "response.output_text.done",
        "text": "x",
        "output_index": 0,
        "content_index": 0,
    }
    assert not read("responses", other).ends(one.channel)
    call = {"type": "response.function_call_arguments.delta", "delta": "{", "output_index": 0}
    assert read("responses", call).pieces[0].escaped
    item = {"type": "message", "content": [{"type": "output_text", "text": "b"}]}
    completed = read("responses", {"type": "response.completed", "response": {"output": [item]}})
    assert [slot.text for slot in completed.whole] == ["b"]


@pytest.mark.parametrize("operation", ["chat", "responses"])
@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"choices": 1, "type": 2}', b"[" * 9999]
)
def test_what_has_no_texts(operation, body):
    """Is passed on by those who ask."""
    found = event_texts.read(operation, body)
    assert (found.pieces, found.whole, found.ended) == ((), (), None) or not found.pieces


def test_an_event_with_another_text():
    """In one line the frame stays; what was in several comes in one; logprobs go."""
    for whole in (delta({"content": "old"}), delta({"content": "old"}, logprobs={"content": [1]})):
        body = event_texts.data(whole)
        (piece,) = event_texts.read("chat", body).pieces
        got = event_texts.rewritten(whole, body, {piece.path: "new"}, [piece])
        assert b'"new"' in got
        assert b"[1]" not in got
        assert got.endswith(b"\n\n")
    lines = b'event: e\ndata: {"choices": [{"delta":\ndata: {"content": "old"}}]}\n\n'
    body = event_texts.data(lines)
    (piece,) = event_texts.read("chat", body).pieces
    got = event_texts.rewritten(lines, body, {piece.path: "new"}, [piece])
    assert got == b'event: e\ndata: {"choices": [{"delta": {"content": "new"}}]}\n\n'
    assert event({"a": 1}) == b'data: {"a": 1}\n\n'
