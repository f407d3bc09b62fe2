"""The mapping between domain values and OpenAI's JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.edges.providers import openai_wire as wire
from escalera.errors import BadReply, ProviderUnavailable

REQUEST = Request(
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="¿Qué?")),
    decoding=Decoding(max_tokens=9),
)
# Recorded from OpenAI's API (shortened texts).
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Nada.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 20,
        "completion_tokens": 3,
        "total_tokens": 23,
        "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}


def sent(request: Request, **more: Any) -> dict[str, Any]:
    return dict(json.loads(wire.request_body(request, model="m", **{"stream": False, **more})))


def parse(**changes: Any) -> wire.Answered:
    return wire.parse_reply(json.dumps({**REPLY, **changes}).encode(), provider="p")


def choice(message: dict[str, Any], finish: str | None = "stop") -> list[dict[str, Any]]:
    return [{"index": 0, "message": message, "finish_reason": finish}]


def stream(*chunks: Any) -> wire.StreamedAnswer:
    answer = wire.StreamedAnswer(provider="p")
    for chunk in chunks:
        answer.feed(chunk if isinstance(chunk, str) else json.dumps(chunk))
    return answer


def piece(text: str = "", finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {"content": text} if text else {}
    return {
        "model": "m-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


USAGE = {"prompt_tokens": 4, "completion_tokens": 2}


def test_a_greedy_request_sends_no_sampling_parameters() -> None:
    """Temperature 0 says it all; `top_p` and `seed` would only provoke refusals."""
    assert sent(REQUEST, stream=False) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "¿Qué?"},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
    }


def test_a_sampling_request_sends_all_of_it() -> None:
    """Above temperature 0 every lever is said, so that no server's default counts."""
    drawn = Request(
        messages=REQUEST.messages, decoding=Decoding(temperature=0.7, top_p=0.9, seed=4)
    )
    found = sent(drawn, stream=False)
    assert (found["temperature"], found["top_p"], found["seed"]) == (0.7, 0.9, 4)


def test_what_shapes_the_choice_of_tokens_is_sent_where_it_is_asked_for() -> None:
    """Penalties, biases and stop texts; nothing of them otherwise."""
    how = Decoding(stop=("END",), presence_penalty=1.0, logit_bias=((7, -1.5),))
    found = sent(Request(messages=REQUEST.messages, decoding=how))
    assert (found["stop"], found["presence_penalty"]) == (["END"], 1.0)
    assert found["logit_bias"] == {"7": -1.5}
    assert "frequency_penalty" not in found
    assert sent(REQUEST).keys().isdisjoint({"stop", "presence_penalty", "logit_bias"})


def test_a_stream_asks_for_its_usage() -> None:
    """Without the option a stream has no usage, and then no cost."""
    found = sent(REQUEST, stream=True)
    assert found["stream"] is True
    assert found["stream_options"] == {"include_usage": True}


def test_a_dialect_is_learned_from_refusals() -> None:
    """OpenAI's reasoning models want another limit, some servers no stream options."""
    first = wire.learned(wire.Dialect(), "Use 'max_completion_tokens' instead of 'max_tokens'.")
    assert first == wire.Dialect(limit="max_completion_tokens")
    second = wire.learned(first, "Unexpected field: stream_options")
    assert second == wire.Dialect(limit="max_completion_tokens", stream_options=False)
    assert wire.learned(second, "max_completion_tokens stream_options") is None
    found = sent(REQUEST, stream=True, dialect=second)
    assert found["max_completion_tokens"] == 9
    assert found.keys().isdisjoint({"max_tokens", "stream_options"})


def test_a_reply() -> None:
    """Text, reason, usage with its cached part, and the model with its fingerprint."""
    assert parse() == wire.Answered(
        text="Nada.",
        finish_reason="stop",
        usage=Usage(prompt_tokens=20, completion_tokens=3, cached_tokens=16),
        revision="gpt-4o-mini-2024-07-18 fp_1",
    )


def test_what_is_optional_may_be_missing() -> None:
    """No fingerprint and no details of the usage is how most servers answer."""
    found = parse(usage=USAGE, system_fingerprint=None)
    assert found.usage == Usage(prompt_tokens=4, completion_tokens=2)
    assert found.revision == "gpt-4o-mini-2024-07-18"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("stop", "stop"), ("eos", "stop"), ("length", "length"), ("content_filter", "filtered")],
)
def test_finish_reasons(theirs: str, ours: str) -> None:
    """Each known reason has one meaning."""
    assert parse(choices=choice({"content": "x"}, theirs)).finish_reason == ours


def test_a_filtered_or_cut_answer_may_be_empty() -> None:
    """A reasoning model can spend all its tokens before the first word."""
    assert parse(choices=choice({"content": None}, "length")).text == ""
    assert parse(choices=choice({"content": None}, "content_filter")).text == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"choices": []}, "no choices"),
        ({"choices": choice({"content": "x"}, "tool_calls")}, "'tool_calls'"),
        ({"choices": choice({"content": "x"}, None)}, "no finish_reason"),
        ({"choices": choice({"content": None})}, "no content"),
        ({"choices": choice({"content": None, "tool_calls": [{}]})}, "tool calls"),
        ({"choices": [{"finish_reason": "stop"}]}, "`message`"),
        ({"usage": None}, r"\$\.usage"),
        ({"usage": {"prompt_tokens": 1}}, "`completion_tokens`"),
        ({"usage": {**USAGE, "prompt_tokens": -1}}, "prompt_tokens"),
        ({"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 5}}}, "5 cached of 4"),
        ({"model": None}, r"\$\.model"),
    ],
)
def test_a_reply_that_breaks_the_protocol(changes: dict[str, Any], words: str) -> None:
    """What is missing or unknown is named; nothing is guessed."""
    with pytest.raises(BadReply, match=words):
        parse(**changes)


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b'{"object": "x"', b'{"model": "\xff"}', b"[" * 99_999]
)
def test_a_reply_that_is_no_json(body: bytes) -> None:
    """A proxy's page or a cut body is a bad reply that quotes a little of it."""
    with pytest.raises(BadReply, match="not a chat completion") as caught:
        wire.parse_reply(body, provider="p")
    assert len(str(caught.value)) < 600


def test_a_stream_joins_to_an_answer() -> None:
    """Pieces, reason and a usage event without choices make the same answer as a whole reply."""
    answer = wire.StreamedAnswer(provider="p")
    chunks = [piece(), piece("Na"), piece("da."), piece(finish="stop")]
    last = {"model": "m-1", "choices": [], "usage": USAGE, "system_fingerprint": "fp"}
    pieces = [answer.feed(json.dumps(chunk)) for chunk in [*chunks, last]]
    assert not answer.done
    answer.feed("[DONE]")
    assert answer.done
    assert pieces == ["", "Na", "da.", "", ""]
    assert answer.finish() == wire.Answered(
        text="Nada.",
        finish_reason="stop",
        usage=Usage(prompt_tokens=4, completion_tokens=2),
        revision="m-1 fp",
    )


def test_usage_may_come_with_the_last_piece() -> None:
    """`transformers serve` sends it with the reason, without [DONE]."""
    assert stream(piece("x"), piece(finish="length", usage=USAGE)).finish().text == "x"


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([piece("x", usage=USAGE)], "without a finish_reason"),
        ([piece("x", "stop")], "without usage"),
        ([{**piece("x", "stop"), "model": None, "usage": USAGE}], "not name its model"),
    ],
)
def test_a_stream_that_ends_early_is_no_answer(chunks: list[Any], words: str) -> None:
    """A clean end without the reason or the usage is never taken for a finished answer."""
    with pytest.raises(BadReply, match=words):
        stream(*chunks).finish()


def test_broken_events() -> None:
    """Tool calls and broken JSON in a stream are bad replies at once."""
    for chunk in (piece("x", "tool_calls"), "{", '{"choices": 3}'):
        with pytest.raises(BadReply):
            stream(chunk)


def test_an_error_event_carries_the_servers_words() -> None:
    """A failure in the middle of a stream may work later."""
    with pytest.raises(ProviderUnavailable, match="overloaded"):
        stream({"error": {"message": "overloaded", "type": "server_error"}})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "bad key", "code": 1}}', "bad key"),
        (b'{"error": "bad key"}', "bad key"),
        (b'{"detail": "bad key"}', "bad key"),
        (b'{"message": "bad key"}', "bad key"),
        (b'{"detail": [{"loc": ["x"]}]}', '[{"loc":["x"]}]'),
        (b"<p>bad\n  key</p>", "<p>bad key</p>"),
        (b"\xff", "�"),
        (b'{"error": "caf\xe9"}', '{"error": "caf�"}'),
        (b"x" * 1000, "x" * wire.MAX_QUOTED + "…"),
        (b"", ""),
    ],
)
def test_the_servers_words(body: bytes, words: str) -> None:
    """OpenAI's error shape and its relatives give one line."""
    assert wire.problem_in(body) == words


def test_cost_is_rounded_up_and_unknown_is_not_free() -> None:
    """A call that costs something is never recorded as 0; cached tokens are not left out."""
    usage = Usage(prompt_tokens=10, completion_tokens=1, cached_tokens=10)
    assert wire.cost(ModelPrice(prompt=150_000, completion=600_000), usage) == 3
    assert wire.cost(ModelPrice(prompt=1, completion=0), usage) == 1
    assert wire.cost(ModelPrice(prompt=0, completion=0), usage) == 0
    assert wire.cost(None, usage) is None


SCHEMA = '{"type":"object","properties":{"b":{"type":"string"},"a":{"enum":[1]}},"required":["a"]}'


def held(mode: str, schema: str = SCHEMA) -> Request:
    return replace(REQUEST, output=OutputContract(schema=schema, mode=mode))


def test_the_prompt_mode_and_the_json_mode_send_no_schema() -> None:
    """What is told stands in the messages already."""
    assert sent(held("prompt")) == sent(REQUEST)
    assert sent(held("json_object"))["response_format"] == {"type": "json_object"}


def test_a_schema_is_strict_where_it_can_be_said_strictly() -> None:
    """Optional properties become nullable; a schema that cannot be goes as it is, unpromised."""
    form = sent(held("json_schema"))["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["required"] == ["b", "a"]
    loose = '{"type":"object","additionalProperties":{"type":"string"}}'
    form = sent(held("json_schema", loose))["response_format"]["json_schema"]
    assert (form["strict"], form["schema"]) == (False, json.loads(loose))
    tame = sent(held("json_schema"), dialect=wire.Dialect(strict=False))["response_format"]
    assert (tame["json_schema"]["strict"], tame["json_schema"]["schema"]) == (
        False,
        json.loads(SCHEMA),
    )


def test_a_forced_function_call_carries_the_schema() -> None:
    """The endpoint has no choice; its arguments are the answer."""
    body = sent(held("tools"))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
    assert body["tools"][0]["function"]["parameters"] == json.loads(SCHEMA)


def answered(mode: str, message: dict[str, Any], finish: str = "stop") -> wire.Answered:
    body = json.dumps({**REPLY, "choices": choice(message, finish)}).encode()
    return wire.parse_reply(body, provider="p", output=held(mode).output)


@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
def test_arguments_are_the_answer(finish: str) -> None:
    """OpenAI says "stop" of a forced call, others "tool_calls"."""
    call = {"id": "c", "type": "function", "function": {"name": "answer", "arguments": '{"a":1}'}}
    found = answered("tools", {"content": None, "tool_calls": [call]}, finish)
    assert (found.text, found.finish_reason) == ('{"a":1}', "stop")
    with pytest.raises(BadReply, match="nobody asked for"):
        answered("prompt", {"content": None, "tool_calls": [call]})


def test_a_refusal_is_an_answer_and_an_invalid_one() -> None:
    """The model said no: that is what it is worth, and not an outage."""
    for mode in ("json_schema", "tools"):
        found = answered(mode, {"content": None, "refusal": "I cannot."})
        assert (found.text, found.finish_reason) == ("I cannot.", "stop")


def test_what_strict_mode_added_is_taken_out() -> None:
    """The answer is valid against the schema as the user wrote it."""
    assert json.loads(answered("json_schema", {"content": '{"b":null,"a":1}'}).text) == {"a": 1}


def test_a_stream_of_arguments() -> None:
    """Pieces of arguments are the pieces of the answer."""
    answer = wire.StreamedAnswer(provider="p", output=held("tools").output)
    parts = []
    for number, arguments in enumerate(['{"a"', ":1}"]):
        call = {"index": 0, "function": {"arguments": arguments}}
        if number == 0:
            call |= {"id": "c", "function": {"name": "answer", "arguments": arguments}}
        delta = {"delta": {"tool_calls": [call]}, "finish_reason": None}
        parts.append(answer.feed(json.dumps({"model": "m", "choices": [delta]})))
    answer.feed(json.dumps({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}))
    answer.feed(json.dumps({"choices": [], "usage": REPLY["usage"]}))
    assert parts == ['{"a"', ":1}"]
    assert answer.finish().text == '{"a":1}'


def test_a_stream_of_strict_json_is_held_until_its_end() -> None:
    """Only then it is known which nulls are to be taken out."""
    answer = wire.StreamedAnswer(provider="p", output=held("json_schema").output)
    delta = {"delta": {"content": '{"b":null,"a":1}'}, "finish_reason": "stop"}
    assert (
        answer.feed(json.dumps({"model": "m", "choices": [delta], "usage": REPLY["usage"]})) == ""
    )
    assert answer.held
    assert json.loads(answer.finish().text) == {"a": 1}


def test_a_refusal_of_what_is_strict_is_learned_once() -> None:
    """Only where a schema was sent; a second refusal is final."""
    problem = "Invalid schema for response_format 'answer'"
    output = held("json_schema").output
    better = wire.learned(wire.Dialect(), problem, output)
    assert better == wire.Dialect(strict=False)
    assert wire.learned(better, problem, output) is None
    assert wire.learned(wire.Dialect(), problem, held("tools").output) is None
    assert wire.learned(wire.Dialect(), problem) is None


def test_what_to_do_about_a_mode_that_an_endpoint_lacks() -> None:
    """The remedy names the mode and the key of the project file; other refusals get none."""
    said = wire.hint(held("json_schema"), "response_format is not supported")
    assert "'json_schema'" in said
    assert "`output`" in said
    assert wire.hint(held("json_schema"), "too long") == ""
    assert wire.hint(REQUEST, "response_format is not supported") == ""
