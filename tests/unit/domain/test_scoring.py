"""What a scorer sees and says."""

from __future__ import annotations

import dataclasses

import pytest

from escalera.domain.dataset import Example
from escalera.domain.scoring import Score, Submission, unscored

ITEM = Example(id="1", task="t", split="confirm", input="q", target="right", cluster="1")


def test_a_submission_brings_the_target_of_its_item():
    """One word for what most scorers compare with."""
    assert Submission(reply="x", item=ITEM).target == "right"


def test_unscored_is_no_value_with_a_reason():
    """Never 0."""
    assert unscored("no price") == Score(value=None, reason="no price")


def test_both_are_frozen():
    """A scorer changes nothing."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Submission(reply="x", item=ITEM).reply = "y"
