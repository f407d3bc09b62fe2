"""What the mock says, held against the JSON that its whole and its streamed answers share."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.testing.upstream import answers, asked

PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
}


def ask(place="chat", **body):
    return asked.read(f"POST {PATHS[place]} HTTP/1.1".encode(), json.dumps(body).encode())


def data(event):
    return json.loads(event.partition(b"data: ")[2])


def spoken(place, events):
    """The text of a stream, put together."""
    found = [data(event) for event in events if event != answers.DONE]
    if place == "responses":
        return "".join(e["delta"] for e in found if e["type"] == "response.output_text.delta")
    choices = [choice for event in found for choice in event["choices"]]
    if place == "completions":
        return "".join(choice["text"] for choice in choices)
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def text_of(place, whole):
    if place == "responses":
        return whole["output"][0]["content"][0]["text"]
    (choice,) = whole["choices"]
    return choice["text"] if place == "completions" else choice["message"]["content"]


@pytest.mark.parametrize("place", PATHS)
@given(st.integers(1, 40), st.none() | st.integers(1, 40))
def test_a_stream_says_what_the_whole_says(place, tokens, limit):
    """The same words, as many as were asked for and no more than there are, counted rightly."""
    found = ask(place, model="m", stream_options={"include_usage": True}, max_tokens=limit)
    whole = json.loads(answers.whole(found, "a", tokens))
    events = list(answers.events(found, "a", tokens))
    assert spoken(place, events) == text_of(place, whole)
    count = tokens if limit is None else min(tokens, limit)
    assert len(text_of(place, whole).split()) == count
    usage = whole["usage"]
    assert usage.get("completion_tokens", usage.get("output_tokens")) == count
    ending = data(events[-1]) if place == "responses" else data(events[-2])
    assert (ending["response"] if place == "responses" else ending)["usage"] == usage


def test_a_stream_ends_as_agreed():
    """A finish reason once, the usage where it was asked for, then [DONE]."""
    events = list(answers.events(ask(model="m"), "a", 3))
    assert [data(e)["choices"][0]["finish_reason"] for e in events[:-1]] == [None] * 4 + ["stop"]
    assert events[-1] == answers.DONE
    typed = [data(e) for e in answers.events(ask("responses", model="m"), "a", 3)]
    assert [e["sequence_number"] for e in typed] == [*range(len(typed))]
    assert (typed[0]["type"], typed[-1]["type"]) == ("response.created", "response.completed")


SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 4},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
        "none": {"type": "null"},
        "names": {"type": "array", "items": {"type": "string"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["kind", "count", "share", "sure", "none", "names", "either"],
    "additionalProperties": False,
}


def test_schemas_are_kept():
    """By answers, and by the arguments of a function, whole or in pieces."""
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    said = json.loads(answers.whole(ask(response_format=form), "a", 9))
    jsonschema_rs.validate(SCHEMA, json.loads(said["choices"][0]["message"]["content"]))
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    (choice,) = json.loads(answers.whole(ask(tools=tools), "a", 9))["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
    jsonschema_rs.validate(SCHEMA, json.loads(arguments))
    deltas = [
        choice["delta"]["tool_calls"][0]["function"]["arguments"]
        for event in list(answers.events(ask(tools=tools), "a", 9))[:-1]
        for choice in data(event)["choices"]
        if "tool_calls" in choice["delta"]
    ]
    assert "".join(deltas) == arguments
