"""Answers in the API's JSON, without HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from escalera.apps.gateway import forms, wire
from escalera.apps.gateway.forms import ChatForm, TextForm
from escalera.domain.message import Likely, Message, Reply, SaidToken, Usage
from escalera.engine.serve import Overrides

HEADING = wire.Heading(id="chatcmpl-1", created=7, model="support", system="d" * 64)
REPLY = Reply(
    text="Hi you",
    finish_reason="length",
    usage=Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=3),
    micro_dollars=None,
    seconds=0.0,
    revision="r",
)


def likely(text: str, logprob: float = -0.5) -> Likely:
    """A token that writes its text."""
    return Likely(text=text, logprob=logprob, written=tuple(text.encode()))


HALF = Likely(text="\\xc3", logprob=-0.1, written=(0xC3,))
OTHER = Likely(text="\\xa9", logprob=-0.2, written=(0xA9,))
END = Likely(text="<|end|>", logprob=-3.0, written=None)
TOKENS = (
    SaidToken(said=likely("Hi"), likeliest=(likely("Hi"), likely("Ho", -2.0))),
    SaidToken(said=HALF, likeliest=(END,)),
    SaidToken(said=OTHER),
    SaidToken(said=likely("!")),
)


def events(*pieces: bytes) -> list[Any]:
    """What events say."""
    found = b"".join(pieces).decode().split("\n\n")[:-1]
    return [json.loads(one.removeprefix("data: ")) for one in found if one != "data: [DONE]"]


def test_a_whole_answer() -> None:
    """The answer has OpenAI's fields, with the usage and the system that answered."""
    found = json.loads(ChatForm(HEADING).whole([REPLY]))
    assert found["object"] == "chat.completion"
    assert found["system_fingerprint"] == "d" * 64
    (choice,) = found["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hi you", "refusal": None}
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "length", None)
    assert found["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 3},
    }


def test_a_stream_ends_with_reason_usage_and_done() -> None:
    """The usage has an event of its own without choices."""
    form = ChatForm(HEADING)
    closing = form.closing([REPLY])
    assert closing.endswith(b"data: [DONE]\n\n")
    reason, usage = events(form.ending(0, REPLY), closing)
    assert reason["object"] == "chat.completion.chunk"
    assert reason["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 7


def test_a_filtered_answer_has_openais_name() -> None:
    """Our word for it is not theirs."""
    found = json.loads(ChatForm(HEADING).whole([replace(REPLY, finish_reason="filtered")]))
    assert found["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("form", [ChatForm(HEADING), TextForm(HEADING, prompt="p")])
def test_several_answers_read_their_prompt_once(form: forms.Form) -> None:
    """Each has its number and its own reason; what they took is added up."""
    other = replace(REPLY, finish_reason="stop", usage=Usage(prompt_tokens=5, completion_tokens=40))
    found = json.loads(form.whole([REPLY, other, REPLY]))
    assert [one["index"] for one in found["choices"]] == [0, 1, 2]
    assert [one["finish_reason"] for one in found["choices"]] == ["length", "stop", "length"]
    (usage,) = events(form.closing([REPLY, other, REPLY]))
    assert usage["usage"] == found["usage"]
    assert found["usage"]["prompt_tokens"] == 5
    assert found["usage"]["completion_tokens"] == 44
    assert found["usage"]["total_tokens"] == 49
    (piece,) = events(form.piece(2, "so", None))
    assert (piece["choices"][0]["index"], piece["choices"][0]["logprobs"]) == (2, None)


def test_log_probabilities_of_a_chat() -> None:
    """As OpenAI tells them: a part of a character by its bytes, a mark without any."""
    form = ChatForm(HEADING)
    found = json.loads(form.whole([replace(REPLY, logprobs=TOKENS)]))["choices"][0]["logprobs"]
    assert found["refusal"] is None
    assert found["content"][:2] == [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [
                {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
                {"token": "Ho", "logprob": -2.0, "bytes": [72, 111]},
            ],
        },
        {
            "token": "\\xc3",
            "logprob": -0.1,
            "bytes": [0xC3],
            "top_logprobs": [{"token": "<|end|>", "logprob": -3.0, "bytes": None}],
        },
    ]
    pieces = events(form.piece(0, "Hié", TOKENS[:3]), form.piece(0, "!", TOKENS[3:]))
    told = [token for piece in pieces for token in piece["choices"][0]["logprobs"]["content"]]
    assert told == found["content"]


def test_log_probabilities_of_a_completion() -> None:
    """As lists, with the token that was said among the likeliest; offsets count from the prompt.

    Both halves of a character begin where it does, also in a stream that goes on between them.
    """
    found = json.loads(TextForm(HEADING, prompt="Ça?").whole([replace(REPLY, logprobs=TOKENS)]))
    assert found["object"] == "text_completion"
    assert found["choices"][0]["text"] == "Hi you"
    logprobs = found["choices"][0]["logprobs"]
    assert logprobs == {
        "tokens": ["Hi", "bytes:\\xc3", "bytes:\\xa9", "!"],
        "token_logprobs": [-0.5, -0.1, -0.2, -0.5],
        "top_logprobs": [
            {"Hi": -0.5, "Ho": -2.0},
            {"<|end|>": -3.0, "bytes:\\xc3": -0.1},
            {"bytes:\\xa9": -0.2},
            {"!": -0.5},
        ],
        "text_offset": [3, 5, 5, 6],
    }
    form = TextForm(HEADING, prompt="Ça?")
    pieces = events(
        form.piece(1, "x", TOKENS[:1]),
        form.piece(0, "Hi", TOKENS[:2]),
        form.piece(0, "é!", TOKENS[2:]),
    )
    assert [piece["choices"][0]["logprobs"]["text_offset"] for piece in pieces] == [
        [3],
        [3, 5],
        [5, 6],
    ]


def test_the_form_is_that_of_the_operation() -> None:
    """A completion opens with nothing, a chat with its role."""
    chat = wire.Chat(
        model="m",
        messages=(Message(role="user", content="ab"),),
        overrides=Overrides(),
        stream=True,
        include_usage=False,
    )
    assert forms.form("completions", chat, HEADING).opening(0) == b""
    (opened,) = events(forms.form("chat", chat, HEADING).opening(3))
    assert opened["choices"] == [
        {
            "index": 3,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
