"""Latency and cost as scorers."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import limits
from escalera.core.evaluation.limits import Cost, Latency, share
from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission
from escalera.errors import BadOption

FEW = settings(derandomize=True, max_examples=100, deadline=None)
ITEM = Example(id="1", task="t", split="confirm", input="q", target="x", cluster="1")


def latency(took, **options):
    return limits.latency(Submission(reply="", item=ITEM, seconds=took), Latency(**options))


def cost(micro_dollars, **options):
    return limits.cost(
        Submission(reply="", item=ITEM, micro_dollars=micro_dollars), Cost(**options)
    )


@pytest.mark.parametrize(
    ("took", "wanted"), [(0, 1), (2.0, 1), (3.0, 0.5), (3.5, 0.25), (4.0, 0), (400.0, 0)]
)
def test_a_straight_fall_from_the_limit_to_its_double(took, wanted):
    """The default multiple."""
    assert latency(took, seconds=2.0).value == pytest.approx(wanted)


def test_another_multiple():
    """From the limit to five times the limit."""
    assert latency(3.0, seconds=1.0, multiple=5.0).value == pytest.approx(0.5)


def test_cost_is_in_dollars():
    """A call of a tenth of a cent and a half, where a tenth is the limit."""
    assert cost(1_000, dollars=0.001).value == 1.0
    assert cost(1_500, dollars=0.001).value == pytest.approx(0.5)


def test_an_unknown_price_is_no_price():
    """Unknown is never 0, so it is neither within the limit nor beyond."""
    found = cost(None, dollars=0.001)
    assert (found.value, found.reason) == (None, "the price of the call is unknown")


@FEW
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e3), st.floats(1.01, 100))
def test_more_is_never_better(less, more, limit, multiple):
    """Monotone, and within [0, 1]."""
    less, more = sorted((less, more))
    assert 1 >= share(less, limit, multiple) >= share(more, limit, multiple) >= 0


@pytest.mark.parametrize("bad", [0.0, -1.0, inf, nan])
def test_limits_out_of_range(bad):
    """Told with the key."""
    with pytest.raises(BadOption, match=r"^seconds: "):
        Latency(seconds=bad)
    with pytest.raises(BadOption, match=r"^dollars: "):
        Cost(dollars=bad)


@pytest.mark.parametrize("bad", [1.0, 0.0, inf, nan])
def test_multiples_out_of_range(bad):
    """At 1 the fall would be a cliff, and a division by zero."""
    with pytest.raises(BadOption, match=r"^multiple: "):
        Latency(seconds=1.0, multiple=bad)
