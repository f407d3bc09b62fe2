"""Records that follow a curve."""

from __future__ import annotations

from escalera.testing import records


def test_a_record_follows_a_curve() -> None:
    """Examples in their order, in every epoch."""
    made = records.record(lambda step, place: 10 * step + place, examples=4, epochs=2, batch=2)
    assert [signal.loss for signal in made.signals] == [10.5, 22.5, 30.5, 42.5]
    assert [one.place for one in made.signals[3].samples] == [2, 3]
    assert [(one.step, one.score) for one in made.held_out] == [(0, 0.0), (4, 1.0)]
    assert (made.planned, len(made.examples), len(made.told.lessons)) == (4, 4, 4)
