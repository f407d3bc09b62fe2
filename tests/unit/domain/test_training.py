"""What a training tells."""

from __future__ import annotations

import itertools

from escalera.domain.training import CURVE_POINTS, StepSignal, TrainingRun


def run(steps: int) -> TrainingRun:
    """A run of so many steps."""
    signals = tuple(
        StepSignal(step=n, loss=1 / n, norm=1.0, rate=0.1, tokens=9, samples=())
        for n in range(1, steps + 1)
    )
    return TrainingRun(
        signals=signals,
        planned=steps,
        examples=1,
        parameters=1,
        layout="packed",
        seconds=1.0,
    )


def test_a_long_curve_is_thinned_evenly() -> None:
    """At most 200 points, with the first and the last."""
    steps = [point.step for point in run(1000).curve]
    assert len(steps) == CURVE_POINTS
    assert (steps[0], steps[-1]) == (1, 1000)
    assert max(later - earlier for earlier, later in itertools.pairwise(steps)) <= 6
    assert [point.step for point in run(200).curve] == list(range(1, 201))
    assert run(3).steps == 3
