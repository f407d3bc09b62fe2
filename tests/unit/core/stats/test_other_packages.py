"""The same intervals as evalstats and evalsig give, where their definitions are ours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evalsig.inference.sequential import confidence_sequence
from evalstats.core import resampling

from escalera.core.stats import asymptotic, clustering, distributions, mean, paired

ALPHAS = pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])


def pairs(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Right/wrong answers of two systems that agree on seven items of ten, or by chance."""
    first = (rng.random(n) < rng.random()).astype(float)
    second = np.where(rng.random(n) < 0.7, first, (rng.random(n) < 0.5).astype(float))
    return first, second


@ALPHAS
def test_right_and_wrong_pairs_are_tangos_interval(alpha: float) -> None:
    """Ours bisects the score test; evalstats solves a quartic (Chang et al. 2024) without the
    correction for continuity.
    """
    rng = np.random.default_rng(1)
    for n in (5, 20, 60, 200) * 10:
        first, second = pairs(rng, n)
        found = paired.interval(first, second, alpha=alpha, rule="wider of two")
        expected = resampling.tango_scc_paired_ci(first, second, alpha, c=0.0)
        assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-9)


@ALPHAS
def test_a_share_is_wilsons_interval(alpha: float) -> None:
    """From none right to all right."""
    for n, right in ((10, 0), (10, 10), (37, 5), (400, 399)):
        scores = [1.0] * right + [0.0] * (n - right)
        found = mean.interval(scores, alpha=alpha, rule="wider of two")
        assert (found.lower, found.upper) == pytest.approx(
            resampling.wilson_ci(right, n, alpha), abs=1e-12
        )


@ALPHAS
def test_graded_pairs_are_the_t_interval_of_differences(alpha: float) -> None:
    """Without clusters."""
    rng = np.random.default_rng(2)
    for n in (5, 30, 300):
        first, second = rng.random((2, n))
        found = paired.interval(first, second, alpha=alpha, rule="wider of two")
        expected = resampling.t_interval_ci_1d(first - second, alpha)
        assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-12)


def test_the_clustered_error_is_that_of_obuchowskis_interval() -> None:
    """Modified Obuchowski (Yang et al. 2010): the normal interval with our cluster-robust error.

    The intervals themselves differ on purpose: ours has t on G - 1 degrees of freedom and, for
    right and wrong, a score form by the design effect.
    """
    rng = np.random.default_rng(3)
    z = -distributions.normal_quantile(0.025)
    for clusters, size in ((6, 3), (20, 5), (60, 2)):
        shares = rng.uniform(0.2, 0.8, (clusters, 1))
        first, second = (rng.random((2, clusters, size)) < shares).astype(float)
        labels = np.repeat(np.arange(clusters), size)
        found = clustering.robust_mean((first - second).ravel(), labels)
        lower, upper = resampling.modified_obuchowski_paired_ci(first, second)
        assert found.value == pytest.approx((lower + upper) / 2, abs=1e-12)
        assert found.standard_error == pytest.approx((upper - lower) / 2 / z, abs=1e-12)


@pytest.mark.parametrize("steps", [100, 400, 2000])
def test_the_asymptotic_sequence_is_evalsigs_but_for_the_long_tail(steps: int) -> None:
    """With rho = 1/r for our t*; ours moves the end in the long tail further out."""
    values = np.random.default_rng(steps).exponential(1.0, steps)
    plan = asymptotic.Plan(planned=300, floor=1e-6)
    found = asymptotic.read(asymptotic.update(asymptotic.init(plan), values)).interval
    log = -2.0 * math.log(plan.alpha)
    rho = math.sqrt(plan.planned / (log + math.log(log) + 1.0))
    lower, upper = confidence_sequence(values, alpha=plan.alpha, rho=rho).ci
    assert found.lower == pytest.approx(lower, rel=1e-9)
    assert found.upper > upper
