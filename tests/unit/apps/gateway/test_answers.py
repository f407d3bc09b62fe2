"""What an upstream's JSON says: an answer with its usage, or which error it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway import answers
from escalera.apps.gateway.answers import Answer, Failure

CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "é"}}]}
TEXT = {"choices": [{"index": 0, "text": "é", "finish_reason": "stop"}]}
VECTORS = {"object": "list", "data": [{"embedding": [0.5]}]}
RESPONSE = {"object": "response", "status": "completed", "output": [], "error": None}
GOOD = {"chat": CHAT, "completions": TEXT, "embeddings": VECTORS, "responses": RESPONSE}
BROKEN = [
    b"{",
    b"null",
    b"[]",
    b'"hi"',
    b"{}",
    b"<html>Bad Gateway</html>",
    b'{"choices": "hi"}',
    b'{"choices": [null]}',
    b'{"choices": [{}]}',
    b'{"data": [null]}',
    b'{"output": ["x"]}',
    b'{"output": null}',
    b'{"choices": [{"message": {}, "text": ""}], "data": [{}], "output": [{}]} trailing',
    b'{"a": ' + b"[" * 100_000,
    b'{"error": "\xff"}',
    json.dumps(CHAT).encode()[:-3],
]


def read(operation, found):
    return answers.read(operation, json.dumps(found).encode())


@pytest.mark.parametrize("operation", GOOD)
def test_each_operation_has_its_own_answer(operation):
    """What answers one operation answers no other."""
    assert read(operation, GOOD[operation]) == Answer()
    for other in GOOD.keys() - {operation}:
        assert read(operation, GOOD[other]).fault == "malformed"


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_body_is_no_answer(operation, body):
    """Whatever is wrong with it."""
    assert answers.read(operation, body).fault == "malformed"


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_nothing_is_no_answer(operation, body):
    """A 200 with nothing in it."""
    assert answers.read(operation, body) == Answer("empty")


def test_no_choice_and_no_vector_is_no_answer():
    """A list with nothing in it; a response without output is one that says that it is whole."""
    assert read("chat", {"choices": []}) == Answer("empty")
    assert read("embeddings", {"data": []}) == Answer("empty")
    assert read("responses", RESPONSE) == Answer()


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("error", [{"message": "no"}, "no", {"object": "error", "message": "no"}])
def test_an_error_within_a_200_is_one(operation, error):
    """Beside the fields of an answer, too."""
    told = error if isinstance(error, dict) and "object" in error else {"error": error}
    assert read(operation, {**GOOD[operation], **told}) == Answer("error-event")


def test_an_answer_that_failed_says_so():
    """By its status, or by its finish."""
    assert read("responses", {**RESPONSE, "status": "failed"}).fault == "error-event"
    assert read("chat", {"choices": [{"finish_reason": "error"}]}).fault == "error-event"


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize(
    ("usage", "prompt", "completion"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, 7, 3),
        ({"input_tokens": 7, "output_tokens": 3}, 7, 3),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 30}, 7, 23),
        ({"prompt_tokens": 7, "total_tokens": 7}, 7, 0),
        ({"prompt_tokens": -5, "completion_tokens": None, "total_tokens": -1}, 0, 0),
    ],
)
def test_usage_in_every_spelling(operation, usage, prompt, completion):
    """Input is what prompt is elsewhere, thoughts that only the total counts are billed too, and
    money never flows back."""
    found = read(operation, {**GOOD[operation], "usage": usage})
    assert found.fault == ""
    assert (found.usage.prompt, found.usage.completion) == (prompt, completion)


@pytest.mark.parametrize("usage", ["none", [], 3, {"prompt_tokens": "3"}, {"prompt_tokens": 0.5}])
def test_a_usage_that_cannot_be_read_spoils_no_answer(usage):
    """It is not known then."""
    assert read("chat", {**CHAT, "usage": usage}) == Answer()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"error":{"message":"m","type":"t","code":"c"}}', Failure("c", "t", "m")),
        ('{"error":{"message":"m","type":null,"code":429}}', Failure("429", "", "m")),
        ('{"error":"m"}', Failure(message="m")),
        ('{"object":"error","message":"m","type":"t","code":400}', Failure("400", "t", "m")),
        ('{"detail":"m"}', Failure(message="m")),
        ('{"detail":[{"loc":["body"],"msg":"m"}]}', Failure()),
        ('{"message":{"a":1}}', Failure()),
        ('{"type":"error","code":"c","message":"m"}', Failure("c", "error", "m")),
        (
            '{"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}',
            Failure("c", "", "m"),
        ),
        ("[]", Failure()),
        ("", Failure()),
        ("<html>", Failure()),
    ],
)
def test_errors_in_the_shapes_that_servers_use(body, told):
    """Their code, their type and their words."""
    assert answers.failure(body.encode()) == told


def test_an_error_that_is_not_utf_8_tells_nothing():
    """And is no error of ours."""
    assert answers.failure(b'{"error":{"message":"caf\xe9"}}') == Failure()


def test_words_are_bounded():
    """A page of them is not told again."""
    told = answers.failure(json.dumps({"error": {"message": "x" * 100_000}}).encode())
    assert len(told.message) == answers.LONGEST_MESSAGE


@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["choices", "data", "output", "error", "usage", "message", "text"]),
                inner,
            )
        ),
    ).map(lambda found: json.dumps(found).encode())
)
def test_whatever_comes_is_read(body):
    """Nothing that an upstream says raises."""
    for operation in GOOD:
        assert answers.read(operation, body).fault in {"", "malformed", "empty", "error-event"}
    assert isinstance(answers.failure(body).message, str)


def test_half_of_a_character_spoils_no_answer():
    """It is passed on as it came; nothing else that is broken becomes an answer by that."""
    body = rb'{"choices":[{"message":{"content":"\ud83d"}}],"usage":{"prompt_tokens":3}}'
    found = answers.read("chat", body)
    assert (found.fault, found.usage.prompt) == ("", 3)
    assert answers.read("chat", body[:-1]).fault == "malformed"
