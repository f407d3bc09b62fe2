"""The next training is the one that narrows the forecast most for its price."""

from dataclasses import replace

import numpy as np
import pytest

from escalera.core.finetuning import data_plan, futures, posterior, trainings
from escalera.core.finetuning.data_plan import Planned, Prices, Wish
from escalera.core.finetuning.trainings import Training
from escalera.errors import InputError

PRICES = Prices(fixed=20.0, per_example=1.0)


def measured(*plans: Planned, noise: float = 0.02, items: int = 300) -> list[Training]:
    """Trainings on a power law, with noise by size and chain."""
    return [
        Training(
            examples=p.examples,
            chain=p.chain,
            score=0.9
            - 0.5 * (1.0 + p.examples / 60.0) ** -0.8
            + noise
            * np.random.default_rng([p.examples, p.chain]).normal()
            * (60 / p.examples) ** 0.5,
            items=items,
        )
        for p in plans
    ]


def test_sizes_are_nested_halves() -> None:
    """Of the examples at hand, not below eight."""
    assert data_plan.sizes(375) == (23, 46, 93, 187, 375)
    assert data_plan.sizes(40) == (10, 20, 40)
    with pytest.raises(InputError, match="gather at least 32"):
        data_plan.sizes(31)


def test_the_opening_is_enough_for_a_forecast() -> None:
    """Every size once, and a second chain below the largest."""
    opening = data_plan.opening(400)
    assert [p.examples for p in opening if p.chain == 0] == [25, 50, 100, 200, 400]
    assert [p.examples for p in opening if p.chain == 1] == [25, 50, 100, 200]
    posterior.fit(trainings.points(measured(*opening)))


def test_a_training_is_advised_until_the_forecast_is_narrow() -> None:
    """Each is one that was not made; the deviation is that of drawn curves."""
    some = measured(*data_plan.opening(400))
    made = {(t.examples, t.chain) for t in some}
    advice = data_plan.advise(some, Wish(target=1600, deviation=0.001), PRICES)
    assert advice.training is not None
    assert advice.reason is None
    assert (advice.training.examples, advice.training.chain) not in made
    assert advice.price == 20.0 + advice.training.examples
    assert advice.afterwards < 0.95 * advice.deviation + 1e-12
    drawn = futures.draw(posterior.fit(trainings.points(some)), [1600], item_error=0.0)
    assert advice.deviation == pytest.approx(float(drawn.expected.std()), rel=0.15)
    wide = data_plan.advise(some, Wish(target=1600, deviation=0.5), PRICES)
    assert (wide.training, wide.reason) == (None, "narrow enough")


def test_what_is_not_affordable_is_not_advised() -> None:
    """Down to nothing."""
    some = measured(*data_plan.opening(400))
    free = data_plan.advise(some, Wish(target=1600, deviation=0.001), PRICES)
    none = data_plan.advise(some, Wish(target=1600, deviation=0.001, budget=1.0), PRICES)
    assert free.training is not None
    assert (none.training, none.reason) == (None, "budget")


def test_dear_examples_make_small_trainings_better() -> None:
    """The size advised does not grow with the price of an example."""
    some = measured(*data_plan.opening(400), noise=0.05, items=80)
    wish = Wish(target=1600, deviation=0.001)
    sizes = []
    for each in (0.0, 0.1, 10.0):
        advice = data_plan.advise(some, wish, Prices(fixed=20.0, per_example=each))
        sizes.append(0 if advice.training is None else advice.training.examples)
    assert sizes == sorted(sizes, reverse=True)


def test_where_everything_was_tried_nothing_helps() -> None:
    """All chains of all sizes."""
    plans = [
        Planned(examples=n, chain=c) for n in data_plan.sizes(400) for c in range(data_plan.CHAINS)
    ]
    advice = data_plan.advise(measured(*plans), Wish(target=1600, deviation=1e-6), PRICES)
    assert (advice.training, advice.reason) == (None, "nothing helps")


def test_the_score_expected_of_a_training_is_that_of_conditional_normals() -> None:
    """Of one curve: the joint normal of all errors, conditioned on those measured and on A."""
    some = measured(*data_plan.opening(400))
    found = posterior.fit(trainings.points(some))
    plan = Planned(examples=200, chain=2)
    mean, variance, passed = data_plan._score(found, plan)
    which = int(np.argmax(found.weight))
    points = data_plan._with(found.points, plan)
    walk, choice, flips = posterior.parts(points, found.flips)
    cov = found.wander[which] ** 2 * walk + found.noise[which] ** 2 * choice + flips
    heights = found.shapes.take(np.array([which])).relative_error(points.examples)[0]
    joint = cov + 1e6 * np.outer(heights, heights)  # A with a flat prior, marginalised
    gain = np.linalg.solve(joint[:-1, :-1], joint[:-1, -1])
    assert mean[which] == pytest.approx(gain @ found.points.error, abs=1e-5)
    assert variance[which] == pytest.approx(joint[-1, -1] - gain @ joint[:-1, -1], abs=1e-6)
    assert 0.0 < passed[which] <= 1.5


def test_repeating_a_training_tells_less_than_another_subset() -> None:
    """The same chain again shares all of its luck with the choice of examples."""
    some = measured(*data_plan.opening(400), noise=0.05)
    found = posterior.fit(trainings.points(some))
    other = data_plan.explained(found, Planned(examples=100, chain=2), 1600)
    again = data_plan.explained(found, Planned(examples=100, chain=0), 1600)
    assert other > again > 0.0
    assert replace(found, flips=0.0).flips == 0.0
