"""Priors are distributions, and speak of what they say."""

import numpy as np
import pytest
from scipy import stats

from escalera.core.finetuning import curve_prior, shapes
from escalera.core.finetuning.curve_prior import LEARNED, NOISES, WANDERS, CurvePrior

PRIORS = [CurvePrior(), LEARNED, CurvePrior(power=3.0, exponent=(0.3, 0.2), floor=(2.0, 5.0))]


@pytest.mark.parametrize("prior", PRIORS, ids=["plain", "learned", "narrow"])
def test_probabilities_sum_to_one(prior: CurvePrior) -> None:
    """Over curves, and over both scales."""
    grid = shapes.grid(1.0)
    assert float(np.exp(curve_prior.log_weights(prior, grid)).sum()) == pytest.approx(1.0)
    for logs in curve_prior.log_scales(prior):
        assert float(np.exp(logs).sum()) == pytest.approx(1.0)


def test_parts_of_the_prior_are_its_marginals() -> None:
    """Families by their odds, exponents log-normal, floors by the Beta distribution of SciPy."""
    prior = CurvePrior(power=1.0, stretched=-1.0, exponent=(0.5, 0.6), floor=(2.0, 4.0), flat=0.1)
    grid = shapes.grid(1.0)
    weight = np.exp(curve_prior.log_weights(prior, grid))
    bent = grid.floor < 1.0
    odds = np.exp([1.0, -1.0, 0.0])
    for i, share in enumerate(odds / odds.sum()):
        assert weight[bent & (grid.family == i)].sum() == pytest.approx(0.9 * share)
    density = stats.norm.pdf(np.log(shapes.EXPONENTS), np.log(0.5), 0.6)
    for exponent, share in zip(shapes.EXPONENTS, density / density.sum(), strict=True):
        assert weight[bent & (grid.exponent == exponent)].sum() == pytest.approx(0.9 * share)
    inner = np.array(shapes.FLOORS[:-1])
    edges = np.concatenate([[0.0], 0.5 * (inner[1:] + inner[:-1]), [1.0]])
    masses = np.diff(stats.beta(2.0, 4.0).cdf(edges))
    for floor, mass in zip(inner, masses, strict=True):
        assert weight[grid.floor == floor].sum() == pytest.approx(0.9 * mass, abs=2e-3)
    assert weight[~bent].sum() == pytest.approx(0.1)


def test_scales_peak_at_their_median() -> None:
    """The likeliest cell of the grid is that of the median."""
    prior = CurvePrior(wander=(0.06, 0.5), noise=(0.08, 0.5))
    wander, noise = curve_prior.log_scales(prior)
    assert WANDERS[int(np.argmax(wander))] == 0.06
    assert NOISES[int(np.argmax(noise))] == 0.08
