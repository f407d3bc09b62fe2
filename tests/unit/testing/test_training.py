"""The written-down training."""

from __future__ import annotations

from escalera.testing import training


def test_losses_become_steps_over_the_examples_in_turn() -> None:
    """Every step has its loss and one example."""
    run = training.told([3.0, 2.0, 1.0], examples=2, planned=9)
    assert [point.loss for point in run.curve] == [3.0, 2.0, 1.0]
    assert [signal.samples[0].place for signal in run.signals] == [0, 1, 0]
    assert (run.steps, run.planned) == (3, 9)
