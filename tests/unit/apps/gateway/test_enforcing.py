"""Answers that are held to a JSON Schema."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.gateway.guarding import chat, dumped

from escalera.apps.gateway import enforcing
from escalera.edges import schemas

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
ASKED = chat("how many?", response_format=FORMAT)


def reply(*said, **more):
    return dumped({"choices": [{"message": {"content": text}, **more} for text in said]})


def run(asked, *replies, operation="chat", repairs=1):
    """What was asked, and what came of it."""
    steps = enforcing.dialogue(
        operation, asked, json.dumps(SCHEMA), schemas.invalid, repairs=repairs
    )
    bodies = [next(steps)]
    for one in replies:
        try:
            bodies.append(steps.send(one))
        except StopIteration as ended:
            return bodies, ended.value
    raise AssertionError("it asks for more")


def test_the_schema_of_a_request():
    """Of both operations that have one; other formats ask for none."""
    assert json.loads(enforcing.schema("chat", ASKED)) == SCHEMA
    other = dumped({"input": "x", "text": {"format": {"type": "json_schema", "schema": SCHEMA}}})
    assert json.loads(enforcing.schema("responses", other)) == SCHEMA
    for body in (chat("x"), chat("x", response_format={"type": "json_object"}), b"no"):
        assert enforcing.schema("chat", body) is None
    assert enforcing.schema("embeddings", ASKED) is None


def test_a_valid_answer_is_passed_on():
    """Nothing more is asked."""
    bodies, ended = run(ASKED, reply('{"n": 3}'))
    assert bodies == [ASKED]
    assert ended == enforcing.Enforced(body=reply('{"n": 3}'))


def test_an_invalid_answer_is_sent_back_once():
    """With what is wrong with it, behind the messages; all else is as the caller wrote it."""
    bodies, ended = run(ASKED, reply('{"n": "three"}'), reply('{"n": 3}'))
    again = json.loads(bodies[1])
    first, answer, complaint = again["messages"]
    assert first == {"role": "user", "content": "how many?"}
    assert answer == {"role": "assistant", "content": '{"n": "three"}'}
    assert "valid JSON" in complaint["content"]
    assert "integer" in complaint["content"]
    assert again["response_format"] == FORMAT
    assert ended.body == reply('{"n": 3}')
    assert (ended.problem, ended.repairs) == ("", 1)


def test_an_answer_that_stays_invalid_is_told():
    """With the last answer; there is no third."""
    _, ended = run(ASKED, reply("no"), reply("still no"))
    assert ended.body == reply("still no")
    assert "not JSON" in ended.problem
    assert ended.repairs == 1
    assert run(ASKED, reply("no"), repairs=0)[1].repairs == 0


@pytest.mark.parametrize(
    "answer",
    [
        dumped({"choices": [{"message": {"content": "x", "tool_calls": [{}]}}]}),
        dumped({"choices": [{"message": {"content": "x", "refusal": "I cannot"}}]}),
        reply("x", finish_reason="content_filter"),
        dumped({"choices": [{"message": {"content": None}}]}),
        b"no",
    ],
)
def test_what_is_not_held_to_it(answer):
    """Calls, refusals, what was filtered, and what is no answer."""
    assert run(ASKED, answer)[1].problem == ""


def test_of_several_answers_none_is_sent_back():
    """The first invalid one is told of."""
    bodies, ended = run(ASKED, reply('{"n": 1}', "no"))
    assert len(bodies) == 1
    assert "not JSON" in ended.problem


def test_responses():
    """The input, a text or items, goes on with both turns behind it."""
    answer = {"output": [{"type": "message", "content": [{"type": "output_text", "text": "no"}]}]}
    for given in ("how many?", [{"role": "user", "content": "how many?"}]):
        bodies, ended = run(
            dumped({"input": given}), dumped(answer), dumped({"output": []}), operation="responses"
        )
        turns = json.loads(bodies[1])["input"]
        assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
        assert ended.problem == ""
    refused = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}
    assert run(dumped({"input": "x"}), dumped(refused), operation="responses")[1].problem == ""


def test_half_of_a_character_keeps_no_answer_from_its_schema():
    """Else whatever holds one would go on unseen."""
    body = rb'{"choices":[{"message":{"content":"no JSON \ud83d"}}]}'
    assert len(enforcing._answers("chat", body)) == 1
