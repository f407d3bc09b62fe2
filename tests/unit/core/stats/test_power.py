"""Planned numbers of items give the planned power, and planned differences are found."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower

from escalera.core.stats import power, proportion


def test_binary_numbers_match_the_textbook() -> None:
    """Fleiss' formula for 0.8 against 0.7: 153 items at 80 %, by hand from 1.96 and 0.8416."""
    by_hand = ((1.959964 * 0.21**0.5 + 0.841621 * 0.16**0.5) / 0.1) ** 2
    assert power.items_against_bar(mean=0.8, bar=0.7) == int(np.ceil(by_hand)) == 153


def test_graded_numbers_match_statsmodels() -> None:
    """With a variance it is the one-sample z test's number of statsmodels."""
    found = power.items_against_bar(mean=0.75, bar=0.7, variance=0.09, power=0.9)
    expected = NormalIndPower(ddof=0).solve_power(0.05 / 0.3, alpha=0.05, power=0.9, ratio=0)
    assert found == int(np.ceil(expected))
    paired = power.items_for_noninferiority(difference=0.03, margin=0.02, variance=0.09, power=0.9)
    assert paired == found


def test_a_second_sample_matches_statsmodels() -> None:
    """Two samples of one size, and of sizes that differ, by its two-sample z test."""
    for items in (150, 200, 400):
        found = power.items_beside(items=items, difference=0.1, variance=0.09, power=0.8)
        assert found is not None
        for n, reached in ((found, True), (found - 1, False)):
            said = NormalIndPower().power(0.1 / 0.3, items, 0.05, ratio=n / items)
            assert bool(said >= 0.8) is reached
    assert power.items_beside(items=10**9, difference=0.1, variance=0.09) == 71


def test_a_first_sample_may_be_too_small_for_any_second() -> None:
    """Its own error is larger than the difference; so is no difference at all."""
    assert power.items_beside(items=70, difference=0.1, variance=0.09) is None
    assert power.items_beside(items=72, difference=0.1, variance=0.09) is not None
    assert power.items_beside(items=72, difference=0.0, variance=0.09) is None


def test_planned_power_is_reached() -> None:
    """20,000 simulated samples of the planned size pass the bar about 80 times in 100."""
    n = power.items_against_bar(mean=0.85, bar=0.75)
    assert n is not None
    counts = np.random.default_rng(6).binomial(n, 0.85, 20_000)
    passing = {k for k in range(n + 1) if proportion.score_test(k, n, bar=0.75).z > 1.959964}
    share = np.isin(counts, list(passing)).mean()
    assert share == pytest.approx(0.8, abs=0.03)


def test_clusters_multiply_the_number() -> None:
    """The design effect multiplies the items."""
    plain = power.items_against_bar(mean=0.8, bar=0.7)
    doubled = power.items_against_bar(mean=0.8, bar=0.7, design_effect=2)
    assert plain is not None
    assert doubled is not None
    assert 2 * plain - 2 <= doubled <= 2 * plain


def test_unreachable_questions_have_no_number() -> None:
    """A mean at the bar or a difference at or below minus the margin cannot be proved."""
    assert power.items_against_bar(mean=0.7, bar=0.7) is None
    assert power.items_for_noninferiority(difference=-0.02, margin=0.02, variance=0.1) is None


@given(
    items=st.integers(5, 5000),
    bar=st.floats(0.02, 0.98),
    power_wanted=st.sampled_from([0.5, 0.8, 0.95]),
    effect=st.floats(1, 4),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_detectable_means_invert_the_items(
    items: int, bar: float, power_wanted: float, effect: float
) -> None:
    """The detectable mean needs no more than the items; a little nearer to the bar needs more."""
    plan = {"bar": bar, "power": power_wanted, "design_effect": effect}
    for mean, edge in zip(power.detectable_means(items=items, **plan), (0.0, 1.0), strict=True):
        if mean is None:
            needed = power.items_against_bar(mean=edge, **plan)
            assert needed is not None
            assert needed > items
        else:
            assert power.items_against_bar(mean=mean, **plan) <= items
            nearer = power.items_against_bar(mean=bar + 0.99 * (mean - bar), **plan)
            assert nearer > items * 0.99


@given(
    items=st.integers(5, 5000),
    variance=st.floats(0.01, 1),
    margin=st.sampled_from([0.0, 0.02, 0.1]),
    effect=st.floats(1, 4),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_detectable_difference_inverts_the_items(
    items: int, variance: float, margin: float, effect: float
) -> None:
    """As many items as at hand are needed for the difference that is called detectable."""
    plan = {"variance": variance, "margin": margin, "design_effect": effect}
    found = power.detectable_difference(items=items, **plan)
    if found is None:
        needed = power.items_for_noninferiority(difference=1.0, **plan)
        assert needed is not None
        assert needed > items
    elif found > -1:
        needed = power.items_for_noninferiority(difference=found, **plan)
        assert needed is not None
        assert abs(needed - items) <= 1


def test_detectable_difference_matches_statsmodels() -> None:
    """For 400 pairs it is the effect size that statsmodels solves for, in units of the score."""
    found = power.detectable_difference(items=400, variance=0.09, power=0.9)
    effect = NormalIndPower(ddof=0).solve_power(nobs1=400, alpha=0.05, power=0.9, ratio=0)
    assert found == pytest.approx(0.3 * effect, rel=1e-4)


def test_the_power_formula_holds_with_repeats() -> None:
    """Miller's numbers: differences of item means vary by omega^2 + s_A^2/K_A + s_B^2/K_B."""
    variance = power.difference_variance(
        between=0.02,
        candidate_noise=0.12,
        baseline_noise=0.15,
        candidate_repeats=4,
        baseline_repeats=3,
    )
    assert variance == pytest.approx(0.02 + 0.03 + 0.05)
    clustered = power.difference_variance(between=0.02, candidate_noise=0.12, design_effect=3)
    assert clustered == pytest.approx(0.06 + 0.12)
    rng, n, runs = np.random.default_rng(8), 200, 2000
    difference = power.detectable_difference(items=n, variance=variance)
    assert difference is not None
    values = rng.normal(difference, math.sqrt(variance), (runs, n))
    z = values.mean(axis=1) / values.std(axis=1, ddof=1) * math.sqrt(n)
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.04)


def test_bad_detectable_questions_are_refused() -> None:
    """No items, percentages, negative variances and repeats of nothing raise."""
    with pytest.raises(ValueError, match="items 0"):
        power.detectable_difference(items=0, variance=0.1)
    with pytest.raises(ValueError, match="items 0"):
        power.detectable_means(bar=0.5, items=0)
    with pytest.raises(ValueError, match="margin 5"):
        power.detectable_difference(items=10, variance=0.1, margin=5)
    with pytest.raises(ValueError, match="must not be negative"):
        power.difference_variance(between=-0.1)
    with pytest.raises(ValueError, match="repeats 0"):
        power.difference_variance(between=0.1, candidate_repeats=0)


def test_bad_plans_are_refused() -> None:
    """Percentages, impossible variances, powers and design effects raise."""
    with pytest.raises(ValueError, match="not a percentage"):
        power.items_against_bar(mean=80, bar=0.7)
    with pytest.raises(ValueError, match="variance"):
        power.items_against_bar(mean=0.8, bar=0.7, variance=0.3)
    with pytest.raises(ValueError, match="power"):
        power.items_against_bar(mean=0.8, bar=0.7, power=1)
    with pytest.raises(ValueError, match="design_effect"):
        power.items_against_bar(mean=0.8, bar=0.7, design_effect=0.5)
    with pytest.raises(ValueError, match="not percentages"):
        power.items_for_noninferiority(difference=2, margin=0.02, variance=0.1)
