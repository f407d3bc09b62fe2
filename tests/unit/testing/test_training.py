"""The written-down training."""

from __future__ import annotations

from escalera.testing import training


def test_losses_become_steps_over_the_examples_in_turn() -> None:
    """Every step has its loss and one example."""
    run = training.told([3.0, 2.0, 1.0], examples=2, planned=9)
    assert [point.loss for point in run.curve] == [3.0, 2.0, 1.0]
    assert [signal.samples[0].place for signal in run.signals] == [0, 1, 0]
    assert (run.steps, run.planned) == (3, 9)


def test_a_record_follows_a_curve() -> None:
    """Examples in their order, in every epoch."""
    made = training.record(lambda step, place: 10 * step + place, examples=4, epochs=2, batch=2)
    assert [signal.loss for signal in made.signals] == [10.5, 22.5, 30.5, 42.5]
    assert [one.place for one in made.signals[3].samples] == [2, 3]
    assert [(one.step, one.score) for one in made.held_out] == [(0, 0.0), (4, 1.0)]
    assert (made.planned, len(made.examples), len(made.told.lessons)) == (4, 4, 4)
