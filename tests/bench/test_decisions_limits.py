"""What is said to be out of reach is: held against all sets of outcomes of a few pairs."""

import itertools

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

import scipy.stats
from bench.decisions import (
    coverage,
    coverage_limits,
    coverage_rules,
    deviate,
    melded,
)


def better(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """As many gains or more, as many losses or fewer."""
    return one[0] >= other[0] and one[1] <= other[1]


@pytest.mark.parametrize("monotone", [True, False])
@pytest.mark.parametrize(("up", "down"), [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2)])
def test_the_integer_program_is_the_best_of_all_sets(up, down, monotone) -> None:
    """Of the 32,768 sets of the outcomes of four pairs."""
    n, alpha, grid = 4, 0.2, 12
    found = coverage_limits.outcomes(n)
    places = list(zip(found.gains.tolist(), found.losses.tolist(), strict=True))
    null = up - down
    downs = max(0.0, -null) + 0.5 * (1 - abs(null)) * np.linspace(0.0005, 0.999, grid) ** 2
    under = np.array([found.chance(d + null, d) for d in (*downs, down)])
    sets = np.array([*itertools.product((False, True), repeat=len(places))])
    allowed = (sets @ under.T <= alpha + 1e-12).all(axis=1)
    if monotone:
        for (i, one), (j, other) in itertools.permutations(enumerate(places), 2):
            if better(other, one):
                allowed &= ~sets[:, i] | sets[:, j]
    best = (sets[allowed] @ found.chance(up, down)).max()
    told = coverage_limits.most(n, up, down, monotone=monotone, alpha=alpha, grid=grid)
    assert told == pytest.approx(best, abs=2e-4)


def test_no_interval_covers_less_than_the_limit() -> None:
    """Fay and Lumbard's is exact, so it covers at least the limit; a freer family covers less."""
    found = coverage_limits.limit(20, 0.1)
    assert 0.95 <= found.any <= found.monotone <= found.melded <= 1.0
    assert found.discordant == pytest.approx(20 * sum(coverage_limits.shares(0.1)))


def test_shares_are_those_of_the_grid() -> None:
    """Their difference is exact, and simulated pairs have them."""
    up, down = coverage_limits.shares(0.1)
    assert up - down == pytest.approx(0.018)
    rng = np.random.default_rng(1)
    drawn = coverage.drawn("right/wrong", 200, 1, 0.0, (0.118, 0.1), 2_000, rng)
    assert (drawn > 0).mean() == pytest.approx(up, abs=0.002)
    assert (drawn < 0).mean() == pytest.approx(down, abs=0.002)


@pytest.mark.parametrize(("gains", "losses", "n"), [(14, 5, 50), (0, 3, 50), (7, 7, 20), (5, 0, 5)])
def test_the_melded_interval_is_the_one_of_drawn_bounds(gains, losses, n) -> None:
    """A slow obvious reference: quantiles of bounds drawn from their distributions."""
    rng = np.random.default_rng(2)
    ends = []
    for up, down in ((gains, losses), (losses, gains)):
        m = up + down
        phi = rng.beta(up, down + 1, 400_000) if up else np.zeros(400_000)
        fewer = rng.beta(m, n - m + 1, 400_000)
        more = rng.beta(m + 1, n - m, 400_000) if m < n else np.ones(400_000)
        theta = np.where(phi < 0.5, more, fewer)
        ends.append(float(np.quantile(theta * (2 * phi - 1), 0.025)))
    assert melded.interval(gains, losses, n) == pytest.approx((ends[0], -ends[1]), abs=0.004)


def test_at_no_difference_it_is_the_sign_test() -> None:
    """Compatible with McNemar's exact test; without discordant pairs the bound of a share."""
    for gains, losses in ((9, 1), (5, 0), (3, 6)):
        told = melded.p_value(gains, losses, 30, 0.0)
        tail = scipy.stats.binomtest(gains, gains + losses, alternative="greater").pvalue
        assert told == pytest.approx(tail, abs=1e-9)
    half = 1 - 0.025 ** (1 / 50)
    assert melded.interval(0, 0, 50) == pytest.approx((-half, half), abs=1e-6)
    assert melded.covers(2, 1, 50, 0.0)
    assert not melded.covers(12, 0, 50, 0.0)


def test_the_normal_at_the_floor_is_never_wider_than_ours() -> None:
    """What it covers ours covers; where no effect is estimated they are the same."""
    rng = np.random.default_rng(3)
    truth = 0.018
    for clusters, size in ((20, 3), (60, 1)):
        drawn = coverage.drawn("right/wrong", clusters, size, 0.0, (0.118, 0.1), 500, rng)
        runs = coverage.steps(drawn, clusters, size, binary=True)
        last = deviate.prefixes(runs, np.array([clusters]))
        floor, ours = (
            coverage_rules.RULES[rule](runs, last, truth, rng) for rule in ("floor", "ours")
        )
        assert (ours | ~floor).all()
        assert (floor != ours).any() == (size > 1)
