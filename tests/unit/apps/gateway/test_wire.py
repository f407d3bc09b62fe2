"""The gateway's JSON, without HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from escalera.apps.gateway import wire
from escalera.domain.message import Message
from escalera.engine.serve import Overrides


def body(**changes: Any) -> bytes:
    """A valid request with changes."""
    return json.dumps(
        {"model": "support", "messages": [{"role": "user", "content": "hello"}], **changes}
    ).encode()


def refusal(raw: bytes) -> wire.Refusal:
    """The refusal of a request."""
    with pytest.raises(wire.Refusal) as caught:
        wire.parse_chat(raw)
    return caught.value


def test_a_minimal_request() -> None:
    """Model and messages are enough; nothing is overridden."""
    assert wire.parse_chat(body()) == wire.Chat(
        model="support",
        messages=(Message(role="user", content="hello"),),
        overrides=Overrides(),
        stream=False,
        include_usage=False,
    )


def test_every_supported_parameter_is_honoured() -> None:
    """What is accepted reaches the decoding; null is as good as absent."""
    chat = wire.parse_chat(
        body(
            max_completion_tokens=9,
            max_tokens=None,
            temperature=1,
            top_p=0.5,
            seed=3,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chat.overrides == Overrides(max_tokens=9, temperature=1.0, top_p=0.5, seed=3)
    assert chat.stream
    assert chat.include_usage


def test_what_shapes_the_choice_of_tokens_is_read() -> None:
    """Stop texts, one or several, penalties, and biases by token in the order of their numbers."""
    asked = wire.parse_chat(
        body(
            stop=["\n", "END"],
            presence_penalty=0.5,
            frequency_penalty=-2,
            logit_bias={"50": -100, "7": 1.5},
        )
    ).overrides
    assert asked == Overrides(
        stop=("\n", "END"),
        presence_penalty=0.5,
        frequency_penalty=-2.0,
        logit_bias=((7, 1.5), (50, -100.0)),
    )
    assert wire.parse_chat(body(stop="END")).overrides.stop == ("END",)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"stop": ["a", ""]}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [1]}, "stop[0]"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"frequency_penalty": "much"}, "frequency_penalty"),
        ({"logit_bias": {"50": 101}}, "logit_bias[...]"),
    ],
)
def test_what_shapes_it_has_bounds(extra: dict[str, Any], param: str) -> None:
    """Those of the API; the caller is told which value is beyond them."""
    error = refusal(body(**extra))
    assert (error.status, error.param) == (400, param)


@pytest.mark.parametrize("token", ["END", "-1"])
def test_a_bias_is_for_the_number_of_a_token(token: str) -> None:
    """Anything else is refused in words."""
    error = refusal(body(logit_bias={token: 1}))
    assert error.status == 400
    assert "logit_bias" in error.message


def test_text_parts_and_developer_role() -> None:
    """A list of text parts is one text; OpenAI's newer name of the system role is understood."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    chat = wire.parse_chat(
        body(messages=[{"role": "developer", "content": "x"}, {"role": "user", "content": parts}])
    )
    assert chat.messages == (
        Message(role="system", content="x"),
        Message(role="user", content="ab"),
    )


@pytest.mark.parametrize(
    "extra",
    [
        {"user": "u-1", "metadata": {"a": "b"}, "store": True},
        {"n": 1, "tools": [], "logprobs": False, "response_format": {"type": "text"}},
        {"frequency_penalty": 0.0, "presence_penalty": 0, "stop": None, "logit_bias": {}},
        {"stop": []},
        {"messages": [{"role": "user", "content": "hello", "tool_calls": None}]},
    ],
)
def test_what_asks_for_nothing_is_accepted(extra: dict[str, Any]) -> None:
    """Harmless parameters, and defaults that clients send along, change nothing."""
    assert wire.parse_chat(body(**extra)) == wire.parse_chat(body())


@pytest.mark.parametrize(
    ("wanted", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, '{"type":"object"}'),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"b": 1, "a": [2]}}},
            '{"a":[2],"b":1}',
        ),
    ],
)
def test_a_wanted_form_is_a_schema(wanted: dict[str, Any], schema: str | None) -> None:
    """In one spelling, whatever the order of its keys."""
    assert wire.parse_chat(body(response_format=wanted)).overrides.schema == schema


@pytest.mark.parametrize(
    "wanted", [{"type": "json_schema"}, {"type": "xml"}, {"type": "json_schema", "json_schema": {}}]
)
def test_a_form_that_is_none_is_refused(wanted: dict[str, Any]) -> None:
    """The caller's mistake, by name."""
    error = refusal(body(response_format=wanted))
    assert error.status == 400
    assert error.param is not None
    assert error.param.startswith("response_format")


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"top_k": 5}, "top_k"),
    ],
)
def test_what_would_change_the_answer_is_refused(extra: dict[str, Any], param: str) -> None:
    """A parameter that is not honoured is named and refused, never dropped."""
    error = refusal(body(**extra))
    assert (error.status, error.param, error.code) == (400, param, "unsupported_parameter")
    assert "not supported yet" in error.message


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"model": 3}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].type",
        ),
        ({"messages": [{"role": "user", "content": "x", "name": "Ana"}]}, "messages[0].name"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 2, "max_completion_tokens": 2}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": 2**63}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"logprobs": 3}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": False, "top_logprobs": 2}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_invalid_values_name_their_parameter(extra: dict[str, Any], param: str) -> None:
    """The parameter that is wrong is in the error, as OpenAI's clients expect it."""
    error = refusal(body(**extra))
    assert (error.status, error.param) == (400, param)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 50_000]
)
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    """Broken, deep and foreign bodies are a refusal, not a crash."""
    assert refusal(raw).status == 400


def test_a_missing_field_is_named() -> None:
    """Leaving out the messages says so."""
    assert refusal(b'{"model": "support"}').param == "messages"


@pytest.mark.parametrize(
    ("extra", "logprobs", "n"),
    [
        ({"logprobs": True}, 0, 1),
        ({"logprobs": True, "top_logprobs": 20, "n": 16}, 20, 16),
        ({"logprobs": False, "top_logprobs": 0, "n": 3}, None, 3),
        ({"logprobs": None, "top_logprobs": None, "n": None}, None, 1),
    ],
)
def test_choices_and_log_probabilities_are_read(
    extra: dict[str, Any], logprobs: int | None, n: int
) -> None:
    """None is another wish than none of the likeliest."""
    chat = wire.parse_chat(body(**extra))
    assert (chat.overrides.logprobs, chat.n) == (logprobs, n)


def text(**changes: Any) -> bytes:
    """A valid request for a completion with changes."""
    return json.dumps({"model": "small", "prompt": "Once", **changes}).encode()


def test_a_completion_is_one_message_as_it_is() -> None:
    """With what shapes the choice of tokens, as in a chat; one prompt may stand in a list."""
    asked = {"max_tokens": 5, "logprobs": 3, "n": 2, "stop": "x", "seed": 4, "temperature": 0.5}
    found = wire.parse_text(text(**asked, echo=False, best_of=1, suffix=""))
    assert found == wire.Chat(
        model="small",
        messages=(Message(role="user", content="Once"),),
        overrides=Overrides(
            max_tokens=5, logprobs=3, stop=("x",), seed=4, temperature=0.5, verbatim=True
        ),
        stream=False,
        include_usage=False,
        n=2,
    )
    plain = wire.parse_text(text())
    assert plain == wire.parse_text(text(prompt=["Once"]))
    assert plain.overrides == Overrides(verbatim=True)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [3, 5]}, "prompt[0]"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"n": 17}, "n"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "end"}, "suffix"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_a_completion_that_cannot_be_honoured_is_refused(extra: dict[str, Any], param: str) -> None:
    """By the name of what is wrong."""
    with pytest.raises(wire.Refusal) as caught:
        wire.parse_text(text(**extra))
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "insufficient_quota", "insufficient_quota"),
        (429, "rate_limit_exceeded", "rate_limit_error"),
        (429, "upstream_overloaded", "rate_limit_error"),
        (400, "invalid_value", "invalid_request_error"),
        (503, "upstream_unavailable", "server_error"),
    ],
)
def test_the_type_of_an_error_says_what_to_do_about_it(status, code, kind):
    """A limit is no fault in the request: a client that asks the type would not ask again."""
    body = wire.error_body("no", status=status, code=code)
    assert json.loads(body)["error"]["type"] == kind
