"""PPI++: the published estimator, a slow jackknife, coverage with a biased judge and few labels."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import clustering, mean, paired, ppi, skewness

Row = tuple[float, float | None]


def split(rows: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, their judge scores, and the judge scores without a label."""
    y = np.array([h for _, h in rows if h is not None])
    f = np.array([j for j, h in rows if h is not None])
    rest = np.array([j for j, h in rows if h is None])
    return y, f, rest


def published(rows: list[Row]) -> tuple[float, float]:
    """Estimate and lambda as in Angelopoulos, Duchi and Zrnic (2023): lambda* for labelled and
    unlabelled samples apart, with labelled moments.
    """
    y, f, rest = split(rows)
    n, big = len(y), len(rest)
    spread = ((f - f.mean()) ** 2).sum()
    lam = ((y - y.mean()) * (f - f.mean())).sum() / spread / (1 + n / big) if spread > 1e-6 else 0
    return lam * rest.mean() + (y - lam * f).mean(), lam


def slow_jackknife(
    judge: list[float], human: list[float | None], clusters: list[int]
) -> tuple[float, float]:
    """Estimate and standard error by leaving out clusters in the published estimator."""

    def theta(kept: list[int]) -> float:
        y, f, _ = split([(judge[i], human[i]) for i in kept])
        total = np.mean([judge[i] for i in kept])
        spread = ((f - f.mean()) ** 2).sum()
        slope = ((y - y.mean()) * (f - f.mean())).sum() / spread if spread > 1e-8 else 0.0
        return float(y.mean() + slope * (total - f.mean()))

    every = list(range(len(judge)))
    with_labels = {clusters[i] for i in every if human[i] is not None}
    variance = 0.0
    for stratum in (with_labels, set(clusters) - with_labels):
        left = [theta([i for i in every if clusters[i] != c]) for c in sorted(stratum)]
        if len(left) > 1:
            variance += (len(left) - 1) * float(np.var(left))
    return theta(every), math.sqrt(variance)


def sample(
    seed: int, labels: int, items: int, *, bias: float = 0.2
) -> tuple[list[float], list[float | None]]:
    """A biased, noisy graded judge; true mean 0.625; labels drawn at random."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(2.0, 1.2, items)
    judge = np.clip(truth + bias + rng.normal(0.0, 0.15, items), 0.0, 1.0)
    drawn = set(rng.choice(items, labels, replace=False).tolist())
    return judge.tolist(), [float(truth[i]) if i in drawn else None for i in range(items)]


def test_estimate_is_the_published_one() -> None:
    """Labelled and unlabelled samples apart with lambda*, or all items with the slope: the same."""
    judge, human = sample(1, 40, 300)
    found = ppi.mean(judge, human)
    expected, lam = published(list(zip(judge, human, strict=True)))
    assert found.interval.estimate == pytest.approx(expected, rel=1e-12)
    assert found.weight == pytest.approx(lam * (1 + 40 / 260), rel=1e-12)
    assert (found.labels, found.items) == (40, 300)
    assert found.judge_mean == pytest.approx(np.mean(judge))
    assert found.effective_labels > 60
    assert found.interval.method == "jackknife-t"


@given(seed=st.integers(0, 10_000), clusters=st.integers(4, 40), binary=st.booleans())
@settings(derandomize=True, max_examples=40, deadline=None)
def test_jackknife_matches_leaving_out_by_hand(
    seed: int,
    clusters: int,
    binary: bool,  # noqa: FBT001
) -> None:
    """Sums over clusters give what recomputing without each cluster gives, straddling ones too."""
    rng = np.random.default_rng(seed)
    judge, human = sample(seed, 20, 60)
    if binary:
        judge = [float(x > 0.7) for x in judge]
    labels = rng.integers(0, clusters, 60).tolist()
    found = ppi.mean(judge, human, labels, rule="held effect")
    value, error = slow_jackknife(judge, human, labels)
    assert found.interval.estimate == pytest.approx(min(1.0, max(0.0, value)), abs=1e-9)
    freedom = len({c for c, h in zip(labels, human, strict=True) if h is not None}) - 1
    if found.interval.method == "jackknife-t" and freedom > 0:
        half = scipy.stats.t.ppf(0.975, freedom) * error
        assert found.interval.lower == pytest.approx(max(0.0, value - half), abs=1e-7)
        assert found.interval.upper == pytest.approx(min(1.0, value + half), abs=1e-7)


def test_rare_losses_leave_more_doubt_below_than_t() -> None:
    """By hand: labels that are mostly near 1 and rarely far below it.

    t alone passes falls of exactly the margin in 7 % instead of 2.5 % (dev/LOG.md, 2026-11-22).
    """
    rng = np.random.default_rng(5)
    human = np.where(rng.random(60) < 0.08, 0.2, 1.0 - 0.1 * rng.random(60))
    judge = rng.random(360)
    labels = [*human.tolist(), *[None] * 300]
    known = ppi.mean(judge, labels, rule="held effect")
    found = ppi.mean(judge, labels)
    critical = scipy.stats.t.ppf(0.975, 59)
    error = (known.interval.upper - known.interval.estimate) / critical
    beyond = scipy.stats.skew(human - known.weight * judge[:60]) + math.sqrt(6 / 60)
    assert beyond < -1.0  # else this shows nothing
    _, all_of_it = skewness.ends(critical, (beyond,), 60)
    _, most_of_it = skewness.ends(critical, (0.8 * beyond,), 60)
    reached = (found.interval.estimate - found.interval.lower) / error
    assert critical < most_of_it < reached < all_of_it
    assert found.interval.upper == pytest.approx(known.interval.upper)


def test_wins_and_losses_are_read_as_they_were() -> None:
    """Skewness is allowed for where grades show it, not where what is lost is lost whole."""
    rng = np.random.default_rng(6)
    human = np.where(rng.random(60) < 0.2, -1.0, 0.0)
    judge = np.where(rng.random(360) < 0.2, -1.0, 0.0)
    labels = [*human.tolist(), *[None] * 300]
    found = ppi.difference(judge, labels).interval
    assert found == ppi.difference(judge, labels, rule="held effect").interval
    assert "adjusted" not in found.method
    graded = ppi.difference(0.9 * judge, labels).interval
    assert graded != ppi.difference(0.9 * judge, labels, rule="held effect").interval


def test_difference_is_the_same_on_differences() -> None:
    """An affine change of scale: differences 2 m - 1 of scores m give twice the interval."""
    judge, human = sample(2, 40, 200)
    found = ppi.mean(judge, human).interval
    stretched = ppi.difference(
        [2 * x - 1 for x in judge], [None if x is None else 2 * x - 1 for x in human]
    ).interval
    assert stretched.estimate == pytest.approx(2 * found.estimate - 1)
    assert stretched.lower == pytest.approx(2 * found.lower - 1)


def test_known_probabilities_undo_the_choice_of_labels() -> None:
    """Hard items labelled eight times as often: ignoring that is far off, weighing is right."""
    rng = np.random.default_rng(3)
    weighed, ignored = [], []
    for _ in range(150):
        truth = rng.random(400)
        judge = np.clip(0.5 + 0.3 * (truth - 0.5) + rng.normal(0.0, 0.1, 400), 0.0, 1.0)
        chance = np.where(truth < 0.5, 0.24, 0.03)
        drawn = rng.random(400) < chance
        human = [float(truth[i]) if drawn[i] else None for i in range(400)]
        weighed.append(ppi.mean(judge, human, probabilities=chance).interval)
        ignored.append(ppi.mean(judge, human).interval)
    assert abs(np.mean([i.estimate for i in weighed]) - 0.5) < 0.02
    assert np.mean([i.estimate for i in ignored]) < 0.42
    assert sum(i.lower <= 0.5 <= i.upper for i in weighed) >= 136
    same = ppi.mean(judge, human, probabilities=[0.3] * 400)
    assert same == ppi.mean(judge, human)


def test_weighted_estimate_by_hand() -> None:
    """Ratio of weighted sums, corrected by the slope that minimises the weighted variance: weights
    squared around the weighted means.
    """
    judge, human = sample(5, 12, 40)
    chance = np.linspace(0.1, 0.9, 40)
    found = ppi.mean(judge, human, probabilities=chance)
    rows = [(1 / p, f, y) for p, f, y in zip(chance, judge, human, strict=True) if y is not None]
    w, f, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    f0, y0 = (w * f).sum() / w.sum(), (w * y).sum() / w.sum()
    slope = (w**2 * (f - f0) * (y - y0)).sum() / (w**2 * (f - f0) ** 2).sum()
    assert found.weight == pytest.approx(slope)
    assert found.interval.estimate == pytest.approx(y0 + slope * (np.mean(judge) - f0))
    assert found.interval.method == "jackknife-t-adjusted"


def test_post_stratified_by_hand() -> None:
    """Shares per judge value with half a label in every cell, at the effective number of labels
    that unequal weights leave, and the error of how often the judge says 1.
    """
    says = [1.0] * 6 + [0.0] * 4 + [1.0] * 20 + [0.0] * 10
    right = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    chance = [0.2, 0.4] * 20
    found = ppi.mean(says, [*right, *[None] * 30], probabilities=chance).interval
    kish = 10 * (5 * 4 + 5 * 1) / (5 * 2 + 5 * 1) ** 2
    share_1, share_0 = (9 - 1) / 9, 2 / 6
    m_1, m_0 = 6 / kish, 4 / kish
    p_1, p_0 = (share_1 * m_1 + 0.5) / (m_1 + 1), (share_0 * m_0 + 0.5) / (m_0 + 1)
    w = 26 / 40
    variance = w**2 * p_1 * (1 - p_1) / (m_1 + 1) + (1 - w) ** 2 * p_0 * (1 - p_0) / (m_0 + 1)
    variance += (p_1 - p_0) ** 2 * w * (1 - w) / 39
    freedom = (5 * 4 + 5 * 1) ** 2 / (5 * 16 + 5 * 1) - 1
    half = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    centre = w * p_1 + (1 - w) * p_0
    assert found.method == "post-stratified"
    assert found.lower == pytest.approx(centre - half)
    assert found.upper == pytest.approx(min(1.0, centre + half))


def test_few_heavy_labels_leave_few_degrees_of_freedom() -> None:
    """Of 40 labels, 10 weigh four times as much: a t on 12.9 degrees, by moments and by hand.

    A sum of squares of normals with these weights is that chi-square's in mean and variance.
    """
    judge, human = sample(7, 40, 400)
    given = [i for i, y in enumerate(human) if y is not None]
    chance = np.full(400, 0.4)
    chance[given[:10]] = 0.1
    w2 = np.array([16.0] * 10 + [1.0] * 30)
    freedom = w2.sum() ** 2 / (w2**2).sum() - 1
    assert freedom == pytest.approx(12.94, abs=0.01)
    draws = np.random.default_rng(8).standard_normal((100_000, 40)) ** 2 @ w2
    assert 2 * draws.mean() ** 2 / draws.var() == pytest.approx(freedom + 1, rel=0.03)
    wide, narrow = (
        ppi.mean(judge, human, probabilities=chance, alpha=alpha).interval for alpha in (0.05, 0.2)
    )
    expected = scipy.stats.t.ppf(0.975, freedom) / scipy.stats.t.ppf(0.9, freedom)
    found = (wide.upper - wide.lower) / (narrow.upper - narrow.lower)
    assert found == pytest.approx(expected, rel=1e-9)
    two = ppi.mean([0.5, 0.6, 0.7], [0.4, 0.6, None], probabilities=[1.0, 1e-9, 1.0]).interval
    assert (two.lower, two.upper) == (0.0, 1.0)


def test_equal_chances_are_a_t_on_all_labelled_clusters() -> None:
    """Whatever the chance is, and however many labels a cluster has."""
    judge, human = sample(9, 30, 200)
    clusters = [i // 3 for i in range(200)]
    count = len({c for c, y in zip(clusters, human, strict=True) if y is not None})
    same = [0.3] * 200
    wide, narrow = (
        ppi.mean(
            judge, human, clusters, probabilities=same, alpha=alpha, rule="held effect"
        ).interval
        for alpha in (0.05, 0.2)
    )
    expected = scipy.stats.t.ppf(0.975, count - 1) / scipy.stats.t.ppf(0.9, count - 1)
    found = (wide.upper - wide.lower) / (narrow.upper - narrow.lower)
    assert found == pytest.approx(expected, rel=1e-9)


def test_labels_of_one_customer_count_as_one() -> None:
    """Customers whose five messages are copies: nearly as wide as one message each."""
    rng = np.random.default_rng(6)
    right = rng.random(60) < 0.6
    says = np.where(right, rng.random(60) < 0.8, rng.random(60) < 0.3).astype(float)
    human = [float(r) if i < 20 else None for i, r in enumerate(right)]
    alone = ppi.mean(says, human).interval
    copied = says.repeat(5), [h for h in human for _ in range(5)]
    known = ppi.mean(*copied, np.arange(60).repeat(5).tolist()).interval
    naive = ppi.mean(*copied).interval
    assert known.method == "post-stratified"
    assert known.upper - known.lower > 0.9 * (alone.upper - alone.lower)
    assert naive.upper - naive.lower < 0.6 * (alone.upper - alone.lower)


def test_without_use_of_the_judge_the_labels_speak() -> None:
    """All items labelled, or a constant judge: the plain interval; a useless judge has weight 0."""
    human = [1.0, 0.0, 1.0, 1.0, 0.5, 0.0]
    assert ppi.mean([0.3, 0.1, 0.9, 0.2, 0.5, 0.5], human).interval == mean.interval(human)
    some = [*human, None, None]
    found = ppi.mean([0.7] * 8, some)
    assert found.interval == mean.interval(human)
    assert (found.weight, found.judge_mean) == (0.0, pytest.approx(0.7))
    signed = [1.0, 0.0, -1.0, 1.0]
    expected = paired.interval([1, 0, 0, 1], [0, 0, 1, 0])
    assert ppi.difference([0.0] * 5, [*signed, None]).interval == expected


def test_thirty_agreements_are_not_certainty() -> None:
    """A judge that agrees with all 30 labels, of either sort, leaves several points open."""
    rng = np.random.default_rng(4)
    judge = rng.choice([-1.0, 0.0, 1.0], 500).tolist()
    found = ppi.difference(judge, [*judge[:30], *[None] * 470])
    assert found.interval.method == "jackknife-t-adjusted"
    assert found.interval.upper - found.interval.lower > 0.15
    binary = [float(x > 0) for x in judge]
    exact = ppi.mean(binary, [*binary[:30], *[None] * 470])
    assert exact.interval.method == "post-stratified"
    assert exact.interval.upper - exact.interval.lower > 0.1


def test_one_labelled_cluster_says_nothing() -> None:
    """Labels of a single customer leave the whole range open."""
    found = ppi.mean([0.1, 0.9, 0.4, 0.5], [0.0, 1.0, None, None], ["a", "a", "b", "c"])
    assert (found.interval.lower, found.interval.upper) == (0.0, 1.0)
    assert found.interval.method == "one-cluster"


@pytest.mark.parametrize("sort", ["graded", "binary"])
def test_thirty_labels_cover_whatever_the_judge(sort: str) -> None:
    """30 labels, judge 0.2 too high: 95 % intervals cover in at least 92 % of 250 seeded runs
    (nominal 95, simulated error 1.4 points; larger runs under tests/statistics), the judge's own
    mean hardly ever does, and mostly the interval is narrower than that of the labels.
    """
    covered = alone = narrower = 0
    for seed in range(250):
        judge, human = sample(seed, 30, 400)
        truth = 2 / 3.2
        if sort == "binary":
            rng = np.random.default_rng(seed)
            right = rng.random(400) < truth
            judge = np.where(right, rng.random(400) < 0.95, rng.random(400) < 0.45).tolist()
            human = [float(r) if i < 30 else None for i, r in enumerate(right)]
        found = ppi.mean(judge, human)
        covered += found.interval.lower <= truth <= found.interval.upper
        naive = clustering.t_interval(clustering.robust_mean(judge))
        alone += naive[0] <= truth <= naive[1]
        labels = mean.interval([h for h in human if h is not None])
        narrower += found.interval.upper - found.interval.lower < labels.upper - labels.lower
    assert covered >= 230
    assert alone <= 5
    assert narrower > 180


def test_bad_input_is_refused() -> None:
    """No label, wrong lengths, scores and probabilities out of range."""
    with pytest.raises(ValueError, match="no item has a human label"):
        ppi.mean([0.5], [None])
    with pytest.raises(ValueError, match="1 labels for 2 judge scores"):
        ppi.mean([0.5, 0.5], [1.0])
    with pytest.raises(ValueError, match="1 clusters for 2"):
        ppi.mean([0.5, 0.5], [1.0, None], ["x"])
    with pytest.raises(ValueError, match="not finite"):
        ppi.mean([0.5, math.nan], [1.0, None])
    with pytest.raises(ValueError, match="outside"):
        ppi.mean([0.5, 0.5], [1.5, None])
    with pytest.raises(ValueError, match="outside"):
        ppi.difference([0.5, -1.5], [1.0, None])
    with pytest.raises(ValueError, match=r"probability 0\.0"):
        ppi.mean([0.5, 0.5], [1.0, None], probabilities=[0.0, 0.5])
