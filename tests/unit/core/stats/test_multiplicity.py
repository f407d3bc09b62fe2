"""Holm and Bonferroni agree with statsmodels."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from escalera.core.stats import multiplicity


def test_holm_worked_example() -> None:
    """0.01, 0.04, 0.03, 0.005 adjust to 0.03, 0.06, 0.06, 0.02."""
    found = multiplicity.holm([0.01, 0.04, 0.03, 0.005])
    assert found.p_values == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert found.rejected == (True, False, False, True)


@pytest.mark.parametrize(
    "p_values", [(0.2,), (0.01, 0.01, 0.9), (0.04, 0.001, 0.5, 0.012, 0.04, 1.0, 0.0)]
)
def test_adjustments_match_statsmodels(p_values: tuple[float, ...]) -> None:
    """Both adjustments equal statsmodels', ties and edges included."""
    for adjust, method in (
        (multiplicity.holm, "holm"),
        (multiplicity.bonferroni, "bonferroni"),
    ):
        expected = multipletests(p_values, alpha=0.05, method=method)
        found = adjust(p_values)
        assert found.p_values == pytest.approx(tuple(expected[1]), rel=1e-12)
        assert found.rejected == tuple(expected[0])


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=7))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_holm_is_the_closed_bonferroni_test(p_values: list[float]) -> None:
    """Adjusted p is the largest Bonferroni p over all families that hold the question."""
    families = [
        family
        for size in range(1, len(p_values) + 1)
        for family in itertools.combinations(range(len(p_values)), size)
    ]
    plain = {f: min(1.0, len(f) * min(p_values[i] for i in f)) for f in families}
    found = multiplicity.holm(p_values).p_values
    for i, adjusted in enumerate(found):
        assert adjusted == pytest.approx(max(plain[f] for f in families if i in f), rel=1e-12)


def test_empty_family() -> None:
    """No questions, no answers."""
    assert multiplicity.holm([]).p_values == ()


def test_bad_p_values_are_refused() -> None:
    """A p-value outside [0, 1] raises with its position."""
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="at position 1"):
            multiplicity.holm([0.5, p])
        with pytest.raises(ValueError, match="at position 1"):
            multiplicity.bonferroni([0.5, p])
