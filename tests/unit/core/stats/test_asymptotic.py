"""The asymptotic confidence sequence: reference, evalsig, clusters, floor and error rate."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import asymptotic, clustering, noninferiority

INDEX = np.arange(1, 121)
SCORES = (INDEX * INDEX * 7 % 101) / 100.0 * 0.6 + (INDEX % 3 == 0) * 0.4
PLAN = asymptotic.Plan(planned=200, floor=1e-6, warm_up=30)


def after(values: object, sizes: object = None, plan: asymptotic.Plan = PLAN) -> asymptotic.Reading:
    """The reading after all values."""
    return asymptotic.read(asymptotic.update(asymptotic.init(plan), values, sizes=sizes))


@pytest.mark.parametrize(
    ("n", "lower", "upper"),
    [(40, 0.31061644945, 0.59948355011), (120, 0.36088663646, 0.50358003021)],
)
def test_golden_evalsig(n: int, lower: float, upper: float) -> None:
    """`confidence_sequence` of evalsig 0.1.2 with rho = 1/r for t* = 200, but for the long tail."""
    found = after(SCORES[:n])
    half = found.deviation * asymptotic.half_width(n, PLAN)
    estimate = found.interval.estimate
    assert (estimate - half, estimate + half) == pytest.approx((lower, upper), abs=1e-9)
    assert found.skewness > 0
    assert found.interval.lower == pytest.approx(lower, abs=1e-9)
    assert found.interval.upper > upper + 1e-4


def test_the_long_tail_moves_its_end() -> None:
    """Skewness is SciPy's, and the end is that of Cornish and Fisher; mirrored data mirror it."""
    found = after(SCORES)
    skewness = float(scipy.stats.skew(SCORES))
    assert found.skewness == pytest.approx(skewness)
    boundary = asymptotic.half_width(120, PLAN) * math.sqrt(120)
    moved = boundary + skewness * (2 * boundary**2 + 1) / (6 * math.sqrt(120))
    error = float(np.std(SCORES, ddof=1)) / math.sqrt(120)
    assert found.interval.upper - found.interval.estimate == pytest.approx(moved * error)
    mirrored = after(-SCORES)
    assert mirrored.interval.lower == pytest.approx(-found.interval.upper)
    assert mirrored.interval.upper == pytest.approx(-found.interval.lower)


def test_tightest_near_the_planned_size() -> None:
    """The rate r is the (approximate) optimum at t*: a search over r gains under 1 %."""

    def width(r2: float, t: int = 500) -> float:
        inner = t * r2
        return math.sqrt(2 * (inner + 1) / (t * inner) * math.log(math.sqrt(inner + 1) / 0.05))

    best = scipy.optimize.minimize_scalar(width, bounds=(1e-5, 1), method="bounded").fun
    found = asymptotic.half_width(500, asymptotic.Plan(planned=500, floor=1.0))
    assert best <= found <= 1.01 * best


@given(
    rows=st.lists(st.tuples(st.integers(1, 5), st.floats(-50, 100)), min_size=30, max_size=60),
    shift=st.sampled_from([0.0, 1e6]),
)
@settings(derandomize=True, max_examples=50, deadline=None)
def test_steps_give_the_cluster_robust_error(rows: list[tuple[int, float]], shift: float) -> None:
    """Mean and deviation are those of `clustering.robust_mean` over the items of all clusters."""
    items = [x + shift for n, x in rows for _ in range(n)]
    labels = [c for c, (n, _) in enumerate(rows) for _ in range(n)]
    expected = clustering.robust_mean(items, labels)
    found = after([n * (x + shift) for n, x in rows], [n for n, _ in rows])
    error = max(expected.standard_error, PLAN.floor / math.sqrt(len(rows)))
    assert found.interval.estimate == pytest.approx(expected.value, rel=1e-9)
    assert found.deviation / math.sqrt(len(rows)) == pytest.approx(error, rel=1e-4, abs=1e-4)
    influence = [n * (x + shift - expected.value) for n, x in rows]
    if np.std(influence) > 1e-3 and not shift:
        assert found.skewness == pytest.approx(float(scipy.stats.skew(influence)), abs=1e-6)


def test_nothing_is_claimed_before_the_warm_up() -> None:
    """Before 30 steps the interval is unbounded and every verdict undecided."""
    early = after(SCORES[:29])
    assert (early.warm, early.interval.lower, early.interval.upper) == (False, -math.inf, math.inf)
    found = noninferiority.judge(
        estimate=early.interval.estimate, lower=-math.inf, upper=math.inf, margin=10.0
    )
    assert found.outcome == "undecided"
    assert after(SCORES[:30]).warm
    assert after([]).interval.estimate == 0.0


def test_constant_values_keep_the_floor() -> None:
    """Fifty equal prices are not certainty: the interval has the width of the floor."""
    plan = asymptotic.Plan(planned=100, floor=0.5, warm_up=30)
    found = after([2.0] * 50, plan=plan)
    assert found.deviation == 0.5
    half = 0.5 * asymptotic.half_width(50, plan)
    assert found.interval.upper == pytest.approx(2.0 + half)


def test_blocks_replay_to_the_same_state() -> None:
    """One by one, or all at once: the same bits."""
    single = asymptotic.init(PLAN)
    for x in SCORES:
        single = asymptotic.update(single, [x])
    assert single == asymptotic.update(asymptotic.init(PLAN), SCORES)


def miss_rate(draw: object, runs: int, mean: float) -> float:
    """Share of runs whose interval ever excluded the mean, a look every 20 steps from 100."""
    plan = asymptotic.Plan(planned=200, floor=1e-9)
    rng, missed = np.random.default_rng(38), 0
    for _ in range(runs):
        values, state, ever = draw(rng), asymptotic.init(plan), False
        for start in range(0, 400, 20):
            state = asymptotic.update(state, values[start : start + 20])
            found = asymptotic.read(state).interval
            ever = ever or not found.lower <= mean <= found.upper
        missed += ever
    return missed / runs


def test_the_mean_is_rarely_missed() -> None:
    """Ever missing it: at most 5 % (300 runs, 5 sigma), for normal and exponential values."""
    limit = 0.05 + 5 * math.sqrt(0.05 * 0.95 / 300)
    assert miss_rate(lambda rng: rng.normal(0.0, 1.0, 400), 300, 0.0) <= limit
    assert miss_rate(lambda rng: rng.exponential(1.0, 400), 300, 1.0) <= limit
    assert miss_rate(lambda rng: rng.normal(0.3, 1.0, 400), 50, 0.0) > 0.9


def test_bad_plans_and_values_are_refused() -> None:
    """Plans without size or floor, hasty warm-ups, infinities and sizes of nothing raise."""
    for change, message in (
        ({"planned": 0}, "planned 0"),
        ({"floor": 0.0}, r"floor 0\.0"),
        ({"warm_up": 10}, "warm_up 10"),
        ({"alpha": 0.0}, "alpha"),
    ):
        with pytest.raises(ValueError, match=message):
            asymptotic.Plan(**({"planned": 100, "floor": 1.0} | change))
    with pytest.raises(ValueError, match="not finite"):
        after([math.inf])
    with pytest.raises(ValueError, match=r"size 0\.0"):
        after([1.0], [0])
    with pytest.raises(ValueError, match="no steps"):
        after([1.0], [1, 2])
