"""Halves of characters in JSON, and what is read in their place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway import halves

SIGNS = st.text(st.characters(codec=None) | st.sampled_from('\ud83d\ude00\\"u😀a'), max_size=12)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (rb'"a"', None),
        (rb'"\ud83d\ude00"', None),
        (rb'"\\ud83d"', None),
        (rb'"\ud83d"', (1, r"\ud83d")),
        (rb'"\uDE00"', (1, r"\uDE00")),
        (rb'"\ud83d\ud83d\ude00"', (1, r"\ud83d")),
        (rb'"\\\ud83dx"', (3, r"\ud83d")),
        (rb'"\ud83d\u0041"', (1, r"\ud83d")),
        (rb'"\ud83', None),
    ],
)
def test_where_the_first_is(body, found):
    """A backslash that is itself escaped begins none."""
    assert halves.first(body) == found
    assert (halves.mended(body) == body) is (found is None)


@given(st.lists(SIGNS, max_size=3), st.booleans())
def test_each_is_one_replacement_character(texts, ascii_only):
    """As Python reads them, whose texts may hold halves; all else is as it was."""
    if not ascii_only:
        texts = [
            "".join(sign for sign in text if not "\ud800" <= sign <= "\udfff") for text in texts
        ]
    body = json.dumps(texts, ensure_ascii=ascii_only).encode()
    whole = [
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in texts
    ]
    assert len(halves.mended(body)) == len(body)
    assert json.loads(halves.mended(body)) == whole
