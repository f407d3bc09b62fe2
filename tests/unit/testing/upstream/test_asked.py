"""What the mock reads of a request."""

from __future__ import annotations

import json

import pytest

from escalera.testing.upstream import asked


def ask(path="/v1/chat/completions", fault="", **body):
    more = f"\r\nx-mock-fault: {fault}" if fault else ""
    head = f"POST {path} HTTP/1.1\r\nhost: x{more}"
    return asked.read(head.encode(), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions?api-version=1", "chat"),
        ("/openai/v1/completions", "completions"),
        ("/v1/responses", "responses"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/models", "models"),
        ("/v1/models/x", ""),
        ("/mock", "control"),
    ],
)
def test_places(path, place):
    """By the end of the path, whatever lies before it."""
    assert ask(path).place == place


def test_a_fault_of_the_request():
    """By a header, which goes first, or by the model's name."""
    assert ask(model="m").fault == ""
    assert ask(model="fault:html").fault == "html"
    assert ask(fault="cut-mid", model="fault:html").fault == "cut-mid"


def test_limits_and_usage():
    """A limit has three names; usage is for streams that ask for it."""
    assert [ask(**{key: 3}).body.limit for key in (
        "max_tokens", "max_completion_tokens", "max_output_tokens"
    )] == [3, 3, 3]  # fmt: skip
    assert ask().body.limit is None
    assert ask(stream_options={"include_usage": True}).body.usage
    assert not ask(stream_options={}).body.usage


def test_schemas_and_functions():
    """Of chat completions and of responses; a forced function goes before the first."""
    schema = {"type": "object"}
    chat = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert ask(response_format=chat).body.schema == schema
    told = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
    assert ask(text=told).body.schema == schema
    assert ask(response_format={"type": "text"}).body.schema is None
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    assert ask(tools=tools).body.function == {"name": "a"}
    assert ask(tools=tools, tool_choice={"function": {"name": "b"}}).body.function["name"] == "b"
    assert ask(tools=tools, tool_choice="none").body.function is None
    assert ask(tools=[{"type": "function", "name": "c"}]).body.function["name"] == "c"
