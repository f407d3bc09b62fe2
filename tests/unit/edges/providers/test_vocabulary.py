"""What single tokens write, with a tokenizer whose tokens are bytes."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from transformers import AutoTokenizer

from escalera.edges.providers.vocabulary import LEAST, Vocabulary
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tokenizer of a tiny model: five marks and a token for each byte."""
    folder: Path = tiny_model(tmp_path_factory.mktemp("tiny"))
    return AutoTokenizer.from_pretrained(folder)


def test_the_bytes_of_tokens_are_those_of_their_text(tokenizer: Any) -> None:
    """Also where a character takes several: then each reads as its byte."""
    known = Vocabulary(tokenizer, stops=[1], width=261)
    text = "a é漢😀"
    likely = [known.likely(token, -0.5) for token in tokenizer(text)["input_ids"]]
    assert b"".join(bytes(one.written) for one in likely) == text.encode()
    assert [one.text for one in likely[:4]] == ["a", " ", "\\xc3", "\\xa9"]
    assert {one.logprob for one in likely} == {-0.5}


def test_a_mark_writes_nothing(tokenizer: Any) -> None:
    """It has its name and no bytes, as has none what the model counts beyond its tokenizer."""
    known = Vocabulary(tokenizer, stops=[1], width=270)
    assert (known.likely(1, -1.0).text, known.likely(1, -1.0).written) == ("<|end|>", None)
    assert not known.likely(265, -1.0).written


def test_a_number_is_told_where_there_is_none(tokenizer: Any) -> None:
    """The logarithm of nothing is no JSON."""
    known = Vocabulary(tokenizer, stops=[1], width=261)
    assert known.likely(70, float("-inf")).logprob == LEAST == -9999.0


def test_a_tokenizer_that_cannot_be_read_is_refused() -> None:
    """In words that say what to do."""

    class Slow:
        """Not one of the `tokenizers` library."""

    with pytest.raises(InputError, match="Leave logprobs out"):
        Vocabulary(Slow(), stops=[1], width=10)
