"""Semantic similarity, with vectors that are made up."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import semantic
from escalera.edges.scoring.binding import Embedder
from escalera.edges.scoring.semantic import Semantic
from escalera.errors import BadOption, ProviderUnavailable, ScorerFailed

VECTORS = {"king": [3.0, 0.0], "queen": [3.0, 4.0], "not": [-3.0, 0.0], "nothing": [0.0, 0.0]}


class Made:
    """An encoder of four words."""

    def __init__(self):
        self.asked, self.closed = [], 0

    async def embed(self, texts):
        self.asked.append(list(texts))
        if "away" in texts:
            raise ProviderUnavailable("connection refused", provider="embedder")
        return [VECTORS[text] for text in texts]

    async def close(self):
        self.closed += 1


@pytest.fixture
def made(bench):
    """The encoder behind the model `embedder`."""
    encoder = Made()

    def embedder(name):
        if name != "embedder":
            raise BadOption("model", f"{name!r} is not under [models]", "Name one")
        return Embedder(revision="4711abcd" * 8, open=lambda: encoder)

    bench.embedder = embedder
    return encoder


OPTIONS = Semantic(model="embedder")


def test_the_cosine_of_reply_and_target(bench, answer, made):
    """Opposite is not worse than unrelated; an empty reply is never asked about."""
    replies = ("king", "queen", "not", " ")
    found = bench.scores("semantic", OPTIONS, *(answer(reply, "king") for reply in replies))
    assert [one.value for one in found] == [1.0, pytest.approx(0.6), 0.0, 0.0]
    assert made.asked == [["king", "king"], ["queen"], ["not"]]
    assert made.closed == 1


def test_an_outage_is_unscored(bench, answer, made):
    """With the words of the endpoint; so is a vector without a direction."""
    found = bench.scores("semantic", OPTIONS, answer("away", "king"), answer("nothing", "king"))
    assert [one.value for one in found] == [None, None]
    assert "connection refused" in found[0].reason
    assert found[1].reason == "an embedding has no direction"


def test_vectors_of_two_models_have_no_angle():
    """A change of the model in the middle is told."""
    with pytest.raises(ScorerFailed, match="have 1 and 2 numbers"):
        semantic.cosine([1.0], [1.0, 2.0])


def test_the_model_is_part_of_the_identity(bench, made):
    """Its revision, and the version that the user gives."""
    assert bench.chosen("semantic", OPTIONS).identity == (
        'semantic {"model":"embedder","source":"4711abcd4711abcd","version":""}'
    )


def test_an_unknown_model_is_told_before_anything_is_spent(bench, made):
    """With the key."""
    with pytest.raises(BadOption, match="model: 'other' is not under"):
        bench.chosen("semantic", Semantic(model="other"))
