"""Texts of bodies, and bodies with other texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apps.gateway.guarding import dumped

from escalera.apps.gateway import texts
from escalera.errors import InputError

CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "result", "tool_call_id": "1"},
    ],
    "tools": [{"function": {"name": "f", "description": "not a text"}}],
}


def told(slots):
    return [(slot.role, slot.text, slot.escaped) for slot in slots]


def test_texts_of_a_chat():
    """Contents, parts and arguments with their roles; names and descriptions are none."""
    assert told(texts.of_request("chat", dumped(CHAT))) == [
        ("system", "be kind", False),
        ("user", "hi", False),
        ("assistant", '{"a": "b"}', True),
        ("tool", "result", False),
    ]


@pytest.mark.parametrize(
    ("operation", "body", "wanted"),
    [
        ("completions", {"prompt": "one", "suffix": "two"}, ["one", "two"]),
        ("completions", {"prompt": ["one", "two"]}, ["one", "two"]),
        ("completions", {"prompt": [[1, 2], [3]]}, []),
        ("embeddings", {"input": ["one", "two"]}, ["one", "two"]),
        ("embeddings", {"input": "one"}, ["one"]),
        ("responses", {"input": "one", "instructions": "two"}, ["one", "two"]),
        (
            "responses",
            {
                "prompt": {
                    "id": "no",
                    "variables": {"a": "one", "text": {"text": "two", "type": "no"}},
                }
            },
            ["one", "two"],
        ),
        (
            "responses",
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
                    {"role": "user", "content": "two"},
                    {"type": "function_call", "arguments": "{}"},
                    {"type": "function_call_output", "output": "three"},
                    {"type": "reasoning", "summary": [{"text": "four"}]},
                ]
            },
            ["one", "two", "{}", "three", "four"],
        ),
        ("chat", {"messages": "no list"}, []),
        ("chat", {"messages": [3, None, "text"]}, []),
        ("chat", {}, []),
    ],
)
def test_texts_of_requests(operation, body, wanted):
    """Of every operation; what has another shape has no texts, and is the upstream's to refuse."""
    assert [slot.text for slot in texts.of_request(operation, dumped(body))] == wanted


@pytest.mark.parametrize(
    ("operation", "body", "wanted"),
    [
        (
            "chat",
            {
                "choices": [
                    {"message": {"content": "a", "reasoning_content": "b"}},
                    {"message": {"refusal": "c"}},
                ]
            },
            ["a", "b", "c"],
        ),
        ("completions", {"choices": [{"text": "a"}]}, ["a"]),
        ("embeddings", {"data": [{"embedding": [1]}]}, []),
        (
            "responses",
            {
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                    {"type": "function_call", "name": "f", "arguments": "{}"},
                ]
            },
            ["a", "{}"],
        ),
    ],
)
def test_texts_of_answers(operation, body, wanted):
    """Whatever a model said."""
    assert [slot.text for slot in texts.of_answer(operation, dumped(body))] == wanted


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [], "messages": [{"role": "user", "content": "hidden"}]}',
        b'{"messages":[{"content":"hidden","content":"shown"}]}',
        b'{"messages":[{"content":"hidden","\\u0063ontent":"shown"}]}',
    ],
)
def test_a_name_that_is_given_twice_is_refused(body):
    """Nobody can show one text to us and another to the upstream."""
    with pytest.raises(texts.GivenTwice, match="twice"):
        texts.of_request("chat", body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff{}", b"[" * 100_000])
def test_what_is_no_json(body):
    """Is an error of the input."""
    with pytest.raises(InputError):
        texts.of_request("chat", body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


def paths(value, at=()):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*at, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, (*at, place))
    elif isinstance(value, str):
        yield at


def changed(value, at, new):
    if not at:
        return new
    copy = value.copy()
    copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


@settings(deadline=None)
@given(JSON, st.data(), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]), st.booleans())
def test_only_the_text_is_replaced(value, data, separators, ascii_only):
    """In any body: what is decoded has the new text, and no other byte has changed."""
    body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    known = list(paths(value))
    if not known:
        assert texts.in_request(body, {("nowhere",): "x"}) == body
        return
    path = data.draw(st.sampled_from(known))
    new = data.draw(st.text(max_size=8))
    got = texts.in_request(body, {path: new})
    assert json.loads(got) == changed(value, path, new)
    marked = texts.in_request(body, {path: "\x00mark"})
    assert marked.replace(texts.encoded("\x00mark"), texts.encoded(new)) == got


def test_log_probabilities_do_not_tell_what_was_there():
    """Whatever they hold; in a request the word means something else."""
    body = b'{"choices": [{"text": "a", "logprobs": {"tokens": ["a", {"b": 1}]}, "n": 1}]}'
    got = texts.in_answer(body, {("choices", 0, "text"): "x"})
    assert got == b'{"choices": [{"text": "x", "logprobs": null, "n": 1}]}'
    listed = b'{"delta": "a", "logprobs": [ {"token": "a"} ]}'
    assert texts.in_answer(listed, {("delta",): "x"}) == b'{"delta": "x", "logprobs": []}'
    assert (
        texts.replaced_once(listed, "delta", ("delta",), "x") == b'{"delta": "x", "logprobs": []}'
    )
    asked = b'{"prompt": "a", "logprobs": true}'
    assert texts.in_request(asked, {("prompt",): "x"}) == b'{"prompt": "x", "logprobs": true}'


def test_the_quick_way_is_the_same():
    """With a key that is there once, with one that is there twice, and as a value."""
    path = ("choices", 0, "delta", "content")
    for more in ({}, {"content": "other"}, {"other": "content"}):
        body = dumped({"a": more, "choices": [{"delta": {"content": 'so "it" is'}}]})
        assert texts.replaced_once(body, "content", path, "new") == texts.in_answer(
            body, {path: "new"}
        )


def test_json_at_a_path():
    """And an error where there is none."""
    assert texts.with_value(b'{"a": [1], "b": 2}', ("a",), b"[3]") == b'{"a": [3], "b": 2}'
    with pytest.raises(KeyError):
        texts.with_value(b"{}", ("a",), b"1")


def test_half_a_surrogate_pair_can_be_written():
    """As an escape, which is all that JSON has for it."""
    assert texts.encoded("\ud800") == b'"\\ud800"'


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"model":"m","messages":["a"]}', '"messages":["a"]}'),
        (b'{"messages":["a\\n\\"b\\" \\/"]}', '"messages":["a\n"b" /"]}'),
        ('{"messages":["né"]}'.encode(), '"messages":["né"]}'),
        (b'{"prediction":1,"messages":2}', '"prediction":1,"messages":2}'),
        (b'{"mess\\u0061ges":["a"],"messages":["b"]}', None),
        (b'{"messages":["a \\\\n"]}', None),
        (b'{"messages":["\xff"]}', None),
        (b'{"model":"m"}', None),
    ],
)
def test_a_stretch_around_all_texts(body, wanted):
    """From the first name on under which there may be one; none where it takes reading."""
    assert texts.around_request("chat", body) == wanted


@pytest.mark.parametrize(
    ("text", "whole"),
    [('{"a": "\\n"}', True), ('{"a"', False), ('{"a": 1} b', False), ('["\ud800"]', False)],
)
def test_json_is_whole_or_none(text, *, whole):
    """Half a surrogate pair is no text of JSON."""
    assert texts.is_whole_json(text) is whole


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1}', True),
        ('\n{\n  "a": 1}', True),
        ('[{"a": 1}]', True),
        ('["a"]', True),
        ("[[1]]", True),
        ("[1] as they say", False),
        ("[1, 2] as they say", True),
        ('[ -1.5e3 , "a"]', True),
        ("[null,", True),
        ("[true ,", True),
        ("[false]", False),
        ("[nullify,", False),
        ("[1", None),
        ("[-", None),
        ("[nul", None),
        ("[ true ", None),
        ("[EMAIL_1] wrote", False),
        ("{name}, hello", False),
        ("hello", False),
        ("", None),
        ("  ", None),
        ("{ ", None),
        ("[", None),
        (" " * texts.BEGINNING + '{"a": 1}', False),
        ("{" + " " * texts.BEGINNING, False),
    ],
)
def test_json_is_told_by_its_beginning(text, told):
    """Once it is told, more of the text changes nothing."""
    assert texts.is_json(text) is told
    if told is not None:
        assert texts.is_json(text + '"x') is told
