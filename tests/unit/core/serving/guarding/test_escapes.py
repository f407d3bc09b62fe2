"""Texts that are written as within a JSON string, as they read and as they were written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.serving.guarding.searching import guard, guards, texts

from escalera.core.serving.guarding.escapes import Escapes, meant
from escalera.core.serving.guarding.streams import StreamGuard
from escalera.core.serving.guarding.vault import Vault

REDACTING = guards(guard("redact", "personal", "secrets"))
CARD = "4111111111111111"


def inspected(written: str) -> str:
    return REDACTING.inspect(written, Vault(), escaped=True).text


@settings(deadline=None)
@given(st.text(max_size=40), st.booleans(), st.lists(st.integers(1, 9), max_size=30))
def test_a_text_reads_as_it_was_meant_however_it_is_cut(text, ascii_only, sizes):
    """And every character of it is known as it was written, also after some were forgotten."""
    written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    assert meant(written) == text
    escapes, read, at = Escapes(), "", 0
    for size in [*sizes, len(written)]:
        read += escapes.read(written[at : at + size], len(read))
        at += size
    read += escapes.rest()
    assert read == text
    assert "".join(escapes.written(read, at, at + 1) for at in range(len(read))) == written
    many = len(read) // 2
    head = escapes.written(read, 0, many)
    escapes.forget(read, many)
    assert head + escapes.written(read[many:], 0, len(read) - many) == written


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\ud83dx", "\ud83dx"),
        (r"\ud83d", r"\ud83d"),
        ("\\u00", "\\u00"),
        ("\\", "\\"),
        (r"\x41\\n", r"\x41" + "\\n"),
    ],
)
def test_what_is_no_escape_stays(written, read):
    """Half a pair, what was never ended, and what JSON does not know."""
    escapes = Escapes()
    assert escapes.read(written, 0) + escapes.rest() == read == meant(written)
    assert escapes.written(read, 0, len(read)) == written


@settings(deadline=None)
@given(texts(), st.booleans(), st.lists(st.integers(1, 60), max_size=40))
def test_arguments_of_a_call_hide_nothing_and_stay_json(text, ascii_only, sizes):
    """What is redacted is what the same text is redacted of where it stands plainly; in pieces as
    in one."""
    written = json.dumps({"a": text}, ensure_ascii=ascii_only)
    whole = inspected(written)
    assert json.loads(whole)["a"] == REDACTING.inspect(text, Vault()).text
    stream, said, at = StreamGuard(REDACTING, Vault(), escaped=True), "", 0
    for size in [*sizes, len(written)]:
        said += stream.push(written[at : at + size])
        at += size
    assert said + stream.finish() == whole


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": f"card:\n{CARD}"}, {"a": "card:\n[CREDIT_CARD_1]"}),
        ({"a": f"卡号是{CARD}"}, {"a": "卡号是[CREDIT_CARD_1]"}),
        ({"a": "x\nana@example.com"}, {"a": "x\n[EMAIL_1]"}),
        ({"password": "q1w2e3r4t5", "n": 1}, {"password": "[PASSWORD_1]", "n": 1}),
        ({"a": int(CARD), "b": [int(CARD)]}, {"a": "[CREDIT_CARD_1]", "b": ["[CREDIT_CARD_1]"]}),
        ({"a": 'password="q1w2e3r4t5"'}, {"a": '[PASSWORD_1]"'}),
    ],
)
def test_of_a_secret_with_its_name_only_the_secret_goes(value, kept):
    """What stays is JSON, also where what goes is a number."""
    assert json.loads(inspected(json.dumps(value))) == kept


@pytest.mark.parametrize(
    ("text", "found", "wanted"),
    [
        ('{"a": "b"}', (1, 8), (7, 8, False)),
        ('{"a": "b"}', (1, 9), (7, 8, False)),
        ('{"a": 12}', (1, 9), (6, 8, True)),
        ('{"a": "", 1}', (6, 8), (6, 8, False)),
        ('{"a": }', (5, 7), (5, 7, False)),
    ],
)
def test_what_is_cut_out(text, found, wanted):
    """The last part, without its quotes; the whole of it where that is empty."""
    assert Escapes().cut(text, *found) == wanted
