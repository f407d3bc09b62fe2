"""The mean of scores: right formula per case, honest edges, interval and z agree."""

from typing import get_args

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from escalera.core.stats import distributions, mean, proportion
from escalera.core.stats.clustering import ScoreRule


def test_graded_unclustered_is_the_t_interval() -> None:
    """Graded scores give SciPy's one-sample t interval and its test's p-value."""
    scores = np.random.default_rng(2).beta(4, 2, 60)
    found = mean.interval(scores, rule="wider of two")
    expected = scipy.stats.ttest_1samp(scores, 0.6)
    low, high = expected.confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((low, high), rel=1e-10)
    z = mean.z_statistic(scores, bar=0.6, rule="wider of two")
    assert 2 * distributions.normal_cdf(-abs(z)) == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.method == "cluster-t"


def test_binary_unclustered_is_wilson() -> None:
    """Binary unclustered scores give Wilson's interval."""
    scores = [1.0] * 31 + [0.0] * 9
    found = mean.interval(scores, rule="wider of two")
    assert (found.lower, found.upper) == pytest.approx(
        proportion_confint(31, 40, method="wilson"), rel=1e-12
    )
    assert found.method == "wilson"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_is_not_certain(value: float) -> None:
    """0 % and 100 % of ten give an interval about 28 points wide and a finite z."""
    found = mean.interval([value] * 10)
    assert found.upper - found.lower == pytest.approx(0.2775, abs=1e-4)
    assert abs(mean.z_statistic([value] * 10, bar=0.5)) == pytest.approx(10**0.5, rel=1e-12)


def test_equal_graded_scores_are_not_certain() -> None:
    """Equal graded scores have no observed variance; mean(1-mean) bounds what it may be."""
    found = mean.interval([0.7] * 50, rule="wider of two")
    assert (found.lower, found.upper) == pytest.approx(
        proportion_confint(35, 50, method="wilson"), rel=1e-9
    )
    assert found.method == "variance-bound"
    z = mean.z_statistic([0.7] * 50, bar=0.6, rule="wider of two")
    assert z == pytest.approx(0.1 / (0.24 / 50) ** 0.5)


def test_one_cluster_says_nothing() -> None:
    """A single document with many items leaves the whole range open and z at 0."""
    found = mean.interval([1.0, 0.0, 1.0], ["a", "a", "a"])
    assert (found.lower, found.upper, found.method) == (0.0, 1.0, "one-cluster")
    assert mean.z_statistic([1.0, 0.0, 1.0], ["a", "a", "a"], bar=0.9) == 0.0


def test_one_item() -> None:
    """One right answer is weak evidence, not none: 0.05 to 1 (half of 0.05 is 2.5 %)."""
    assert mean.interval([1.0]).lower == pytest.approx(0.05, abs=1e-9)
    assert mean.interval([0.9]).upper <= 1.0


def test_clustered_binary_at_the_edge_counts_clusters() -> None:
    """All right in 20 documents of 10 counts as 20 right answers: correlation is unknown."""
    labels = [i // 10 for i in range(200)]
    found = mean.interval([1.0] * 200, labels)
    assert found.lower == pytest.approx(proportion_confint(20, 20, method="wilson")[0], rel=1e-9)


def test_few_exceptional_clusters_carry_few_degrees_of_freedom() -> None:
    """Failures in three of forty documents: t on 6 degrees, not on 39; in thirty: on 39."""

    def critical(failing: int) -> float:
        scores = [float(i >= 5 or document >= failing) for document in range(40) for i in range(10)]
        labels = [document for document in range(40) for _ in range(10)]
        z = mean.z_statistic(scores, labels, bar=0.8, rule="wider of two")
        found = mean.estimate(scores, labels)
        effect = found.standard_error**2 * 400 / (found.value * (1 - found.value))
        t = (found.value - 0.8) / (0.16 * max(1.0, effect) / 400) ** 0.5
        return next(
            df for df in range(1, 41) if abs(distributions.z_from_t(t, df) - z) < 1e-9 * abs(z)
        )

    assert critical(3) == 6
    assert critical(12) == 24
    assert critical(24) == 32
    assert critical(20) == 39


def test_clustered_binary_copies_count_once() -> None:
    """Items copied within clusters widen the interval to about that of the clusters."""
    once = [float(i % 3 > 0) for i in range(90)]
    copied = [x for x in once for _ in range(8)]
    labels = [i for i in range(90) for _ in range(8)]
    wide, narrow = (
        mean.interval(*given, rule="wider of two") for given in ((copied, labels), (once,))
    )
    assert wide.upper - wide.lower == pytest.approx(narrow.upper - narrow.lower, rel=0.03)
    assert wide.upper - wide.lower > narrow.upper - narrow.lower


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 12)),
        min_size=2,
        max_size=60,
    ),
    kind=st.sampled_from(["binary", "graded", "binary clustered", "graded clustered"]),
    alpha=st.floats(1e-6, 0.3),
    rule=st.sampled_from(get_args(ScoreRule)),
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_interval_and_z_are_dual(
    rows: list[tuple[float, int]], kind: str, alpha: float, rule: ScoreRule
) -> None:
    """A bar strictly inside the range lies in the interval exactly when |z| is below critical."""
    scores = [float(x > 0.3) if kind.startswith("binary") else x for x, _ in rows]
    labels = [c for _, c in rows] if kind.endswith("clustered") else None
    found = mean.interval(scores, labels, alpha=alpha, rule=rule)
    critical = -distributions.normal_quantile(alpha / 2)
    assert 0.0 <= found.lower <= found.estimate <= found.upper <= 1.0
    for bar in (found.lower, found.upper):
        if 1e-9 < bar < 1 - 1e-9:
            z = mean.z_statistic(scores, labels, bar=bar, rule=rule)
            assert abs(z) == pytest.approx(critical, rel=1e-6)


@pytest.mark.parametrize(("right", "n"), [(31, 40), (59, 60), (2, 50), (60, 60), (0, 9)])
def test_a_share_is_the_wider_of_wilsons_and_mid_ps(right: int, n: int) -> None:
    """Each end is the outer of the two, and z the one nearer to 0."""
    scores = [1.0] * right + [0.0] * (n - right)
    found, wilson = mean.interval(scores), proportion.wilson(right, n)
    lower, upper = proportion.mid_p(right, n)
    assert found.lower == pytest.approx(min(wilson.lower, lower), abs=1e-12)
    assert found.upper == pytest.approx(max(wilson.upper, upper), abs=1e-12)
    z = (right / n - 0.9) / (0.09 / n) ** 0.5
    exact = proportion.mid_p_z(right, n, bar=0.9)
    expected = min(z, exact, key=abs) if z * exact > 0 else 0.0
    assert mean.z_statistic(scores, bar=0.9) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bar", [0.8, 0.95, 0.98])
def test_a_system_at_the_bar_is_seldom_said_to_be_below_it(bar: float) -> None:
    """Of 5 to 40 answers, by the binomial: never twice 2.5 %, where Wilson's has 10 of five."""
    critical = -distributions.normal_quantile(0.025)
    for n in (5, 10, 20, 40):
        below = [
            right
            for right in range(n + 1)
            if mean.z_statistic([1.0] * right + [0.0] * (n - right), bar=bar) <= -critical
        ]
        assert scipy.stats.binom.pmf(below, n, bar).sum() < 0.05
    below = [r for r in range(6) if (r / 5 - 0.98) / (0.0196 / 5) ** 0.5 <= -critical]
    assert scipy.stats.binom.pmf(below, 5, 0.98).sum() > 0.09


def test_skewed_scores_want_more_room_on_their_long_side() -> None:
    """Full marks but for some: the end towards more such losses moves out, the other stays."""
    scores = np.concatenate([np.ones(40), np.linspace(0.1, 0.8, 20)])
    found, plain = mean.interval(scores), mean.interval(scores, rule="wider of two")
    assert found.lower < plain.lower - 0.005
    assert found.upper == pytest.approx(plain.upper, abs=1e-12)


def test_bad_scores_are_refused() -> None:
    """Scores outside [0, 1] and bars at the edge raise with position and remedy."""
    with pytest.raises(ValueError, match=r"score 1\.2 at position 1"):
        mean.estimate([0.0, 1.2])
    with pytest.raises(ValueError, match="bar 0"):
        mean.z_statistic([0.0, 1.0], bar=0)
    with pytest.raises(ValueError, match="not finite"):
        mean.estimate([0.0, float("nan")])
