"""The stand-ins for a library and for a model of embeddings."""

from __future__ import annotations

import asyncio

import pytest

from escalera.core.prompts import vectors
from escalera.testing.retrieval import WordVectors, index, retrieval, scores, vector


def test_a_rare_word_counts_more_than_a_common_one():
    """And a text without the words of the query is not found."""
    texts = ["late parcel", "late lamp", "late shoe", "blue"]
    assert index(texts)("late parcel")[0] == 0
    assert 3 not in index(texts)("late parcel")
    assert scores(texts, "parcel")[0] > scores(texts, "late")[0]
    assert index([])("late") == []


def test_texts_that_share_words_are_near():
    """As embeddings are meant to be."""
    pool = vectors.from_files(vectors.to_files([vector("a red lamp"), vector("my late parcel")]))
    asked = vectors.from_files(vectors.to_files([vector("the parcel is late")]))[0]
    assert vectors.nearest(pool, asked)[0] == 1


def test_the_embedder_counts_what_it_is_asked():
    """Words are tokens, and each costs a micro-dollar."""
    embedder = WordVectors()
    found = asyncio.run(retrieval(embedder).embedder("any").embed(["two words", "one"]))
    assert (found.usage.prompt_tokens, found.micro_dollars) == (3, 3)
    assert embedder.asked == [("two words", "one")]
    assert found.vectors[1] == pytest.approx(vector("ONE!"))
