"""Placeholders at spans that somebody else found: what is left is JSON where it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding import cutting
from escalera.core.serving.guarding.vault import Vault

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def cut(written: str, *spans: tuple[int, int], vault: Vault | None = None) -> str:
    return cutting.redacted(
        written, spans, "house", Vault() if vault is None else vault, escaped=True
    )


def at(written: str, *words: str) -> list[tuple[int, int]]:
    """Where *words* stand in what is read of a text."""
    said = cutting.read(written, escaped=True)
    return [(said.index(word), said.index(word) + len(word)) for word in words]


def test_a_plain_text_is_cut_as_it_is():
    """Also where it looks like JSON."""
    vault = Vault()
    text = '{"a": "\\u0041CME"}'
    found = cutting.redacted(text, [(1, 4)], "house", vault, escaped=False)
    assert found == '{[HOUSE_1]: "\\u0041CME"}'
    assert vault.restore(found) == text


@settings(deadline=None)
@given(VALUES, st.booleans(), st.lists(st.integers(0, 60), max_size=6))
def test_what_is_left_of_json_is_json_wherever_it_is_cut(value, ascii_only, places):
    """And what was cut out comes back, a number as a string."""
    written, vault = json.dumps(value, ensure_ascii=ascii_only), Vault()
    length = len(cutting.read(written, escaped=True))
    places = sorted({place for place in places if place <= length})
    found = cut(written, *zip(places[::2], places[1::2], strict=False), vault=vault)
    json.loads(found)
    back = vault.restore(found, escaped=True)
    assert json.dumps(json.loads(back), ensure_ascii=False).replace('"', "") == json.dumps(
        value, ensure_ascii=False
    ).replace('"', "")


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_nothing_stays_where_all_of_it_is_to_go(value, ascii_only):
    """Neither names nor numbers; what holds them together does."""
    written = json.dumps(value, ensure_ascii=ascii_only)
    found = cut(written, (0, len(cutting.read(written, escaped=True))))
    json.loads(found)
    left = found.replace('"', "")
    for name in Vault([found])._taken:
        left = left.replace(name, "")
    assert set(left) <= set("{}[]:, ")


@pytest.mark.parametrize(
    ("written", "words", "kept"),
    [
        (r'{"a": "by \u0041CME\n"}', ["ACME"], r'{"a": "by [HOUSE_1]\n"}'),
        (r'{"a": "x\"ACME\""}', ['"ACME"'], '{"a": "x[HOUSE_1]"}'),
        ('{"a": 4111, "b": 2}', ["11"], '{"a": "[HOUSE_1]", "b": 2}'),
        ('{"a": 4111}', ["4", "11"], '{"a": "[HOUSE_1]"}'),
        ('{"a": "b", "c": 1}', ['"b", "c'], '{"a": "[HOUSE_1]", "[HOUSE_2]": 1}'),
        ('{"a": "b ACME and ACM', ["ACME"], '{"a": "b [HOUSE_1] and ACM'),
        ("to ACME, please", ["to ACME, p"], "[HOUSE_1]lease"),
        ('{"a": "", "b": 1}', ['"", "b"'], '{"a": "", "[HOUSE_1]": 1}'),
        ("{}", ["{"], "{}"),
    ],
)
def test_what_is_cut_out(written, words, kept):
    """Of strings what was found, of numbers all; what is no JSON is cut as it stands."""
    assert cut(written, *at(written, *words)) == kept
