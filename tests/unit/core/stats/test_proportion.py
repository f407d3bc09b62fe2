"""Wilson's interval and the score test agree with statsmodels, the literature and each other."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from escalera.core.stats import distributions, proportion


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 3), (7, 9), (81, 263), (400, 400), (1, 1)])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_wilson_matches_statsmodels(k: int, n: int, alpha: float) -> None:
    """The interval equals statsmodels' for inner counts and edges."""
    found = proportion.wilson(k, n, alpha=alpha)
    lower, upper = proportion_confint(k, n, alpha=alpha, method="wilson")
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-12)


def test_wilson_golden_newcombe() -> None:
    """Newcombe (1998), table I: 81/263 gives .2553-.3662 and 0/20 gives 0-.1611."""
    found = proportion.wilson(81, 263)
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.2553, 0.3662)
    edge = proportion.wilson(0, 20)
    assert (edge.lower, round(edge.upper, 4)) == (0.0, 0.1611)


def test_score_test_matches_statsmodels() -> None:
    """z and p equal the z test with the null's variance."""
    found = proportion.score_test(45, 60, bar=0.6)
    z, p_value = proportions_ztest(45, 60, 0.6, prop_var=0.6)
    assert (found.z, found.p_value) == pytest.approx((z, p_value), rel=1e-12)


@given(n=st.integers(1, 500), share=st.floats(0, 1), alpha=st.floats(0.001, 0.4))
@settings(derandomize=True, max_examples=80, deadline=None)
def test_interval_and_test_are_dual(n: int, share: float, alpha: float) -> None:
    """At an inner end of the interval the score test has p = alpha exactly."""
    k = round(share * n)
    found = proportion.wilson(k, n, alpha=alpha)
    for end in (found.lower, found.upper):
        if 1e-9 < end < 1 - 1e-9:
            assert proportion.score_test(k, n, bar=end).p_value == pytest.approx(alpha, rel=1e-6)
    assert found.lower <= found.estimate <= found.upper


@pytest.mark.parametrize("n", [1, 5, 30])
def test_mid_p_of_none_right_is_half_of_a_tail(n: int) -> None:
    """None of n right: (1 - p)^n / 2 = 2.5 % at the upper end; all right mirrors it."""
    lower, upper = proportion.mid_p(0, n)
    assert (lower, upper) == (0.0, pytest.approx(1 - 0.05 ** (1 / n), rel=1e-9))
    assert proportion.mid_p(n, n) == (pytest.approx(1 - upper, rel=1e-9), 1.0)


@given(n=st.integers(1, 300), share=st.floats(0, 1), alpha=st.floats(0.001, 0.4))
@example(n=128, share=1.1125369292536007e-308, alpha=0.375)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_mid_p_and_its_deviate_are_dual(n: int, share: float, alpha: float) -> None:
    """At an inner end |z| is critical; fractional counts, too."""
    critical = -distributions.normal_quantile(alpha / 2)
    for k in (round(share * n), share * n):
        for end in proportion.mid_p(k, n, alpha=alpha):
            if 1e-9 < end < 1 - 1e-9:
                z = proportion.mid_p_z(k, n, bar=end)
                assert abs(z) == pytest.approx(critical, rel=1e-6)


def test_bad_counts_are_refused() -> None:
    """More successes than trials, no trials and bars at the edge raise."""
    for k, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="are no share"):
            proportion.wilson(k, n)
    with pytest.raises(ValueError, match=r"bar 1\.0"):
        proportion.score_test(1, 2, bar=1.0)
    with pytest.raises(ValueError, match="alpha"):
        proportion.wilson(1, 2, alpha=0.0)
