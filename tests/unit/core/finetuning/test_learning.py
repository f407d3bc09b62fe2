"""How a training went: every rule on a course that shows it, and on one that does not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from escalera.core.finetuning import curves, learning
from escalera.core.finetuning.learning import Progress
from escalera.core.finetuning.record import Held
from escalera.domain.levers import Trainable
from escalera.testing import records

RULES = (
    learning.rate_high,
    learning.rate_low,
    learning.few_steps,
    learning.overfit,
    learning.noise,
    learning.underfit,
)


def seen(curve, **given) -> Progress:
    """What the rules look at."""
    made = records.record(curve, **given)
    return learning.progress(made, curves.course(made.signals))


def fall(step: int, _: int) -> float:
    """Learned within some steps."""
    return 3 * math.exp(-step / 4) + 0.01


def test_a_sound_training_shows_nothing() -> None:
    """None of the rules finds anything that is worth a word."""
    found = [rule(seen(fall)) for rule in RULES]
    assert [one for one in found if one is not None and one.strength >= 0.5] == []


def test_a_loss_that_rises_for_all_examples_is_a_rate_too_high() -> None:
    """The remedy is a tenth of it."""
    found = learning.rate_high(seen(lambda step, _: 1.0 if step < 5 else 4.0, held=(0, 0)))
    assert found.strength == 1.0
    assert found.setting == "training.learning_rate = 0.0005"


def test_a_rise_is_held_against_the_mean_where_the_typical_example_is_known_before() -> None:
    """Who knows six in ten by heart loses a little of them while the others are learned: no rise
    of many times next to nothing."""

    def half_known(step: int, place: int) -> float:
        return max(0.0002, 0.1 if 2 < step < 8 else 0.0) if place % 5 < 3 else fall(step, place)

    met = seen(half_known, held=(0.5, 0.8))
    assert met.start < 0.001
    assert 0 < met.rise < 0.35
    assert learning.rate_high(met) is None


def test_gradients_that_vanish_unlearned_are_a_rate_too_high() -> None:
    """No rise: the loss fell to what any answer has, and stays there."""
    flat = seen(
        lambda step, _: max(1.5, 6.0 - step),
        rate=0.3,
        norm=lambda step: 5.0 if step < 5 else 0.05,
        held=(0.0, 0.0),
    )
    assert flat.rise == 0
    assert learning.rate_high(flat).strength == 1.0
    mild = replace(flat, reach=0.1)
    assert learning.rate_high(mild) is None


def test_a_training_that_learned_has_no_rate_too_high() -> None:
    """Whatever happened in between."""
    assert learning.rate_high(seen(lambda s, _: 4.0 if s == 9 else 0.1, held=(0, 0.95))) is None


def test_little_learned_in_many_steps_is_a_rate_too_low() -> None:
    """The remedy is ten times of it."""
    found = learning.rate_low(seen(lambda step, _: 2.0 - step / 1000, rate=1e-5, held=(0, 0)))
    assert found.strength == 1.0
    assert found.setting == "training.learning_rate = 0.0001"
    assert found.words.endswith(", and the weights can hardly have moved")
    still = learning.rate_low(seen(lambda *_: 2.0, rate=5e-3, held=(0, 0)))
    assert still.words == "in 32 steps the loss went from 2.00 to 2.00"


def test_what_was_known_before_does_not_hide_that_the_rest_was_learned() -> None:
    """The typical example went from next to nothing to a little; the mean fell, and the rate is
    not too low."""

    def half_known(step: int, place: int) -> float:
        return (0.0002 if step < 5 else 0.02) if place % 5 < 3 else fall(step, place)

    met = seen(half_known, held=(0.4, 0.6))
    assert met.start < met.end
    assert met.fall > 1
    assert learning.rate_low(met) is None


@pytest.mark.parametrize(
    "changes", [{"held": (0.0, 0.9)}, {"epochs": 1, "batch": 10}, {"rate": 0.01}]
)
def test_no_rate_is_too_low_where_much_is_known_or_few_steps_were_done(changes) -> None:
    """Or where the loss fell and weights can have moved."""
    given = {"rate": 1e-5, "held": (0.0, 0.0)} | changes
    curve = fall if "rate" in changes else (lambda step, _: 2.0 - step / 1000)
    assert learning.rate_low(seen(curve, **given)) is None


def test_an_end_in_the_middle_of_the_fall_is_too_few_steps() -> None:
    """The remedy has more epochs."""
    found = learning.few_steps(seen(fall, epochs=1, held=(0.0, 0.3)))
    assert found.strength == 1.0
    assert found.setting == "training.epochs = 3"
    assert learning.few_steps(seen(fall, held=(0.0, 1.0))) is None


def test_examples_by_heart_and_other_items_not_is_overfitting() -> None:
    """With the score at its best, and fewer epochs than there were."""
    found = learning.overfit(seen(fall, epochs=10, held=(0.0, 0.5, 0.4)))
    assert found.strength == 1.0
    assert found.setting == "training.epochs = 5"
    assert learning.overfit(seen(fall, held=(0.0, 0.95))).strength < 0.5


def test_nothing_is_overfit_where_other_items_were_not_asked() -> None:
    """It cannot be known."""
    assert learning.overfit(seen(fall, held=())) is None


def test_examples_that_stay_wrong_while_others_like_them_are_learned_are_noise() -> None:
    """All of them named, the worst first."""
    bad = {4, 11, 17, 23, 28, 30, 33, 36}
    found = learning.noise(
        seen(lambda s, p: 3.0 + p / 100 if p in bad else fall(s, p), held=(0.0, 0.95))
    )
    assert found.strength > 0.6
    assert set(found.items) == {f"i{n}" for n in bad}
    assert found.items[0] == "i36"


def test_a_few_bad_examples_are_no_bad_labelling() -> None:
    """They put in all of the excess."""
    assert learning.noise(seen(lambda s, p: 9.0 if p < 2 else fall(s, p))) is None


def test_a_loss_that_stays_high_is_underfitting() -> None:
    """More rank for an adapter, another choice of weights otherwise."""
    flat = {"held": (0.0, 0.1), "epochs": 8}
    found = learning.underfit(seen(lambda s, p: 2.0 + fall(s, p), **flat))
    assert found.setting == "training.weights.rank = 64"
    own = Trainable(method="partial", layers=("norm",))
    other = learning.underfit(seen(lambda s, p: 2.0 + fall(s, p), trainable=own, **flat))
    assert other.setting == 'training.weights.method = "lora"'


def test_steps_that_do_not_tell_their_examples_are_judged_by_their_loss() -> None:
    """As another engine leaves them: what needs examples is not said."""
    made = records.record(lambda step, _: 2.0 - step / 1000, rate=1e-5, held=(0.0, 0.0))
    mute = replace(made, signals=tuple(replace(one, samples=()) for one in made.signals))
    found = learning.progress(mute, curves.course(mute.signals))
    assert found.right == 0.0
    assert learning.rate_low(found).strength == 1.0
    assert learning.noise(found) is None


@pytest.mark.parametrize("objective", ["preference", "distillation"])
def test_losses_that_are_not_those_of_answers_do_not_say_what_is_known(objective) -> None:
    """Who prefers each right answer need not give it: nothing is told by heart, or not learned."""
    met = seen(fall, held=(0.5, 0.5))
    other = replace(met.record.recipe, objective=objective)
    asked = replace(met, record=replace(met.record, recipe=other))
    assert learning.overfit(met) is not None
    assert learning.overfit(asked) is learning.noise(asked) is learning.underfit(asked) is None


def test_a_preference_that_falls_is_no_rate_too_low() -> None:
    """However little the weights can have moved: what is learned is less than an answer."""
    met = seen(fall, rate=1e-5, held=(0.5, 0.5))
    assert learning.rate_low(met) is not None
    recipe = replace(met.record.recipe, objective="preference")
    assert learning.rate_low(replace(met, record=replace(met.record, recipe=recipe))) is None


def test_a_preference_that_makes_answers_unlikely_is_a_rate_too_high() -> None:
    """Others score less than before, though the loss fell; other trainings are told by their loss,
    and without scores nothing is known."""

    def prefers(*held: Held) -> Progress:
        met = seen(fall)
        recipe = replace(met.record.recipe, objective="preference")
        record = replace(met.record, recipe=recipe, held_out=held)
        return replace(met, record=record, held=held[-1].score if held else None)

    fell = Held(step=32, score=0.2, items=32, change=-0.3)
    found = learning.displaced(prefers(fell))
    assert (found.cause, found.strength) == ("rate too high", 1.0)
    assert "score 0.20, and 0.50 before" in found.words
    assert found.setting == "training.learning_rate = 0.0005"
    assert learning.displaced(prefers(replace(fell, change=0.0))).strength < 0.5
    assert learning.displaced(prefers(replace(fell, change=None))) is None
    assert learning.displaced(prefers()) is None
    met = seen(fall)
    assert learning.displaced(replace(met, record=replace(met.record, held_out=(fell,)))) is None
