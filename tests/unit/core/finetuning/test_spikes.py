"""Steps that jump, and the examples that made them jump."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from escalera.core.finetuning import curves, learning, spikes
from escalera.core.finetuning.learning import Progress
from escalera.testing import records

BAD = {7, 22}


def curve(step: int, place: int) -> float:
    """Two examples are never learned, and are worse than anything before."""
    return 8.0 if place in BAD else 2 * math.exp(-step / 4) + 0.01


def seen(loss=curve) -> Progress:
    """What the rules look at."""
    made = records.record(loss, norm=lambda step: 6.0 if step % 8 in (2, 5) else 1.0)
    return learning.progress(made, curves.course(made.signals))


def test_the_steps_of_bad_examples_jump() -> None:
    """Each of both is met once in every eight steps; the first time all losses are high."""
    found = spikes.jumps(seen())
    assert {jump.step % 8 for jump in found} == {2, 5}
    assert all(jump.norm == 6.0 for jump in found)


def test_bad_examples_head_the_list_and_are_to_be_left_out() -> None:
    """Ten are shown; those that put in next to nothing are not left out."""
    found = spikes.spikes(seen())
    assert found.strength == 1.0
    assert set(found.items[:2]) == {"i7", "i22"}
    assert set(json.loads(found.setting.removeprefix("training.without = "))) == {"i7", "i22"}


def test_a_smooth_training_has_no_suspect_that_matters() -> None:
    """Nor has one in which many examples are bad."""
    assert spikes.spikes(seen(lambda step, _: 2 * math.exp(-step / 4))) is None
    assert spikes.spikes(seen(lambda s, p: 8.0 if p % 3 == 0 else curve(s, 0))) is None


def test_suspects_need_a_log_that_tells_of_examples() -> None:
    """Another engine's does not: then nothing is said of them."""
    made = records.record(curve)
    mute = replace(made, signals=tuple(replace(one, samples=()) for one in made.signals))
    found = learning.progress(mute, curves.course(mute.signals))
    assert spikes.suspects(found) == ()
    assert spikes.spikes(found) is None
