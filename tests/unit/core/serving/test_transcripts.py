"""Logged calls read as chats, whatever operation and form they have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from escalera.core.serving import transcripts
from escalera.domain.traffic import ServedCall

USER = {"role": "user", "content": "hello"}
SAID = {"role": "assistant", "content": "good day"}


def call(request: Any, answer: Any, operation: str = "chat", **given: Any) -> ServedCall:
    return ServedCall(
        **{
            "id": "r",
            "started": 0.0,
            "operation": operation,
            "model": "m",
            "status": 200,
            "request": request if isinstance(request, str) else json.dumps(request),
            "answer": answer if isinstance(answer, str) else json.dumps(answer),
            **given,
        }
    )


def chosen(content: Any = "good day", reason: str = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": reason}]}


def events(*documents: Any) -> str:
    return "".join(f"data: {json.dumps(one)}\n\n" for one in documents) + "data: [DONE]\n\n"


def delta(content: str | None = None, *, index: int = 0, **more: Any) -> dict[str, Any]:
    said = {} if content is None else {"content": content}
    return {"choices": [{"index": index, "delta": {**said, **more.pop("delta", {})}, **more}]}


def output(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"status": "completed", "output": list(parts), **more}


MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "good day"}]}


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        (call({"messages": [USER]}, chosen()), [USER]),
        (
            call({"messages": [{"role": "developer", "content": "be kind"}, USER]}, chosen()),
            [{"role": "developer", "content": "be kind"}, USER],
        ),
        (
            call({"messages": [USER, SAID, {**USER, "content": "and?"}]}, chosen()),
            [USER, {**SAID, "weight": 0}, {**USER, "content": "and?"}],
        ),
        (
            call(
                {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]},
                chosen(),
            ),
            [USER],
        ),
        (
            call(
                {"messages": [USER]},
                events(
                    delta("", delta={"role": "assistant"}),
                    delta("good"),
                    delta("bad", index=1),
                    delta(" day"),
                    delta(finish_reason="stop"),
                    {"choices": [], "usage": {}},
                ),
                stream=True,
            ),
            [USER],
        ),
        (call({"prompt": "hello"}, {"choices": [{"text": "good day"}]}, "completions"), [USER]),
        (
            call(
                {"prompt": ["hello"]},
                events({"choices": [{"text": "good"}]}, {"choices": [{"text": " day"}]}),
                "completions",
                stream=True,
            ),
            [USER],
        ),
        (call({"input": "hello"}, output({"type": "reasoning"}, MESSAGE), "responses"), [USER]),
        (
            call(
                {
                    "instructions": "be kind",
                    "input": [
                        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]}
                    ],
                },
                output(MESSAGE),
                "responses",
            ),
            [{"role": "system", "content": "be kind"}, USER],
        ),
        (
            call(
                {"input": "hello"},
                events(
                    {"type": "response.created", "response": {"status": "in_progress"}},
                    {"type": "response.output_text.delta", "delta": "good"},
                    {"type": "response.completed", "response": output(MESSAGE)},
                ),
                "responses",
                stream=True,
            ),
            [USER],
        ),
    ],
)
def test_every_form_of_a_call_is_a_chat(found, asked):
    """The turns as they were, then the answer; earlier answers are not to be learned."""
    assert transcripts.chat(found) == [*asked, SAID]


TOOL = {"type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (call({"input": "a"}, {"data": []}, "embeddings"), "embeddings have no answer in words"),
        (call({"messages": [USER]}, chosen(), status=500), "it was not answered in full"),
        (
            call({"messages": [USER]}, chosen(), error="upstream_unfinished"),
            "it was not answered in full",
        ),
        (call("", chosen()), "its bodies were not logged"),
        (call("[1]", chosen()), "its request is no JSON object"),
        (call({"messages": [USER]}, "no json"), "its answer is no JSON object"),
        (call({"messages": "hello"}, chosen()), "it holds no messages"),
        (call({"messages": [USER]}, chosen(tool_calls=[TOOL])), "it holds parts that are not text"),
        (
            call({"messages": [USER]}, events(delta(delta={"tool_calls": [TOOL]})), stream=True),
            "it holds parts that are not text",
        ),
        (
            call({"messages": [{"role": "tool", "content": "1"}]}, chosen()),
            "it holds parts that are not text",
        ),
        (
            call({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, chosen()),
            "it holds parts that are not text",
        ),
        (call({"messages": [USER]}, chosen(reason="length")), "the answer was cut off"),
        (call({"messages": [USER]}, chosen(None)), "the answer holds no words"),
        (call({"messages": [USER]}, {"choices": []}), "the answer holds no words"),
        (
            call({"prompt": ["a", "b"]}, {"choices": []}, "completions"),
            "it holds several prompts, or one in tokens",
        ),
        (
            call({"input": "a", "previous_response_id": "r"}, output(MESSAGE), "responses"),
            "what came before it is kept by the provider",
        ),
        (
            call({"input": "a"}, output(MESSAGE, status="incomplete"), "responses"),
            "the answer was cut off",
        ),
        (
            call({"input": "a"}, output({"type": "function_call"}), "responses"),
            "it holds parts that are not text",
        ),
        (call({"input": "a"}, output(), "responses"), "the answer holds no words"),
    ],
)
def test_what_is_no_chat_says_why(found, reason):
    """Nothing is left out of one silently."""
    assert transcripts.chat(found) == reason
