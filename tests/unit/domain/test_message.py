"""What goes to a model and what comes back."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from escalera.domain.message import Decoding, Request, Usage


def test_the_defaults_are_greedy_and_repeatable():
    """A request without wishes is answered the same way twice."""
    asked = Request(messages=())
    assert asked.decoding == Decoding(max_tokens=256, temperature=0.0, top_p=1.0, seed=0)
    assert asked.adapter is None
    assert Usage(prompt_tokens=1, completion_tokens=2).cached_tokens == 0


def test_values_cannot_be_changed():
    """Whatever was hashed stays what it was."""
    with pytest.raises(FrozenInstanceError):
        Decoding().seed = 1
