"""What two answers were: texts, refusals, agreement, and what they took."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.gateway.upstreams import asked, line, plan

from escalera.apps.gateway import pairing
from escalera.apps.gateway.asked import Problem
from escalera.apps.gateway.hot import Ended
from escalera.apps.gateway.pairing import Said
from escalera.domain.traffic import Attempt
from escalera.domain.trial import Taken


def chat(content, **more):
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **more}}
    return json.dumps({"choices": [choice | {"finish_reason": "stop"}]}).encode()


def events(*datas):
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in datas)


def test_texts_of_whole_answers_and_streams_are_the_same():
    """Chat, completions and responses, as JSON and as events."""
    stream = events(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": "one "}}]},
        {"choices": [{"index": 1, "delta": {"content": "another answer"}}]},
        {"choices": [{"index": 0, "delta": {"content": "two"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
    )
    both = (pairing.said("chat", chat("one two")), pairing.said("chat", stream + b"data: [DONE]\n"))
    assert both == (Said(text="one two", refused=False),) * 2
    whole = json.dumps({"choices": [{"index": 0, "text": "one two"}]}).encode()
    assert pairing.said("completions", whole).text == "one two"
    output = [{"type": "message", "content": [{"type": "output_text", "text": "one two"}]}]
    assert pairing.said("responses", json.dumps({"output": output}).encode()).text == "one two"
    deltas = [{"type": "response.output_text.delta", "delta": part} for part in ("one ", "two")]
    assert pairing.said("responses", events(*deltas)).text == "one two"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"choices":[]}', b"data: {\n\n", b'{"choices":[7]}', b"\xff"],
)
def test_what_cannot_be_read_is_no_answer(body):
    """It neither agrees nor disagrees."""
    assert pairing.said("chat", body) is None


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with this request.", True),
        ("As an AI, I do not", True),
        ("I'm sorry to hear that your parcel is late.", False),
        ("You can't return it after 30 days.", False),
    ],
)
def test_refusals_are_told_by_how_they_begin(text, refused):
    """And by what the endpoint says of them."""
    assert pairing.said("chat", chat(text)).refused is refused
    assert pairing.said("chat", chat("x", refusal="no")).refused
    filtered = json.dumps(
        {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "content_filter"}]}
    )
    assert pairing.said("chat", filtered.encode()).refused


def test_only_equal_answers_agree():
    """But for white space; what is missing says nothing."""
    left = Said(text="one  two\n", refused=False)
    assert pairing.agreement(left, Said(text="one two", refused=True)) == 1.0
    assert pairing.agreement(left, Said(text="one Two", refused=False)) == 0.0
    assert pairing.agreement(None, left) is None


@pytest.mark.parametrize(
    ("operation", "body", "said"),
    [
        ("chat", {"messages": [{"role": "user", "content": "a"}]}, "a"),
        (
            "chat",
            {"messages": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]},
            "a",
        ),
        ("completions", {"prompt": "a"}, "a"),
        ("responses", {"input": "a"}, "a"),
        ("responses", {"input": [{"role": "user", "content": "a"}]}, "a"),
        ("chat", {"messages": []}, ""),
        ("chat", {"messages": 7}, ""),
    ],
)
def test_the_question_is_the_last_message(operation, body, said):
    """In every shape that callers use."""
    assert pairing.question(operation, json.dumps(body).encode()) == said


def test_the_mean_of_calls_leaves_out_what_is_unknown():
    """By hand; times on the geometric mean."""
    calls = [
        Taken(failed=0.0, refused=1.0, seconds=1.0, micro_dollars=10.0),
        Taken(failed=1.0, refused=0.0, seconds=None, micro_dollars=None),
        Taken(failed=0.0, refused=0.0, seconds=4.0, micro_dollars=20.0),
    ]
    found = pairing.mean(calls)
    assert found.failed == found.refused == pytest.approx(1 / 3)
    assert (found.seconds, found.micro_dollars) == (pytest.approx(2.0), 15.0)
    assert pairing.mean(calls[1:2]).seconds is None


def test_a_call_that_this_process_gave_up_says_nothing_of_who_was_asked():
    """Neither one that there was no descriptor for, nor one that a reload cut off."""
    for fault, told in (("descriptors", False), ("cancelled", False), ("connect", True)):
        request = asked()
        blame = "server" if told else "nobody"
        problem = Problem(deployment="a", blame=blame, fault=fault)
        request.attempts.append(
            Attempt(deployment="a", purpose="first", started=0.0, seconds=0.0, fault=fault)
        )
        ended = Ended(
            asked=request, plan=plan(line("a", None)), key="", status=503, problem=problem
        )
        assert (pairing.taken(ended, None) is not None) is told
        assert pairing.is_ours(ended) is not told


def test_half_of_a_character_is_said_as_a_mark():
    """A pair of a trial is not lost for it."""
    body = rb'{"choices":[{"message":{"content":"a\ud83d"}}]}'
    assert pairing.said("chat", body).text == "a\ufffd"
