"""GEPA itself on a model whose right rule is known: what it asks, when it stops, what it brings."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("gepa") is None:
    pytest.skip("needs gepa: pip install -e '.[gepa]'", allow_module_level=True)

from escalera.edges.optimisers.gepa import Gepa
from escalera.testing.optimisers import Ended, Landscape


def test_it_finds_the_rule_that_helps():
    """The seed's answers are reflected on, and the rule is in what comes back."""
    model = Landscape()
    (found,) = Gepa().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    assert "Good rule." in found


def test_it_shows_the_proposer_what_was_said_and_what_was_expected():
    """In its own message, beside the prompt."""
    model = Landscape()
    Gepa().improve("Answer.", model.items, model.asking(calls=200), seed=1)
    message = next(text for text in model.messages if "no idea" in text)
    assert "Answer." in message
    assert "Expected was: answer " in message
    assert "message " in message


def test_it_stops_when_its_calls_are_used():
    """After the candidate that it was at; answers that it has already count for this, too."""
    model = Landscape()
    Gepa().improve("Answer.", model.items, model.asking(calls=200), seed=1)
    assert 200 <= len(model.questions) + len(model.messages) <= 200 + 60 + 7


def test_the_same_seed_asks_the_same():
    """So a search that was cut off is taken up by running it again."""
    first, second = Landscape(), Landscape()
    for model in (first, second):
        Gepa().improve("Answer.", model.items, model.asking(calls=300), seed=5)
    assert first.questions == second.questions


def test_a_prompt_that_nothing_improves_stays():
    """Nothing is proposed."""
    model = Landscape(helps="no rule at all")
    assert Gepa().improve("Answer.", model.items, model.asking(calls=150), seed=1) == []


def test_an_answer_without_a_score_blames_no_prompt():
    """It counts as the mean of those it was asked with, so the rule is found all the same."""
    model = Landscape(unscored=5)
    (found,) = Gepa().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    assert "Good rule." in found


def test_what_ends_the_search_comes_through():
    """The engine raises it, and GEPA may not swallow it."""
    model = Landscape()
    with pytest.raises(Ended):
        Gepa().improve("Answer.", model.items, model.asking(calls=400, ends=100), seed=1)
    assert model.asked <= 100 + 60
