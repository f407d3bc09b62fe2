"""Planned numbers of items give the planned power."""

import numpy as np
import pytest
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
