"""Probabilities agree with SciPy, in the middle and far out in the tails."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import distributions

FREEDOMS = (1, 2, 3, 4.5, 7, 19, 49, 199, 999, 12_345, 1e6)
TAILS = (1e-130, 1e-30, 1e-12, 1e-7, 1e-3, 0.025, 0.2, 0.4999, 0.5, 0.6, 0.975, 0.999999)


def test_normal_matches_scipy() -> None:
    """The normal cdf and quantile keep 1e-12 relative accuracy down to z = -37."""
    for z in np.linspace(-37, 8, 200):
        assert distributions.normal_cdf(z) == pytest.approx(scipy.stats.norm.cdf(z), rel=1e-12)
    for p in TAILS:
        assert distributions.normal_quantile(p) == pytest.approx(
            scipy.stats.norm.ppf(p), rel=1e-12, abs=1e-15
        )


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_student_t_tail_matches_scipy(freedom: float) -> None:
    """The upper tail of Student's t keeps 1e-10 relative accuracy for all degrees of freedom."""
    for t in (0.0, 1e-3, 0.3, 1.0, 1.96, 3.0, 5.0, 8.0, 20.0, 300.0):
        expected = scipy.stats.t.sf(t, freedom)
        if expected > 1e-250:
            assert distributions.student_t_sf(t, freedom) == pytest.approx(expected, rel=1e-10)
        assert distributions.student_t_cdf(t, freedom) == pytest.approx(1 - expected, rel=1e-12)
        assert distributions.student_t_cdf(-t, freedom) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_student_t_quantile_inverts_the_tail(freedom: float) -> None:
    """The quantile returns to its probability to 1e-12, where SciPy's own loses digits."""
    for tail in TAILS:
        t = distributions.student_t_isf(tail, freedom)
        assert distributions.student_t_sf(t, freedom) == pytest.approx(tail, rel=1e-11)
        if tail > 1e-12:
            assert t == pytest.approx(scipy.stats.t.isf(tail, freedom), rel=1e-9, abs=1e-10)
    assert distributions.student_t_quantile(0.975, freedom) == pytest.approx(
        scipy.stats.t.ppf(0.975, freedom), rel=1e-10
    )


def test_student_t_near_zero_beats_scipy() -> None:
    """At t = 1e-9 the Cauchy tail is 1/2 - t/pi, which SciPy misses by 6e-10."""
    found = distributions.student_t_sf(1e-9, 1)
    assert found == pytest.approx(0.5 - 1e-9 / math.pi, rel=1e-15)


def test_student_t_golden_table() -> None:
    """Two-sided 5 % points of the printed t table: 12.706, 2.776, 2.042, 1.960."""
    for freedom, expected in ((1, 12.706), (4, 2.776), (30, 2.042), (math.inf, 1.960)):
        found = distributions.student_t_quantile(0.975, freedom)
        assert round(found, 3) == pytest.approx(expected)


@given(z=st.floats(-12, 12), freedom=st.integers(1, 5000))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_t_and_z_map_to_each_other(z: float, freedom: int) -> None:
    """Mapping z to t and back loses nothing, and t lies further out than z."""
    t = distributions.t_from_z(z, freedom)
    assert abs(t) >= abs(z) - 1e-9
    assert distributions.z_from_t(t, freedom) == pytest.approx(z, rel=1e-10, abs=1e-12)


def test_infinite_degrees_of_freedom_are_normal() -> None:
    """With infinite degrees of freedom tail, quantile and both maps are the normal's."""
    assert distributions.student_t_sf(1.3, math.inf) == distributions.normal_cdf(-1.3)
    assert distributions.student_t_quantile(0.9, math.inf) == pytest.approx(1.2815515655, rel=1e-9)
    assert distributions.z_from_t(-2.5, math.inf) == pytest.approx(-2.5, rel=1e-14)
    assert distributions.t_from_z(2.5, math.inf) == pytest.approx(2.5, rel=1e-14)


def test_quantile_is_symmetric() -> None:
    """The lower quantile is minus the upper one."""
    assert distributions.student_t_quantile(0.25, 3) == -distributions.student_t_quantile(0.75, 3)


def test_certain_events_of_a_binomial() -> None:
    """With probability 0 or 1 all mass lies at one count."""
    assert distributions.binomial_sf(2, 5, 0.0) == 0.0
    assert distributions.binomial_sf(2, 5, 1.0) == 1.0
    assert distributions.binomial_sf(6, 5, 0.4) == 0.0
    assert distributions.binomial_pmf(9, 5, 0.4) == 0.0
    assert distributions.binomial_pmf(2, 5, 0.0) == 0.0


def test_huge_t_statistics_stay_finite() -> None:
    """A t statistic beyond any tail gives a large finite z, so no infinity enters a journal."""
    assert distributions.z_from_t(1e200, 400) == pytest.approx(25.15, abs=1e-1)
    assert distributions.z_from_t(-math.inf, 400) == pytest.approx(-25.15, abs=1e-1)


def test_mid_tails_halve_what_was_seen() -> None:
    """SciPy's tail beyond the count and half of the count; both tails add up to 1."""
    for trials in (1, 7, 60):
        for k in range(trials + 1):
            for p in (0.02, 0.5, 0.9):
                expected = scipy.stats.binom.sf(k, trials, p)
                expected += 0.5 * scipy.stats.binom.pmf(k, trials, p)
                found = distributions.binomial_mid_sf(k, trials, p)
                assert found == pytest.approx(expected, rel=1e-10)
                lower = distributions.binomial_mid_sf(trials - k, trials, 1 - p)
                assert found + lower == pytest.approx(1.0, rel=1e-12)


def test_mid_tails_join_fractional_counts() -> None:
    """Between two counts the tail lies between theirs."""
    tails = [distributions.binomial_mid_sf(k, 20, 0.3) for k in np.linspace(0, 20, 81)]
    assert all(one > other for one, other in itertools.pairwise(tails))


def test_mid_tails_of_almost_nothing() -> None:
    """Counts far below one, as a design effect may leave of one loss, agree with SciPy, too."""
    for k in (0.3, 1e-3, 1e-6, 1e-9, 1e-12, 1e-100):
        for p in (0.0076, 0.5):
            expected = scipy.special.betainc(k, 129 - k, p) + scipy.special.betainc(
                k + 1, 128 - k, p
            )
            found = distributions.binomial_mid_sf(k, 128, p)
            assert found == pytest.approx(0.5 * expected, rel=1e-12)


def test_binomial_matches_scipy() -> None:
    """Binomial tails and masses agree with SciPy to 1e-11, edges included."""
    for trials in (1, 2, 17, 400, 50_000):
        for p in (0.003, 0.5, 0.81):
            for k in {0, 1, trials // 3, trials // 2, int(trials * p), trials}:
                expected = scipy.stats.binom(trials, p)
                if expected.pmf(k) < 1e-250:
                    continue
                assert distributions.binomial_cdf(k, trials, p) == pytest.approx(
                    expected.cdf(k), rel=1e-11
                )
                assert distributions.binomial_sf(k, trials, p) == pytest.approx(
                    expected.sf(k - 1), rel=1e-11
                )
                assert distributions.binomial_pmf(k, trials, p) == pytest.approx(
                    expected.pmf(k), rel=1e-10
                )


@given(trials=st.integers(1, 60), successes=st.integers(-1, 61), p=st.floats(0.01, 0.99))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_binomial_tails_match_the_plain_sum(trials: int, successes: int, p: float) -> None:
    """The incomplete beta gives what adding the masses one by one gives."""
    masses = [math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(trials + 1)]
    lower = math.fsum(masses[: max(successes + 1, 0)])
    upper = math.fsum(masses[max(successes, 0) :])
    assert distributions.binomial_cdf(successes, trials, p) == pytest.approx(lower, rel=1e-10)
    assert distributions.binomial_sf(successes, trials, p) == pytest.approx(upper, rel=1e-10)
    mass = masses[successes] if 0 <= successes <= trials else 0.0
    assert distributions.binomial_pmf(successes, trials, p) == pytest.approx(mass, rel=1e-10)


def test_bad_arguments_are_refused() -> None:
    """Probabilities at the edge, no degrees of freedom and impossible binomials raise."""
    for p in (0.0, 1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            distributions.normal_quantile(p)
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            distributions.student_t_quantile(p, 5)
    with pytest.raises(ValueError, match="must be positive"):
        distributions.student_t_sf(1.0, 0)
    with pytest.raises(ValueError, match="no binomial"):
        distributions.binomial_cdf(1, -1, 0.5)
    with pytest.raises(ValueError, match="no binomial"):
        distributions.binomial_sf(1, 3, 1.5)
