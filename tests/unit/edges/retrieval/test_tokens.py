"""Counting with the tokenizer of a folder."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from transformers import AutoTokenizer

from escalera.edges.retrieval import tokens
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local


def test_it_counts_as_the_model_does(tmp_path):
    """The tokens of the text alone, without marks around it."""
    folder = tiny_model(tmp_path / "tiny")
    whole = AutoTokenizer.from_pretrained(folder)
    count = tokens.counter(folder)
    for text in ("", "hello there", "čćž 12,5 €"):
        assert count(text) == len(whole(text, add_special_tokens=False)["input_ids"])


def test_a_folder_without_a_fast_tokenizer_cannot_count(tmp_path):
    """Then bytes are counted, which are no fewer."""
    assert tokens.counter(tmp_path) is None


@pytest.mark.parametrize("held", ["", "{}", '{"version": "1.0"'])
def test_a_damaged_tokenizer_is_told_with_its_file(held, tmp_path):
    """The library raises a bare `Exception` that does not say which file."""
    (tmp_path / "tokenizer.json").write_text(held, encoding="utf-8")
    with pytest.raises(InputError, match=r"tokenizer\.json' holds no tokenizer"):
        tokens.counter(tmp_path)
