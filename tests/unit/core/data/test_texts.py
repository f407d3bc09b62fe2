"""Texts in little memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.data.texts import Texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_back_as_they_were(many):
    """By their places, in any script."""
    texts = Texts()
    for text in many:
        texts.append(text)
    assert [texts[place] for place in range(len(texts))] == many
