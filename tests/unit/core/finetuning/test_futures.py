"""Drawn curves have the moments of the posterior, and luck is added where a question has it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from escalera.core.finetuning import futures, posterior, trainings
from escalera.core.finetuning.posterior import Posterior
from escalera.core.finetuning.shapes import Shapes
from escalera.core.finetuning.trainings import Training
from escalera.core.stats import clustering

SIZES = [100, 200, 400]
RIGHT = [0.8, 1 - 0.2 * 5 / 9, 1 - 0.2 * 5 / 17]


def one_curve() -> Posterior:
    """A posterior of a single curve: error 1 / (1 + n / 25)."""
    measured = [Training(examples=n, chain=0, score=0.8, items=400) for n in (25, 50, 100)]
    return Posterior(
        points=trainings.points(measured),
        shapes=Shapes(
            reference=100.0,
            family=np.array([0]),
            exponent=np.array([1.0]),
            scale=np.array([0.25]),
            floor=np.array([0.0]),
        ),
        weight=np.ones(1),
        level=np.array([0.2]),
        spread=np.array([1e-9]),
        wander=np.zeros(1),
        noise=np.zeros(1),
        flips=0.0,
    )


def test_without_any_doubt_there_is_the_curve() -> None:
    """Every draw is the same, by whatever question."""
    drawn = futures.draw(one_curve(), SIZES, item_error=0.0)
    for scores in (drawn.measured(), drawn.population(), drawn.expected):
        assert scores.shape == (futures.DRAWN, 3)
        assert scores.min(axis=0).tolist() == pytest.approx(RIGHT, abs=1e-6)
        assert scores.max(axis=0).tolist() == pytest.approx(RIGHT, abs=1e-6)


def test_wandering_is_an_integrated_random_walk() -> None:
    """In logits: variance d^3 / 3 after d doublings, Cov(1, 2) = 1 (6 - 1) / 6; none at 0."""
    drawn = futures.draw(replace(one_curve(), wander=np.array([0.1])), SIZES, item_error=0.0)
    logits = np.log(drawn.expected / (1.0 - drawn.expected)) - np.log(
        np.array(RIGHT) / (1.0 - np.array(RIGHT))
    )
    found = np.cov(logits.T) / 0.01
    assert found[0].tolist() == pytest.approx([0.0] * 3, abs=1e-7)
    assert found[1, 1] == pytest.approx(1.0 / 3.0, rel=0.1)
    assert found[2, 2] == pytest.approx(8.0 / 3.0, rel=0.1)
    assert found[1, 2] == pytest.approx(5.0 / 6.0, rel=0.1)


def test_luck_of_a_training_and_of_the_items() -> None:
    """One training adds choice of examples and flips, other items one shift to a whole curve."""
    found = replace(one_curve(), noise=np.array([0.04]), flips=0.5)
    drawn = futures.draw(found, SIZES, item_error=0.02)
    variance = np.array(RIGHT) * (1.0 - np.array(RIGHT))
    right = 0.04**2 * variance * 100.0 / np.array(SIZES) + 0.5 * variance / 400.0
    assert drawn.luck.var(axis=0) == pytest.approx(right, rel=0.1)
    shift = drawn.elsewhere
    level = float(found.points.level[-1])
    assert shift[:, 0].std() == pytest.approx(
        0.02 * math.sqrt(variance[0] / level / (1 - level)), rel=0.05
    )
    assert np.corrcoef(shift.T)[0] == pytest.approx([1.0] * 3)


def test_a_mixture_is_drawn_by_its_weights() -> None:
    """One in four draws is of the second curve, and levels have their spread."""
    first = one_curve()
    both = replace(
        first,
        shapes=first.shapes.take(np.array([0, 0])),
        weight=np.array([0.75, 0.25]),
        level=np.array([0.15, 0.1]),
        spread=np.array([1e-9, 0.01]),
        wander=np.zeros(2),
        noise=np.zeros(2),
    )
    drawn = 1.0 - futures.draw(both, [100], item_error=0.0).expected[:, 0]
    second = drawn[np.abs(drawn - 0.15) > 1e-6]
    assert len(second) == pytest.approx(futures.DRAWN / 4, abs=1)
    assert (second.mean(), second.std()) == pytest.approx((0.1, 0.01), rel=0.05)


def test_error_of_the_items_is_cluster_robust() -> None:
    """Of the means of items over trainings of the largest size; without scores, the largest one."""
    rng = np.random.default_rng(3)
    scores = [(rng.random(60) < 0.7).astype(float).tolist() for _ in range(4)]
    labels = [i // 3 for i in range(60)]
    measured = [
        trainings.of_scores(n, c, scores[2 * (n == 80) + c]) for n in (40, 80) for c in (0, 1)
    ]
    means = np.mean(scores[2:], axis=0)
    assert futures.item_error(measured, labels) == pytest.approx(
        clustering.robust_mean(means, labels).standard_error
    )
    plain = [replace(t, scores=()) for t in measured]
    level = ((1.0 - means.mean()) * 60 + 0.5) / 61
    assert futures.item_error(plain) == pytest.approx(math.sqrt(level * (1 - level) / 60))


def test_items_that_all_tie_leave_doubt() -> None:
    """Sixty items right are not certainty."""
    measured = [trainings.of_scores(n, 0, [1.0] * 60) for n in (20, 40, 80)]
    assert 0.005 < futures.item_error(measured) < 0.02
    found = posterior.fit(trainings.points(measured))
    drawn = futures.draw(found, [160], item_error=futures.item_error(measured)).population()
    assert 0.95 < float(np.quantile(drawn, 0.025)) < 0.999
