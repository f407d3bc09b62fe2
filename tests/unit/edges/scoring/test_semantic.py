"""Semantic similarity in a project file: what identifies it, and what is refused."""

from __future__ import annotations

import pytest

from escalera.domain import likeness
from escalera.edges.scoring.semantic import Semantic
from escalera.errors import BadOption

OPTIONS = Semantic(model="embedder")


@pytest.fixture
def known(bench):
    """The project has one model that makes embeddings."""

    def embeds(name):
        if name != "embedder":
            raise BadOption("model", f"{name!r} is not under [models]", "Name one")
        return "4711abcd" * 8

    bench.embeds = embeds


def test_the_model_is_part_of_the_identity(bench, known):
    """Its revision, and the version that the user gives."""
    identity = bench.chosen("semantic", OPTIONS).identity
    assert identity == 'semantic {"model":"embedder","source":"4711abcd4711abcd","version":""}'
    assert likeness.waits(identity)


def test_an_unknown_model_is_told_before_anything_is_spent(bench, known):
    """With the key."""
    with pytest.raises(BadOption, match="model: 'other' is not under"):
        bench.chosen("semantic", Semantic(model="other"))


def test_the_desk_scores_none_of_its_answers(bench, known, answer):
    """They wait for embeddings, which are bought under the caps."""
    with pytest.raises(LookupError, match="wait for the engine"):
        bench.score("semantic", OPTIONS, answer("king", "king"))
