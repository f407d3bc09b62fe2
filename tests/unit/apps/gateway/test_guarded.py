"""Guards on bodies and events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apps.gateway.guarding import chat, content, delta, dumped, event, guarding, said
from tests.unit.core.serving.guarding.searching import guard, guards, texts

from escalera.apps.gateway import guarded
from escalera.apps.gateway import texts as texts_of
from escalera.apps.gateway.guarded import EventGuard, Guarding
from escalera.apps.gateway.texts import GivenTwice
from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard
from escalera.core.serving.guarding.limits import Limits
from escalera.core.serving.guarding.vault import Vault
from escalera.errors import GuardBlocked, GuardFailed

BOTH = guarding()
NONE = guarding(sent="", got="")
CARD = "4111 1111 1111 1111"


def reply(text, **more):
    return dumped({"choices": [{"index": 0, "message": {"content": text}, **more}]})


@pytest.mark.parametrize("guards", [BOTH, NONE])
def test_a_body_with_nothing_in_it_is_passed_on_byte_for_byte(guards):
    """Also with odd spacing, which no writer of JSON would write again."""
    body = b'{ "model":"m" ,\n "messages": [ {"role":"user","content":"caf\\u00e9 \\/"} ],"x":1e3 }'
    assert guarded.request(guards, "chat", body).body is body
    answer = b'{"choices" : [{"message":{"content":"fine\\u0021"}}], "y": 1.50 }'
    assert guarded.answer(guards, "chat", answer, Vault()).body is answer


def test_what_is_redacted_on_the_way_in_is_put_back_on_the_way_out():
    """In text and in the arguments of a call, where it is written as JSON."""
    sent = guarded.request(BOTH, "chat", chat('Write to "ana"@x.example: ana@x.example'))
    assert json.loads(sent.body)["messages"][0]["content"] == 'Write to "ana"@x.example: [EMAIL_1]'
    call = {"function": {"name": "mail", "arguments": '{"to": "[EMAIL_1]"}'}}
    body = dumped({"choices": [{"message": {"content": "To [EMAIL_1].", "tool_calls": [call]}}]})
    got = json.loads(guarded.answer(BOTH, "chat", body, sent.vault).body)
    message = got["choices"][0]["message"]
    assert message["content"] == "To ana@x.example."
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"to": "ana@x.example"}


def test_what_a_model_says_of_its_own_is_not_put_back():
    """Its placeholder has another number than those of the caller; logprobs would tell it."""
    sent = guarded.request(BOTH, "chat", chat("I am ana@x.example"))
    body = reply("[EMAIL_1], and bob@x.example", logprobs={"content": [{"token": "bob"}]})
    got = guarded.answer(BOTH, "chat", body, sent.vault)
    assert json.loads(got.body)["choices"][0]["message"]["content"] == (
        "ana@x.example, and [EMAIL_2]"
    )
    assert b"bob" not in got.body
    assert [one.kind for one in got.findings] == ["email"]


def test_what_blocks():
    """On either side, with the kind; and sizes."""
    with pytest.raises(GuardBlocked, match="credit_card"):
        guarded.request(guarding(sent="block"), "chat", chat(CARD))
    with pytest.raises(GuardBlocked, match="credit_card"):
        guarded.answer(guarding(got="block"), "chat", reply(CARD), Vault())
    small = guarding(sent="", limits=Limits(characters=3))
    with pytest.raises(GuardBlocked, match="4 characters of text, and 3"):
        guarded.request(small, "chat", chat("four"))
    some = guarding(limits=Limits(bytes=200, characters=150))
    assert guarded.request(some, "chat", chat("four")).body == chat("four")
    with pytest.raises(GuardBlocked, match="160 characters of text, and 150"):
        guarded.request(some, "chat", b'{"messages":[{"content":"%s"}]}' % (b"a" * 160))
    with pytest.raises(GuardBlocked, match="2 texts, and 1"):
        guarded.request(guarding(limits=Limits(messages=1)), "chat", chat([{"text": "a"}] * 2))


def test_a_flag_changes_no_byte():
    """It is recorded."""
    body = chat(CARD)
    sent = guarded.request(guarding(sent="flag"), "chat", body)
    assert sent.body is body
    assert [one.kind for one in sent.findings] == ["credit_card"]


def test_two_texts_under_one_name():
    """Are refused before anybody reads either; in an answer it is not the caller's fault.

    With nothing in either of them they pass.
    """
    twice = b'{"%s":[],"%s":[{"content":"%s","content":"b"}]}'
    with pytest.raises(GivenTwice):
        guarded.request(BOTH, "chat", twice % (b"messages", b"messages", CARD.encode()))
    with pytest.raises(GuardFailed, match="cannot be read"):
        guarded.answer(BOTH, "chat", twice % (b"choices", b"choices", CARD.encode()), Vault())
    body = twice % (b"messages", b"messages", b"a")
    assert guarded.request(BOTH, "chat", body).body is body


@settings(deadline=None)
@given(texts(), st.booleans(), st.sampled_from(["user", "tool"]))
def test_a_look_at_the_whole_body_overlooks_nothing(text, ascii_only, role):
    """What is found, and what goes on, is that of a body whose texts have to be read first."""
    call = {"function": {"name": "f", "arguments": json.dumps({"a": text})}}
    asked = {"messages": [{"role": role, "content": text, "tool_calls": [call]}], "user": CARD}
    answered = {"choices": [{"message": asked["messages"][0]}]}
    for name, of in (("request", asked), ("answer", answered)):
        bodies = [
            json.dumps(value, ensure_ascii=ascii_only).encode()
            for value in (of, of | {"read": "\0"})
        ]
        rest = () if name == "request" else (Vault(),)
        quick, slow = (getattr(guarded, name)(BOTH, "chat", body, *rest) for body in bodies)
        assert quick.findings == slow.findings
        assert json.loads(slow.body) == json.loads(quick.body) | {"read": "\0"}


def test_what_is_told_of_whole_texts_takes_the_texts():
    """A topic has no first look: no body is done before its texts were read."""
    topic = Guard(name="topic", action="block", tells=lambda text: "zebra" in text)
    with pytest.raises(GuardBlocked, match="topic"):
        guarded.request(Guarding(input=guards(topic), output=guards()), "chat", chat("a zebra"))


@pytest.mark.parametrize(
    "text", [text for of in kinds.KINDS.values() for one in of for text in one.hits]
)
def test_no_kind_hides_behind_quotes(text):
    """At the very beginning and end of a text, beside nothing but its quotes."""
    found = guards(guard("redact", *kinds.KINDS))
    around = texts_of.around_request(
        "chat", json.dumps({"messages": [text]}, ensure_ascii=False).encode()
    )
    assert around is None or not found.is_clear(around)


def test_vectors_are_not_read():
    """An answer of embeddings has no texts, and may be large."""
    assert guarded.answer(BOTH, "embeddings", b"[0.1, 0.2", Vault()).body == b"[0.1, 0.2"


@settings(deadline=None)
@given(texts(), st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_a_stream_says_what_the_whole_answer_says(text, sizes):
    """However it is cut into events; and no event is lost."""
    sent = guarded.request(BOTH, "chat", chat("ana@x.example and 41.173.96.26"))
    text = f"{text} [EMAIL_1] {text[:20]}[IP_ADDRESS_1"
    whole = guarded.answer(BOTH, "chat", reply(text), sent.vault)
    stream, got, at, many = EventGuard(BOTH.output, "chat", sent.vault), b"", 0, 0
    while at < len(text):
        size = sizes[many % len(sizes)]
        got += stream.push(delta({"content": text[at : at + size]}))
        at, many = at + size, many + 1
    got += stream.push(delta({}, finish="stop")) + stream.push(b"data: [DONE]\n\n")
    assert content(got) == json.loads(whole.body)["choices"][0]["message"]["content"]
    assert sorted(one.kind for one in stream.findings) == sorted(one.kind for one in whole.findings)
    assert many + 1 <= len(said(got)) <= many + 2
    assert said(got)[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_rest_comes_before_the_end():
    """Of each choice its own, in the form of its last event."""
    stream = EventGuard(BOTH.output, "chat", Vault())
    got = stream.push(delta({"content": "call 905-674-"}) + delta({"content": "no"}, index=1))
    got += stream.push(delta({"content": "3793"}) + delta({}, index=1, finish="stop"))
    assert content(got, 1) == "no"
    assert "905" not in content(got)
    got += stream.push(delta({}, finish="length"))
    assert content(got) == "call [PHONE_1]"
    assert said(got)[-2]["choices"][0]["delta"] == {"content": "[PHONE_1]"}


def test_events_that_need_no_change_are_passed_on_byte_for_byte():
    """Roles, usage, comments, and texts that nothing waits for."""
    stream = EventGuard(BOTH.output, "chat", Vault())
    for events in (
        delta({"role": "assistant", "content": ""}),
        b": ping\n\n",
        event({"choices": [], "usage": {"total_tokens": 3}}),
        b"data: not json\n\n",
        delta({"content": "So. "}),
    ):
        assert stream.push(events) == events


def test_without_guards_or_placeholders_events_are_not_read():
    """What is no event at all goes on, too."""
    stream = EventGuard(NONE.output, "chat", Vault())
    assert stream.push(b"anything") == b"anything"


def test_a_blocked_stream_ends():
    """What came before goes on, and nothing after it."""
    stream = EventGuard(guarding(got="block").output, "chat", Vault())
    got = stream.push(delta({"content": "All is well. "}) + delta({"content": f"{CARD}. "}))
    assert content(got) == "All is well. "
    assert stream.blocked is not None
    assert stream.blocked.kind == "credit_card"
    assert stream.push(delta({"content": "more"})) == b""
    assert stream.finish() == b""


def test_arguments_of_calls_are_guarded_too():
    """Piece by piece, each call for itself."""
    stream = EventGuard(BOTH.output, "chat", Vault())
    got = b""
    for piece in ('{"to": "bob@', 'x.example"', "}"):
        call = {"index": 0, "function": {"arguments": piece}}
        got += stream.push(delta({"tool_calls": [call]}))
    got += stream.push(delta({}, finish="tool_calls"))
    arguments = "".join(
        call["function"]["arguments"]
        for one in said(got)
        for choice in one["choices"]
        for call in choice["delta"].get("tool_calls", ())
    )
    assert json.loads(arguments) == {"to": "[EMAIL_1]"}


def test_responses_repeat_what_they_said():
    """Deltas, what is done and the whole response agree; it is found once."""
    stream = EventGuard(BOTH.output, "responses", Vault())
    at = {"output_index": 0, "content_index": 0}
    item = {"type": "message", "content": [{"type": "output_text", "text": f"Pay {CARD}."}]}
    got = b""
    for piece in ("Pay 4111 1111 ", "1111 1111", "."):
        got += stream.push(event({"type": "response.output_text.delta", "delta": piece, **at}))
    done = {"type": "response.output_text.done", "text": f"Pay {CARD}.", **at}
    got += stream.push(event(done))
    got += stream.push(event({"type": "response.completed", "response": {"output": [item]}}))
    told = said(got)
    deltas = "".join(one["delta"] for one in told if one["type"].endswith(".delta"))
    assert deltas == "Pay [CREDIT_CARD_1]."
    assert told[-2]["text"] == deltas
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == deltas
    assert [one.kind for one in stream.findings] == ["credit_card"]


def test_completions():
    """The text of the older operation, and an end without a reason."""
    stream = EventGuard(BOTH.output, "completions", Vault())
    got = stream.push(event({"choices": [{"index": 0, "text": "Mail bob@x.exam"}]}))
    got += stream.push(event({"choices": [{"index": 0, "text": "ple"}]}))
    got += stream.push(b"data: [DONE]\n\n")
    assert "".join(one["choices"][0]["text"] for one in said(got)) == "Mail [EMAIL_1]"
    assert got.endswith(b"data: [DONE]\n\n")


def test_what_waits_does_not_say_again_what_came_beside_it():
    """Two texts in one event: each is told once."""
    stream = EventGuard(BOTH.output, "chat", Vault())
    got = stream.push(delta({"content": "one 905-674-", "reasoning": "two 905-674-"})) + b""
    got += stream.push(delta({}, finish="stop"))
    for name, wanted in (("content", "one 905-674-"), ("reasoning", "two 905-674-")):
        deltas = [choice["delta"] for one in said(got) for choice in one["choices"]]
        assert "".join(one.get(name, "") for one in deltas) == wanted


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": [CARD]}]}),
        ("chat", {"messages": [], "documents": [{"title": "x", "text": CARD}, CARD]}),
        ("embeddings", {"messages": [{"role": "user", "content": CARD}]}),
        ("responses", {"input": [{"role": "user", "content": [CARD]}, CARD]}),
        ("responses", {"input": [{"type": "shell_call_output", "output": [{"stdout": CARD}]}]}),
        ("responses", {"input": [{"type": "code_interpreter_call", "code": CARD}]}),
        ("responses", {"input": [{"type": "file_search_call", "results": [{"text": CARD}]}]}),
    ],
)
def test_texts_in_the_forms_that_servers_take_beside_openais(operation, body):
    """Parts that are texts themselves, documents, messages to embed, what tools gave back."""
    sent = guarded.request(BOTH, operation, dumped(body))
    assert CARD.encode() not in sent.body
    assert {one.kind for one in sent.findings} == {"credit_card"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"card:\n{CARD}", "card:\n[CREDIT_CARD_1]"),
        ("mail\nana@example.com", "mail\n[EMAIL_1]"),
    ],
)
@pytest.mark.parametrize("first", [None, 1, -2.5, True, "a"])
def test_an_array_that_is_json_hides_nothing_and_stays_json(said, kept, first):
    """Whatever it begins with."""
    written = json.dumps([first, said, 4111111111111111])
    found = guarded.request(
        BOTH, "chat", dumped({"messages": [{"role": "tool", "content": written}]})
    )
    got = guarded.answer(BOTH, "chat", reply(written), Vault())
    for content_ in (
        json.loads(found.body)["messages"][0]["content"],
        json.loads(got.body)["choices"][0]["message"]["content"],
    ):
        same, text, number = json.loads(content_)
        assert (same, text) == (first, kept)
        assert number.startswith("[CREDIT_CARD_")


TOKEN = "npm_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f'{{"a" is it, in C:\\{TOKEN}', '{"a" is it, in C:\\[SERVICE_TOKEN_1]'),
        ('["to"] CORP\\fred@example.com', '["to"] CORP\\[EMAIL_1]'),
        (f'{{"cut off": "card\\n{CARD}', '{"cut off": "card\\n[CREDIT_CARD_1]'),
        (f'{{"whole": "\\n{TOKEN[1:]}"}}', f'{{"whole": "\\n{TOKEN[1:]}"}}'),
    ],
)
def test_what_only_begins_as_json_is_read_both_ways(text, kept):
    """In what is no JSON a backslash is none of an escape; in what was cut off it is one."""
    found = guarded.request(BOTH, "chat", chat(text))
    assert json.loads(found.body)["messages"][0]["content"] == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"card:\n{CARD}", "card:\n[CREDIT_CARD_1]"),
        (f"卡号{CARD}", "卡号[CREDIT_CARD_1]"),
        ("mail\nana@example.com", "mail\n[EMAIL_1]"),
        ("Müller@example.com", "[EMAIL_1]"),
    ],
)
def test_a_text_that_is_json_hides_nothing_and_stays_json(said, kept):
    """The result of a tool, and a structured answer; a number goes with quotes in its place."""
    written = json.dumps({"note": said, "n": 4111111111111111})
    found = guarded.request(
        BOTH, "chat", dumped({"messages": [{"role": "tool", "content": written}]})
    )
    assert json.loads(json.loads(found.body)["messages"][0]["content"])["note"] == kept
    got = guarded.answer(BOTH, "chat", reply(written), Vault())
    answer = json.loads(json.loads(got.body)["choices"][0]["message"]["content"])
    assert answer["note"] == kept
    assert answer["n"].startswith("[CREDIT_CARD_")


def test_what_comes_back_into_json_is_written_as_json():
    """A key of several lines would end a string in its middle."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
    sent = guarded.request(BOTH, "chat", chat(f"my key {key}"))
    written = json.dumps({"key": "[PRIVATE_KEY_1]"})
    got = guarded.answer(BOTH, "chat", reply(written), sent.vault)
    assert json.loads(json.loads(got.body)["choices"][0]["message"]["content"]) == {"key": key}
    stream = EventGuard(NONE.output, "chat", sent.vault)
    events = b"".join(stream.push(delta({"content": sign})) for sign in written)
    events += stream.push(delta({}, finish="stop")) + stream.finish()
    assert json.loads(content(events)) == {"key": key}


@settings(deadline=None, max_examples=60)
@given(
    texts(),
    st.sampled_from(
        [
            ' {{ "a":{}}}',
            "[{}]",
            "[[{}]]",
            "{{{}",
            "[1] {}",
            "[1, {}]",
            "[null,{}",
            "[-{}",
            "  {{",
            "{}",
        ]
    ),
    st.lists(st.integers(1, 12), max_size=30),
)
def test_a_stream_knows_json_by_its_beginning_as_a_whole_answer_does(text, form, sizes):
    """However it is cut; what begins as JSON and is none is guarded all the same."""
    written = form.format(json.dumps(text))
    whole = guarded.answer(BOTH, "chat", reply(written), Vault()).body
    stream, got, at = EventGuard(BOTH.output, "chat", Vault()), b"", 0
    for size in [*sizes, max(1, len(written))]:
        if piece := written[at : at + size]:
            got += stream.push(delta({"content": piece}))
        at += size
    got += stream.push(delta({}, finish="stop")) + stream.push(b"data: [DONE]\n\n")
    assert content(got) == json.loads(whole)["choices"][0]["message"]["content"]


def test_half_of_a_character_hides_nothing():
    """Of an answer, whole or as a stream: what is left of it stays as it came."""
    mail = '{"choices":[{"index":0,"%s":{"content":"%s"}}]}'
    whole = (mail % ("message", r"\ud83d ana@example.com")).encode()
    assert b"[EMAIL_1]" in guarded.answer(BOTH, "chat", whole, Vault()).body
    clean = (mail % ("message", r"\ud83d hello")).encode()
    assert guarded.answer(BOTH, "chat", clean, Vault()).body == clean
    stream = EventGuard(BOTH.output, "chat", Vault())
    event_ = b"data: " + (mail % ("delta", r"\ud83d ana@example.com ")).encode() + b"\n\n"
    got = stream.push(event_) + stream.push(delta({}, finish="stop"))
    assert b"ana@example.com" not in got
    assert b"[EMAIL_1]" in got
