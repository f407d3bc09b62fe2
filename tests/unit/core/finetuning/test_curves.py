"""The course of a training in robust figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import curves
from escalera.domain.training import SampleLoss, StepSignal


def signal(step: int, rate: float, *losses: float) -> StepSignal:
    """A step whose examples are the first ones, with these losses."""
    samples = tuple(SampleLoss(place=place, loss=loss) for place, loss in enumerate(losses))
    return StepSignal(step=step, loss=9.0, norm=2.0, rate=rate, tokens=5, samples=samples)


def test_signals_become_arrays() -> None:
    """Time counts full steps; of a step's examples the median is typical."""
    found = curves.course([signal(1, 0.1, 4.0, 1.0, 2.0), signal(2, 0.2, 3.0)])
    assert found.time.tolist() == [0.5, 1.5]
    assert found.typical.tolist() == [2.0, 3.0]
    assert found.seen_step.tolist() == [0, 0, 0, 1]
    assert (found.steps, found.loss.tolist(), found.norm.tolist()) == (2, [9.0] * 2, [2.0] * 2)


def test_the_last_loss_of_every_example_is_known() -> None:
    """The first example was met again."""
    places, losses = curves.course([signal(1, 0.1, 4.0, 1.0), signal(2, 0.1, 3.0)]).last()
    assert (places.tolist(), losses.tolist()) == ([0, 1], [3.0, 1.0])


def test_steps_that_do_not_tell_their_examples_stand_for_them() -> None:
    """As another engine leaves them."""
    found = curves.course([signal(1, 0.1), signal(2, 0.1)])
    assert found.typical.tolist() == [9.0, 9.0]
    assert len(found.seen_loss) == 0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(1, 9))
def test_a_running_median_is_the_median_of_the_neighbours(values, width) -> None:
    """Against the obvious way, at the ends too."""
    found = curves.smooth(np.array(values), width)
    half = width // 2
    for place, value in enumerate(found):
        assert value == np.median(values[max(0, place - half) : place + half + 1])


def test_a_few_strange_values_do_not_move_the_spread() -> None:
    """It is the standard deviation of a normal sample, and stays it with a tenth of outliers."""
    drawn = np.random.default_rng(0).normal(size=4000)
    assert curves.spread(drawn) == pytest.approx(1.0, abs=0.05)
    drawn[:400] = 1e6
    assert curves.spread(drawn) == pytest.approx(1.0, abs=0.2)
    assert curves.spread(np.array([])) == 0.0
