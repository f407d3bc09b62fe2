"""When a router should not choose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from escalera.core.routing import abstention
from escalera.core.routing.abstention import NEVER, Rule


def test_the_threshold_keeps_its_share_of_new_messages():
    """Over 3000 samples: the mean share is as promised, and few fall below what is assured."""
    chance = np.random.default_rng(1)
    kept, assured = [], set()
    for _ in range(3000):
        found = abstention.threshold(chance.random(60).tolist(), coverage=0.9)
        kept.append(1 - found.value)
        assured.add(found.assured)
    assert np.mean(kept) == pytest.approx(1 - 6 / 61, abs=0.003)
    (least,) = assured
    assert np.mean(np.array(kept) < least) == pytest.approx(0.05, abs=0.01)


def test_what_is_assured_is_the_quantile_of_a_beta():
    """Vovk 2012: the share kept is Beta(n + 1 - k, k)."""
    found = abstention.threshold([*range(199)], coverage=0.95, risk=0.1)
    assert found.value == 9
    assert found.assured == pytest.approx(stats.beta.ppf(0.1, 190, 10), abs=1e-9)


def test_too_few_messages_promise_nothing():
    """19 can keep 95 %, 18 cannot: then all is kept."""
    assert abstention.threshold([*range(19)], coverage=0.95).value == 0
    found = abstention.threshold([*range(18)], coverage=0.95)
    assert (found.value, found.assured) == (None, 1.0)


@pytest.mark.parametrize("coverage", [0.0, 1.0, 95])
def test_a_coverage_is_a_share(coverage):
    """The message has the value."""
    with pytest.raises(ValueError, match=f"not {coverage!r}"):
        abstention.threshold([1.0], coverage=coverage)


@pytest.mark.parametrize(("events", "n"), [(0, 10), (3, 40), (39, 40)])
def test_an_upper_share_is_clopper_and_pearsons(events, n):
    """Beside SciPy; and all of n leaves everything possible."""
    found = abstention.upper_share(events, n, risk=0.05)
    assert found == pytest.approx(stats.beta.ppf(0.95, events + 1, n - events), abs=1e-9)
    assert abstention.upper_share(n, n, risk=0.05) == 1.0


def test_a_rule_weighs_mistakes_by_what_they_cost():
    """Chow: abstain below 1 - refusal / error; a dear type is not risked for a cheap one."""
    odds = np.array([0.7, 0.3], np.float32)
    assert Rule(refusal=0.31).too_risky(odds, 0) is False
    assert Rule(refusal=0.29).too_risky(odds, 0) is True
    assert Rule(refusal=0.5, errors=(0.2, 1.8)).too_risky(odds, 0) is True
    assert Rule(refusal=0.5, errors=(1.8, 0.2)).too_risky(odds, 0) is False
    assert NEVER.too_risky(odds, 1) is False
    assert NEVER.too_strange(-1e9) is False


def test_costs_have_mean_one():
    """Where no task says what a point is worth, every mistake costs the same."""
    assert abstention.costs([30.0, 10.0]) == (1.5, 0.5)
    assert abstention.costs([0.0, 0.0]) == ()
