"""The mixture e-process: against a slow reference, an independent package and its error rate."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import eprocess

INDEX = np.arange(1, 121)
SCORES = (INDEX * INDEX * 7 % 101) / 100.0 * 0.6 + (INDEX % 3 == 0) * 0.4


def after(values: object, sizes: object = None, **plan: object) -> eprocess.Reading:
    """The reading after all values."""
    state = eprocess.init(eprocess.Plan(**plan))
    return eprocess.read(eprocess.update(state, values, sizes=sizes))


def slowly(values: list[float], null: float, low: float, high: float) -> tuple[float, float]:
    """Both halves by multiplying, bet by bet and item by item."""
    up = down = 0.0
    for k in range(24):
        bet = 0.01 * 95.0 ** (k / 23)
        up += math.prod(1 + bet * (x - null) / (null - low) for x in values) / 24
        down += math.prod(1 + bet * (null - x) / (high - null) for x in values) / 24
    return up, down


@given(
    values=st.lists(st.floats(-1, 2), min_size=1, max_size=40),
    null=st.floats(-0.8, 1.8),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_blocks_steps_and_the_reference_agree(
    values: list[float], null: float, cuts: list[int]
) -> None:
    """Any blocks give the state of single steps, and the e-values are those of plain products."""
    plan = eprocess.Plan(null=null, low=-1.0, high=2.0)
    single = blocks = eprocess.init(plan)
    for x in values:
        single = eprocess.update(single, [x])
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    for start, end in itertools.pairwise(edges):
        blocks = eprocess.update(blocks, values[start:end])
    assert blocks == single
    up, down = slowly(values, null, -1.0, 2.0)
    found = eprocess.read(single)
    assert math.exp(found.log_e_up) == pytest.approx(up, rel=1e-9)
    assert math.exp(found.log_e_down) == pytest.approx(down, rel=1e-9)
    assert found.e_value == pytest.approx((up + down) / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "up", "down"), [(30, 0.869569579, -0.60999924), (120, 4.713596862, -1.153710536)]
)
def test_golden_confseq(n: int, up: float, down: float) -> None:
    """The average of `betting_mart` of confseq 0.0.11 over the same bets, null 0.35."""
    found = after(SCORES[:n], null=0.35, low=0.0, high=1.0)
    assert (found.log_e_up, found.log_e_down) == pytest.approx((up, down), abs=1e-8)


def test_status_remembers_a_crossing() -> None:
    """Once 1/alpha was reached the claim stands, with its direction and its p-value."""
    state = eprocess.update(eprocess.init(eprocess.Plan()), [0.5] * 30)
    crossed = eprocess.read(state)
    assert crossed.status == "crossed-up"
    assert crossed.p_value == pytest.approx(1 / crossed.e_value)
    later = eprocess.read(eprocess.update(state, [-0.2] * 60))
    assert (later.status, later.p_value) == ("crossed-up", crossed.p_value)
    assert later.log_e_value < 0
    assert after([-0.5] * 30).status == "crossed-down"
    assert after([0.5, -0.5] * 30).status == "continue"
    assert after([1.0] * 3000).e_value > 1e300


def test_no_steps_say_nothing() -> None:
    """Wealth 1: e-value 1 and p-value 1; an empty block changes nothing."""
    found = after([])
    assert (found.log_e_value, found.p_value, found.status) == (pytest.approx(0.0), 1.0, "continue")


def test_a_cluster_is_one_step() -> None:
    """A cluster's bet is its sum less size times null, over the largest size."""
    found = after([1.2], [2], null=0.1, low=-1.0, high=1.0, largest_cluster=4)
    step = (1.2 - 2 * 0.1) / 4
    bets = [0.01 * 95.0 ** (k / 23) for k in range(24)]
    assert math.exp(found.log_e_up) == pytest.approx(sum(1 + b * step / 1.1 for b in bets) / 24)


def rate(draw: object, runs: int, **plan: object) -> float:
    """Share of runs that ever crossed while looking after every step."""
    rng = np.random.default_rng(31)
    return sum(after(*draw(rng), **plan).status != "continue" for _ in range(runs)) / runs


def skewed(rng: np.random.Generator) -> tuple[object]:
    """Mean 0: a gain of 0.9 in one of ten, a loss of 0.1 otherwise."""
    return (np.where(rng.random(400) < 0.1, 0.9, -0.1),)


def clustered(rng: np.random.Generator) -> tuple[object, object]:
    """Mean over items 0 where small clusters gain and large ones lose: 1 at +0.8 per 4 at -0.2."""
    small = rng.random(150) < 0.5
    sizes = np.where(small, 1, 4)
    return np.where(small, 0.8, -0.8), sizes


def test_type_one_error_while_looking_always() -> None:
    """Ever crossing under the null: at most 5 % (2,000 runs, 5 sigma), skewed or clustered."""
    limit = 0.05 + 5 * math.sqrt(0.05 * 0.95 / 2000)
    assert rate(skewed, 2000) <= limit
    assert rate(clustered, 2000, largest_cluster=4) <= limit


def test_the_simulation_would_see_a_fault() -> None:
    """The same simulation finds a true difference, and the peeking z test errs in over 20 %."""

    def shifted(rng: np.random.Generator) -> tuple[object]:
        return (skewed(rng)[0] + 0.06,)

    assert rate(shifted, 200) > 0.5
    rng, wrong = np.random.default_rng(32), 0
    for _ in range(400):
        (values,) = skewed(rng)
        t = np.arange(1, 401)
        mean = np.cumsum(values) / t
        deviation = np.sqrt(np.maximum(np.cumsum(values**2) / t - mean**2, 1e-12))
        wrong += bool((np.abs(mean / deviation * np.sqrt(t))[30:] > 1.96).any())
    assert wrong / 400 > 0.2


def test_bad_plans_and_values_are_refused() -> None:
    """Nulls at a bound, alphas and values out of range raise."""
    with pytest.raises(ValueError, match="null"):
        eprocess.Plan(null=1.0)
    with pytest.raises(ValueError, match="alpha"):
        eprocess.Plan(alpha=1.0)
    with pytest.raises(ValueError, match="no range"):
        eprocess.Plan(low=2.0)
    with pytest.raises(ValueError, match="outside the bounds"):
        after([1.5])
    with pytest.raises(ValueError, match="cluster size"):
        after([0.5], [2])
