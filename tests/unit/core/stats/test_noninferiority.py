"""The verdict of an interval against a margin."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import noninferiority


@pytest.mark.parametrize(
    ("lower", "upper", "outcome", "claims"),
    [
        (0.03, 0.10, "better", {"non_inferior", "superior"}),
        (0.001, 0.10, "better", {"non_inferior", "superior"}),
        (0.001, 0.01, "equivalent", {"non_inferior", "superior"}),
        (-0.01, 0.01, "equivalent", {"non_inferior"}),
        (-0.015, -0.001, "equivalent", {"non_inferior", "inferior"}),
        (-0.01, 0.10, "undecided", {"non_inferior"}),
        (-0.10, 0.10, "undecided", set()),
        (-0.10, 0.00, "undecided", set()),
        (-0.10, -0.01, "worse", {"inferior"}),
        (-0.10, -0.03, "worse", {"inferior", "regressed"}),
        (-0.02, 0.00, "undecided", set()),
    ],
)
def test_precedence_table(lower: float, upper: float, outcome: str, claims: set[str]) -> None:
    """Every place of an interval relative to -0.02, 0 and 0.02 has its documented verdict."""
    found = noninferiority.judge(
        estimate=(lower + upper) / 2, lower=lower, upper=upper, margin=0.02
    )
    names = ("non_inferior", "regressed", "superior", "inferior")
    assert found.outcome == outcome
    assert {name for name in names if getattr(found, name)} == claims


@given(lower=st.floats(-1, 1), width=st.floats(0, 1), margin=st.floats(0, 0.5))
@settings(derandomize=True, max_examples=80, deadline=None)
def test_claims_never_contradict(lower: float, width: float, margin: float) -> None:
    """No interval is non-inferior and regressed, nor superior and inferior; words fit claims."""
    upper = lower + width
    found = noninferiority.judge(estimate=lower, lower=lower, upper=upper, margin=margin)
    assert not (found.non_inferior and found.regressed)
    assert not (found.superior and found.inferior)
    assert found.outcome != "better" or found.superior
    assert found.outcome != "worse" or found.inferior
    assert found.outcome != "equivalent" or found.non_inferior
    mirrored = noninferiority.judge(estimate=-lower, lower=-upper, upper=-lower, margin=margin)
    swap = {"better": "worse", "worse": "better"}
    assert mirrored.outcome == swap.get(found.outcome, found.outcome)


def test_margin_zero_has_no_equivalence() -> None:
    """With margin 0 only better, worse and undecided remain."""
    found = noninferiority.judge(estimate=0.0, lower=0.0, upper=0.0, margin=0.0)
    assert found.outcome == "undecided"


def test_bad_intervals_are_refused() -> None:
    """An estimate outside its interval, no number, or a negative margin raise."""
    with pytest.raises(ValueError, match="outside its interval"):
        noninferiority.judge(estimate=1.0, lower=0.0, upper=0.5, margin=0.1)
    with pytest.raises(ValueError, match="outside its interval"):
        noninferiority.judge(estimate=math.nan, lower=0.0, upper=0.5, margin=0.1)
    with pytest.raises(ValueError, match="must not be negative"):
        noninferiority.judge(estimate=0.1, lower=0.0, upper=0.5, margin=-0.1)
