"""How far each example was learned, and what it put into its steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from escalera.core.finetuning import curves, samples
from escalera.testing import records


def test_an_answer_is_learned_when_it_is_likelier_than_not() -> None:
    """Its loss is that of all its tokens: two of 0.4 are more than an even chance allows."""
    made = records.record(lambda _, place: 0.3 if place else 0.4)
    found = samples.learned(made, curves.course(made.signals))
    assert found.last[:2].tolist() == pytest.approx([0.8, 0.6])
    assert found.right.tolist()[:2] == [False, True]


def test_what_was_never_met_is_not_learned() -> None:
    """A training that paused in its first pass."""
    made = records.record(lambda *_: 0.1)
    short = replace(made, signals=made.signals[:2])
    found = samples.learned(short, curves.course(short.signals))
    assert found.right.tolist() == [True] * 10 + [False] * 30


def test_without_their_tokens_answers_count_as_one() -> None:
    """Where the trainer did not say them, and for a preference, which has one loss."""
    made = records.record(lambda *_: 0.4)
    course = curves.course(made.signals)
    prefers = replace(made, recipe=replace(made.recipe, objective="preference"))
    for one in (replace(made, told=None), prefers):
        assert samples.learned(one, course).tokens.tolist() == [1.0] * 40


def test_the_excess_of_an_example_is_its_share_of_the_steps_loss_above_the_usual() -> None:
    """Four times, of five answers each, 5 above the level of 1."""
    made = records.record(lambda _, place: 6.0 if place == 3 else 1.0)
    course = curves.course(made.signals)
    tokens = samples.learned(made, course).tokens
    found = samples.excess(course, np.ones(course.steps), tokens)
    assert found[3] == pytest.approx(4 * 5 / 5)
    assert np.delete(found, 3).tolist() == [0.0] * 39
