"""The fields of a request: what decides is read once, and the rest stays as it was sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway import fields
from escalera.apps.gateway.wire import Refusal

NAMES = st.text(max_size=4) | st.sampled_from(["model", "stream", "n", ""])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
STYLES = [(",", ":"), (", ", ": "), (" ,\n", " :\t")]


def spelled(pairs, comma, colon, *, ascii_only=True):
    """An object as a caller may write it, with names that are there twice."""

    def written(value):
        return json.dumps(value, ensure_ascii=ascii_only, separators=(comma, colon))

    return ("{" + comma.join(written(k) + colon + written(v) for k, v in pairs) + "}").encode()


def first_wins(pairs):
    found = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


@given(PAIRS, st.sampled_from(STYLES), st.booleans())
def test_every_reader_reads_the_same(pairs, style, ascii_only):
    """What goes upstream says the same to whoever believes the first of two names, or the last."""
    body = spelled(pairs, *style, ascii_only=ascii_only)
    written = fields.written(body, {})
    assert json.loads(written) == dict(pairs)
    assert json.loads(written, object_pairs_hook=list) == [
        *json.loads(json.dumps(dict(pairs)), object_pairs_hook=list)
    ]
    assert first_wins(json.loads(written, object_pairs_hook=lambda found: found)) == dict(
        json.loads(json.dumps(dict(pairs)), object_pairs_hook=lambda found: found)
    )


def test_a_name_given_twice_hides_behind_no_length():
    """A body with a doubled name may be as long as one without that is written with spaces."""
    body = b'{"":1,"":2,"a":3,"b":4}'
    assert len(body) == len(b'{"": 2, "a": 3, "b": 4}')
    assert fields.written(body, {}) == b'{"":2,"a":3,"b":4}'


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=6), st.sampled_from(STYLES[:2]))
def test_what_needs_no_change_is_passed_byte_for_byte(found, style):
    """In both ways in which programs write JSON."""
    body = spelled(found.items(), *style, ascii_only=False)
    assert fields.written(body, {}) == body


def test_values_keep_their_spelling():
    """Numbers, escapes and spaces within values are the caller's own."""
    body = b'{"model":"a","x":1.0e0,"y":"\\u00e9","z":[ 1 , 2 ]}'
    expected = b'{"model":"b","x":1.0e0,"y":"\\u00e9","z":[ 1 , 2 ],"n":2}'
    assert fields.written(body, {"model": b'"b"', "n": b"2"}) == expected


def test_a_name_given_twice_counts_once_with_its_last_value():
    """The model that is let in is the one that is asked."""
    body = b'{"model":"cheap","mod\\u0065l":"dear","n":1}'
    assert fields.read("chat", body).model == "dear"
    assert json.loads(fields.written(body, {}))["model"] == "dear"
    assert fields.written(body, {"model": b'"x"'}).count(b'"model"') == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"{}x",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-}',
        b'{"model":"\xff"}',
        b'{"model":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"model":null}',
        b'{"model":["a"]}',
        b'{"model":"' + b"a" * 513 + b'"}',
        b'{"stream":1}',
        b'{"stream":"true"}',
        b'{"n":0}',
        b'{"n":-1}',
        b'{"n":1.5}',
        b'{"n":1e400}',
        b'{"n":' + b"9" * 5000 + b"}",
        b'{"max_tokens":-1}',
        b'{"max_tokens":99999999999999999999}',
        b'{"stream_options":[]}',
        b'{"stream_options":{"include_usage":1}}',
        b"\xef\xbb\xbf{}",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_what_cannot_be_read_is_refused(body):
    """With a status of the caller's, whatever it is."""
    with pytest.raises(Refusal) as caught:
        fields.read("chat", body)
    assert caught.value.status == 400


def test_half_of_a_character_is_told_as_what_it_is():
    """JSON's reader would say of it that the body was truncated. Nobody could answer it."""
    body = rb'{"model":"a","messages":[{"content":"\ud83d"}]}'
    for refused in (lambda: fields.read("chat", body), lambda: fields.written(body, {})):
        with pytest.raises(Refusal, match=r"at byte 37, \\ud83d is half of a character") as caught:
            refused()
        assert caught.value.status == 400


def test_a_name_that_is_no_text_is_refused_when_it_is_written():
    """It is skipped when the fields are read."""
    with pytest.raises(Refusal):
        fields.written(b'{"model":"a","\xff":1}', {})


def test_null_is_the_same_as_nothing():
    """As clients send it."""
    nothing = {"stream": None, "max_tokens": None, "n": None, "stream_options": None}
    found = fields.read("chat", json.dumps(nothing).encode())
    assert (found.model, found.stream, found.limit("chat"), found.n) == ("", None, None, None)
    assert not found.usage_asked


def test_embeddings_have_no_stream():
    """Whoever asks for one is told."""
    with pytest.raises(Refusal, match="no stream of embeddings") as caught:
        fields.read("embeddings", b'{"stream":true}')
    assert caught.value.param == "stream"


@pytest.mark.parametrize(
    ("operation", "given_", "limit"),
    [
        ("chat", {"max_tokens": 5}, 5),
        ("chat", {"max_tokens": 9, "max_completion_tokens": 5}, 9),
        ("chat", {"max_output_tokens": 5}, None),
        ("completions", {"max_tokens": 0}, 0),
        ("completions", {"max_completion_tokens": 5}, None),
        ("responses", {"max_output_tokens": 5}, 5),
        ("responses", {"max_tokens": 5}, None),
        ("embeddings", {}, None),
    ],
)
def test_only_the_operations_own_limit_bounds_it(operation, given_, limit):
    """What an upstream ignores must not make an answer look cheap."""
    assert fields.read(operation, json.dumps(given_).encode()).limit(operation) == limit


@pytest.mark.parametrize(
    ("operation", "answers"), [("chat", 3), ("completions", 3), ("responses", 1), ("embeddings", 1)]
)
def test_answers_are_counted_where_there_may_be_several(operation, answers):
    """A field that an operation does not know is left to the upstream."""
    assert fields.read(operation, b'{"n":3}').answers(operation) == answers


@pytest.mark.parametrize(
    ("body", "predicted"),
    [
        (b'{"prediction": {"type": "content", "content": "x"}}', True),
        (rb'{"pr\u0065diction": "x"}', True),
        (b'{"prediction": null}', False),
        (b'{"messages": [{"content": "\\"prediction\\""}]}', False),
    ],
)
def test_a_prediction_is_found_however_its_name_is_written(body: bytes, *, predicted: bool) -> None:
    """By the name as JSON means it, not by its bytes; null is no prediction."""
    assert fields.read("chat", body).predicted is predicted
