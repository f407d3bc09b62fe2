"""Simulated error rates of what the evaluation layer asks: looks, clusters, edges.

Each simulation lives under its null, so the crossing rate is the type-I error. Limits are alpha
plus three standard errors of the simulation, plus an allowance where the method is known to be
approximate, stated in the test. The generator is seeded: a rate changes only with the code.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from escalera.core.stats import mean, noninferiority, paired, sequential

pytestmark = pytest.mark.slow

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)

Scores = NDArray[np.float64]


def beta_binomial(
    rng: np.random.Generator, share: float, icc: float, shape: tuple[int, int]
) -> Scores:
    """Binary scores in (clusters, items) whose cluster shares are beta with the given ICC."""
    scale = 1.0 / icc - 1.0
    shares = rng.beta(share * scale, (1.0 - share) * scale, shape[0])
    return (rng.random(shape) < shares[:, None]).astype(np.float64)


def limit(alpha: float, runs: int, allowance: float = 0.0) -> float:
    """The largest acceptable rate."""
    return alpha + allowance + 3.0 * math.sqrt(alpha * (1.0 - alpha) / runs)


def crossed(statistics: list[float], looks: tuple[float, ...]) -> str:
    """Feed the statistics look by look and return the final status."""
    state = sequential.init(sequential.Plan())
    for information_time, z in zip(looks, statistics, strict=True):
        state = sequential.update(state, information_time=information_time, statistic_z=z)
        if sequential.read(state).status != "continue":
            break
    return sequential.read(state).status


def one_sample_rates(
    share: float, icc: float, clusters: int, size: int, looks: tuple[float, ...], runs: int
) -> tuple[float, float]:
    """Rates of crossing (up, down) when the mean is exactly at the bar."""
    rng = np.random.default_rng(11)
    labels = np.repeat(np.arange(clusters), size)
    ends = []
    for _ in range(runs):
        scores = beta_binomial(rng, share, icc, (clusters, size)).reshape(-1)
        counts = [round(clusters * t) * size for t in looks]
        ends.append(
            crossed([mean.z_statistic(scores[:n], labels[:n], bar=share) for n in counts], looks)
        )
    return ends.count("crossed-up") / runs, ends.count("crossed-down") / runs


@pytest.mark.parametrize(
    ("share", "icc", "clusters", "size", "allowance"),
    [
        (0.80, 1e-6, 300, 1, 0.0),
        (0.95, 1e-6, 100, 1, 0.0),
        (0.80, 0.30, 60, 5, 0.0),
        (0.70, 0.30, 20, 20, 0.0),
        # Estimated design effects near the edge: known to exceed by about a point.
        (0.90, 0.30, 40, 10, 0.01),
        (0.95, 0.10, 100, 4, 0.01),
    ],
)
def test_five_looks_at_a_share_against_its_bar(
    share: float, icc: float, clusters: int, size: int, allowance: float
) -> None:
    """With five looks a system exactly at its bar is called adequate or inadequate in 5 %."""
    up, down = one_sample_rates(share, icc, clusters, size, FIVE, 2000)
    assert up + down <= limit(0.05, 2000, allowance)
    assert max(up, down) <= limit(0.025, 2000, allowance)


def test_ignoring_clusters_would_err_far_more() -> None:
    """The same data without labels cross in more than 20 %: the test can see a fault."""
    rng = np.random.default_rng(12)
    ended = 0
    for _ in range(400):
        scores = beta_binomial(rng, 0.7, 0.3, (20, 20)).reshape(-1)
        ended += abs(mean.z_statistic(scores, bar=0.7)) > 1.96
    assert ended / 400 > 0.2


def paired_status(rng: np.random.Generator, *, skew: bool) -> str:
    """Five looks at 40 clusters of 6 graded pairs of equal mean, correlated in clusters."""
    effects = rng.exponential(0.2, 40) - 0.2 if skew else rng.normal(0.0, 0.15, 40)
    differences = np.clip(effects[:, None] + rng.normal(0.0, 0.1, (40, 6)), -1.0, 1.0).reshape(-1)
    candidate, baseline = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    labels = np.repeat(np.arange(40), 6)
    counts = [round(240 * t) for t in FIVE]
    statistics = [paired.z_statistic(candidate[:n], baseline[:n], labels[:n]) for n in counts]
    return crossed(statistics, FIVE)


@pytest.mark.parametrize(("skew", "allowance"), [(False, 0.0), (True, 0.02)])
def test_five_looks_at_a_clustered_difference(skew: bool, allowance: float) -> None:  # noqa: FBT001
    """Equal graded systems are told apart in 5 %; strongly skewed differences cost more."""
    rng = np.random.default_rng(13)
    runs = 2000
    ended = [paired_status(rng, skew=skew) for _ in range(runs)]
    rate = 1 - ended.count("finished") / runs
    assert rate <= limit(0.05, runs, allowance)


@pytest.mark.parametrize("losses", [0.05, 0.10])
def test_a_system_worse_by_the_margin_is_rarely_non_inferior(losses: float) -> None:
    """True difference -0.05: five looks declare non-inferiority in about 2.5 %, even when only
    losses occur, where a standard error of few disagreements would be far too small.
    """
    rng = np.random.default_rng(14)
    runs, n, wrong = 1500, 400, 0
    for _ in range(runs):
        draws = rng.random(n)
        baseline = np.where(draws < losses, 1.0, 0.0)
        candidate = np.where((draws >= losses) & (draws < 2 * losses - 0.05), 1.0, 0.0)
        state = sequential.init(sequential.Plan())
        for t in FIVE:
            end = round(n * t)
            z = paired.z_statistic(candidate[:end], baseline[:end], null=-0.05)
            state = sequential.update(state, information_time=t, statistic_z=z)
            if sequential.read(state).status != "continue":
                break
        wrong += sequential.read(state).status == "crossed-up"
    assert wrong / runs <= limit(0.025, runs, 0.005)


def test_repeated_intervals_rarely_call_different_systems_equivalent() -> None:
    """Stopping at the first decided verdict, a difference of the margin is called equivalent, or
    of the wrong sign, in at most 2.5 % each.
    """
    rng = np.random.default_rng(15)
    runs, n, margin = 600, 600, 0.05
    outcomes = []
    for _ in range(runs):
        draws = rng.random(n)
        baseline = np.where(draws < 0.10, 1.0, 0.0)
        candidate = np.where((draws >= 0.10) & (draws < 0.15), 1.0, 0.0)
        state = sequential.init(sequential.Plan())
        outcome = "undecided"
        for t in FIVE:
            end = round(n * t)
            state = sequential.update(state, information_time=t, statistic_z=0.0)
            found = paired.interval(
                candidate[:end], baseline[:end], alpha=sequential.read(state).nominal_alpha
            )
            outcome = noninferiority.judge(
                estimate=found.estimate, lower=found.lower, upper=found.upper, margin=margin
            ).outcome
            if outcome != "undecided":
                break
        outcomes.append(outcome)
    assert outcomes.count("equivalent") / runs <= limit(0.025, runs)
    assert outcomes.count("better") / runs <= limit(0.025, runs)
    assert outcomes.count("worse") / runs > 0.5


@pytest.mark.parametrize(("share", "n"), [(0.5, 25), (0.9, 40), (0.97, 60), (0.99, 200)])
def test_wilson_covers(share: float, n: int) -> None:
    """Exact coverage of Wilson's 95 % interval, summed over all counts, stays above 92.5 %."""
    weights = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    covered = 0.0
    for k in range(n + 1):
        found = mean.interval([1.0] * k + [0.0] * (n - k))
        covered += weights[k] * (found.lower <= share <= found.upper)
    assert covered > 0.925


@pytest.mark.parametrize(
    ("share", "clusters", "size"), [(0.7, 40, 10), (0.7, 20, 20), (0.95, 40, 10), (0.99, 30, 10)]
)
def test_clustered_interval_covers(share: float, clusters: int, size: int) -> None:
    """With ICC 0.3 the 95 % interval covers in at least 93 %, where items would give 55 to 69 %."""
    rng = np.random.default_rng(16)
    labels = np.repeat(np.arange(clusters), size)
    runs, covered = 1500, 0
    for _ in range(runs):
        scores = beta_binomial(rng, share, 0.3, (clusters, size)).reshape(-1)
        found = mean.interval(scores, labels)
        covered += found.lower <= share <= found.upper
    assert 1 - covered / runs <= limit(0.05, runs, 0.02)


@pytest.mark.parametrize(
    ("share", "icc", "clusters"),
    [(0.95, 0.3, 20), (0.95, 0.5, 20), (0.98, 0.3, 40), (0.98, 0.5, 40), (0.98, 0.5, 80)],
)
def test_clustered_interval_covers_near_the_edge(share: float, icc: float, clusters: int) -> None:
    """Where few clusters hold a failure, 95 % covers 94 % but for the noise of the simulation."""
    rng = np.random.default_rng(17)
    labels = np.repeat(np.arange(clusters), 10)
    runs, covered = 1000, 0
    for _ in range(runs):
        scores = beta_binomial(rng, share, icc, (clusters, 10)).reshape(-1)
        found = mean.interval(scores, labels)
        covered += found.lower <= share <= found.upper
    assert 1 - covered / runs <= limit(0.06, runs)
