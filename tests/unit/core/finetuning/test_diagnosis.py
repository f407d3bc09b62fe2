"""All rules together: what is told, and what is told first."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from escalera.core.finetuning.diagnosis import diagnose
from escalera.testing import records

SOUND = records.record(lambda step, _: 3 * math.exp(-step / 4) + 0.01)


def causes(record) -> list[str]:
    """What is found, in order."""
    return [one.cause for one in diagnose(record)]


def test_a_sound_training_is_healthy_with_its_figures() -> None:
    """That is a finding too."""
    (found,) = diagnose(SOUND)
    assert found.cause == "healthy"
    assert {one.name for one in found.figures} >= {"loss at the end", "score on others"}


def test_what_was_known_before_is_not_said_to_have_fallen() -> None:
    """The typical loss is next to nothing from the start, and need not fall."""

    def loss(step, place):
        return 3 * math.exp(-step / 4) + 0.01 if place % 3 == 0 else 0.0002 + step * 1e-7

    (found,) = diagnose(records.record(loss))
    assert found.cause == "healthy"
    assert found.words.startswith("typical answers were known before and stayed so, no example")
    (fell,) = diagnose(SOUND)
    assert fell.words.startswith("the loss fell and stayed down, no example")


def test_a_training_without_a_step_tells_nothing() -> None:
    """It is refused in words."""
    with pytest.raises(ValueError, match="without a step"):
        diagnose(replace(SOUND, signals=()))


def test_a_fault_of_the_telling_comes_before_one_of_the_data() -> None:
    """And both before how it went."""
    leaked = tuple(replace(one, tested=(one.item,)) for one in SOUND.examples)
    faulty = replace(SOUND, examples=leaked, refused="it was trained with another chat template")
    assert causes(faulty) == ["wrong template", "leakage"]


def test_a_consequence_is_not_told_beside_its_cause() -> None:
    """A rate too low leaves everything unlearned: that is no underfitting besides."""
    slow = records.record(lambda step, _: 2.0 - step / 1000, rate=1e-5, held=(0.0, 0.0))
    assert causes(slow) == ["rate too low"]


def test_one_rate_is_not_both_too_high_and_too_low() -> None:
    """Weights that were thrown far away learn as little as those that hardly moved."""
    thrown = records.record(
        lambda *_: 6.9, rate=1e3, norm=lambda step: 4.0 if step < 8 else 0.0, held=(0, 0)
    )
    assert causes(thrown) == ["rate too high"]


def test_every_finding_says_what_to_do() -> None:
    """With a command for all that can be mended, and figures for all."""
    slow = records.record(lambda step, _: 2.0 - step / 1000, rate=1e-5, held=(0.0, 0.0))
    for found in diagnose(slow):
        assert found.remedy
        assert found.command == "escalera climb"
        assert all(math.isfinite(one.value) for one in found.figures)
