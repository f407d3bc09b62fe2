"""What is GEPA's own; what every tool keeps is in tests/contract/test_optimiser."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("gepa") is None:
    pytest.skip("needs gepa: pip install -e '.[gepa]'", allow_module_level=True)

from escalera.edges.optimisers.gepa import MOST_VALIDATION, Gepa
from escalera.testing.optimisers import Landscape


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
    asked = len(model.questions) + len(model.messages)
    assert 200 <= asked <= 200 + MOST_VALIDATION + 7


def test_it_validates_on_other_items_than_it_reflects_on():
    """The first are validated on: its own score is not of what it was shown."""
    model = Landscape()
    Gepa().improve("Answer.", model.items, model.asking(calls=400), seed=1)
    seen = {
        item.input for item in model.items if any(f"{item.input}\n" in m for m in model.messages)
    }
    assert seen
    assert not seen & {item.input for item in model.items[:MOST_VALIDATION]}
