"""Steps that jump, and the examples that made them jump."""

from __future__ import annotations

import math
import tomllib
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
    shown = seen()
    found = spikes.spikes(shown)
    assert found.strength == 1.0
    assert set(found.items[:2]) == {"i7", "i22"}
    back = tomllib.loads(found.setting)["training"]["rewind"]
    assert set(back.pop("without")) == {"i7", "i22"}
    first = spikes.jumps(shown)[0].step
    assert back == {"recipe": shown.record.recipe.digest[:12], "after": first - 1}
    assert f"go on from step {first - 1} without" in found.remedy


def test_a_jump_is_noticed_while_the_training_runs() -> None:
    """The last loss is far above those before it, by their spread and by what the start was."""
    calm = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.1, 0.9]
    assert spikes.jumped([*calm, 2.5], start=3.0)
    assert not spikes.jumped([*calm, 1.6], start=3.0)
    assert not spikes.jumped([*calm, 2.5], start=9.0)
    assert not spikes.jumped([1.0, 5.0, 0.2, 3.0, 0.1, 4.0, 1.0, 2.0, 0.1, 6.0], start=3.0)
    assert not spikes.jumped([1.0, 9.0], start=3.0)


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


def test_bad_examples_are_told_where_all_others_were_known_before() -> None:
    """The typical loss is 0 from the start, and no scale: the mean is."""
    shown = seen(lambda _, place: 8.0 if place in BAD else 0.0)
    assert shown.start == 0.0
    found = spikes.spikes(shown)
    assert found.strength == 1.0
    assert set(found.items[:2]) == {"i7", "i22"}
