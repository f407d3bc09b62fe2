"""Money per month, and the terms at which another system would win."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from escalera.core.economics.keeping import TERMS, Running, month, reversals
from escalera.domain.service import Service

SERVICE = Service(
    calls=100_000, model_month=200.0, artefact_month=30.0, training_hour=4.0, base_changes=3.0
)
ONE = Running(
    value=1_000.0, micro_dollars_per_call=100.0, models=1, artefacts=1, training_hours=2.0
)


def test_a_month_by_hand():
    """Every part, and what is left."""
    found = month(ONE, SERVICE)
    assert (found.calls, found.hosting, found.upkeep) == (10.0, 200.0, 30.0)
    assert found.retraining == pytest.approx(3 / 12 * 2 * 4)
    assert found.net == pytest.approx(1_000 - 10 - 200 - 30 - 2)
    unpriced = replace(ONE, micro_dollars_per_call=None)
    assert month(unpriced, SERVICE).calls == 0.0


def test_a_second_model_pays_from_some_traffic_on():
    """It saves 60 micro-dollars a call and costs 200 a month: worth it from 3,333,333 calls on."""
    other = replace(ONE, models=2, micro_dollars_per_call=40.0)
    found = reversals(ONE, other, SERVICE)
    assert found["calls"] == pytest.approx(200 / 60e-6)
    assert found["model_month"] == pytest.approx(6.0)
    assert set(found) == {"calls", "model_month"}


def test_what_a_provider_takes_for_a_training_is_no_hour_of_ours():
    """Six dollars at every change of the base, twice a year: one a month, whatever an hour is."""
    hosted = replace(ONE, training_hours=0.0, training_dollars=6.0)
    dear = replace(SERVICE, training_hour=1e6, base_changes=2.0)
    assert month(hosted, dear).retraining == pytest.approx(1.0)


AMOUNT = st.floats(0, 1e4)
RUNNING = st.builds(
    Running,
    value=AMOUNT,
    micro_dollars_per_call=AMOUNT,
    models=st.integers(1, 4),
    artefacts=st.integers(0, 6),
    training_hours=st.floats(0, 100),
    training_dollars=st.floats(0, 100),
)


CHEAP = Running(value=0.0, micro_dollars_per_call=2**-9, models=1, artefacts=0, training_hours=0.0)


@example(replace(CHEAP, micro_dollars_per_call=0.0, artefacts=3), CHEAP)
@given(RUNNING, RUNNING)
def test_at_a_reversal_both_are_worth_the_same(chosen, other):
    """Whatever they take; and no other term than those that differ is named."""
    for term, turning in reversals(chosen, other, SERVICE).items():
        assert term in TERMS
        there = replace(SERVICE, **{term: turning})
        left, right = month(chosen, there), month(other, there)
        size = 1 + sum(abs(v) for m in (left, right) for v in (m.value, m.calls, m.hosting))
        size += left.upkeep + right.upkeep + left.retraining + right.retraining
        assert left.net == pytest.approx(right.net, abs=1e-6 * size)


def test_equals_have_no_reversal():
    """Nothing to choose between them."""
    assert reversals(ONE, ONE, SERVICE) == {}
