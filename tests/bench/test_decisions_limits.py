"""What is said to be out of reach is: held against all sets of outcomes of a few pairs."""

import itertools

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

import scipy.stats
from bench.decisions import (
    best_of_k,
    best_of_limits,
    coverage,
    coverage_limits,
    coverage_rules,
    deviate,
    melded,
    pilot_prices,
    top_two,
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


def test_who_is_told_the_best_arms_chooses_among_them() -> None:
    """By the patterns' chances, which is the higher mean of two; calls are those of all arms."""
    rng = np.random.default_rng(5)
    scores = (rng.random((6, 4_000)) < np.array([[0.8], [0.7], [0.2], [0.2], [0.1], [0.1]])) * 1.0
    for weigh in (True, False):
        winners = []
        for seed in range(40):
            winner, seen = best_of_limits.told(
                scores, 20, np.random.default_rng(seed), best=2, weigh=weigh
            )
            assert seen.size == 60
            winners.append(winner)
        assert set(winners) <= {0, 1}
        assert winners.count(0) > winners.count(1)
    either = [
        best_of_limits.told(scores, 20, np.random.default_rng(seed), best=2, weigh=weigh)[0]
        for seed in range(40)
        for weigh in (True, False)
    ]
    assert either[::2] == either[1::2]


def test_weighing_all_orders_is_adding_up_their_chances() -> None:
    """Three arms: the sum over orders, written out."""
    rng = np.random.default_rng(6)
    whole = (rng.random((3, 500)) < np.array([[0.6], [0.55], [0.4]])) * 1.0
    seen = whole[:, rng.permutation(500)[:25]]
    best = int(whole.mean(axis=1).argmax())
    chances: dict[tuple[float, ...], float] = {}
    for pattern in whole.T:
        chances[tuple(pattern)] = chances.get(tuple(pattern), 0.0) + 1 / 500
    weight = np.zeros(3)
    for order in itertools.permutations(range(3)):  # label k is arm order[k]
        likely = 1.0
        for pattern in seen.T:
            true = tuple(pattern[order.index(arm)] for arm in range(3))
            likely *= chances.get(true, 1e-12)
        weight[order.index(best)] += likely
    assert best_of_limits._weighed(whole, seen) == int(weight.argmax())


def test_top_two_stay_within_their_calls_and_find_a_sure_winner() -> None:
    """What it knows of the arms is the normal posterior of their means."""
    rng = np.random.default_rng(7)
    sure = np.vstack([np.zeros((7, 200)), np.ones((1, 200))])
    winner, seen = top_two.choose(sure, 20, rng)
    assert winner == 7
    assert top_two.FIRST <= seen.size <= 8 * 20
    scores = rng.random((3, 30))
    known = top_two._Known(scores)
    known.ask(1, 3)
    asked = np.zeros((3, 30), dtype=bool)
    asked[:, : top_two.FIRST] = True
    asked[1, : top_two.FIRST + 3] = True
    arm, item = np.nonzero(asked)
    noise = top_two.NOISE * np.eye(len(arm)) + top_two.EASE * (item[:, None] == item[None])
    design = np.eye(3)[arm]
    centred = scores[arm, item] - scores[:, : top_two.FIRST].mean()
    precision = design.T @ np.linalg.solve(noise, design) + np.eye(3) / top_two.SPREAD
    mean, spread = known.posterior()
    assert spread == pytest.approx(np.linalg.inv(precision))
    assert mean == pytest.approx(spread @ design.T @ np.linalg.solve(noise, centred))


def test_the_same_arms_are_chosen_among_by_all() -> None:
    """Every way has a share for each field."""
    scores = (np.random.default_rng(8).random((12, 300)) < np.linspace(0.2, 0.8, 12)[:, None]) * 1.0
    found = best_of_limits.near(scores, best_of_k.close, 9, 3, (1, 2))
    assert set(found) == set(best_of_limits._ways(binary=True))
    assert all(0.0 <= share <= 1.0 for share in found.values())


def test_prices_with_all_prompts_are_nearer_and_never_beyond_the_bound() -> None:
    """Answers as long as their prompts: known; of their own: as near as the bound lets them be."""
    rng = np.random.default_rng(9)
    read = rng.lognormal(6.0, 0.8, 5_000).round()
    assert pilot_prices.bound((read, read / 4), 10) > 0.99
    free = rng.lognormal(5.0, 0.9, 5_000).round()
    lengths = (np.full(5_000, 50.0), free)
    errors = []
    for _ in range(300):
        drawn = rng.choice(5_000, size=pilot_prices.RUN)
        told = pilot_prices.told(lengths[0][drawn], free[drawn], range(10), level=True)
        errors.append(told.micro_dollars / (50.0 + 4.0 * free[drawn].mean()) - 1.0)
    limit = pilot_prices.bound(lengths, 10)
    assert 0.2 < np.mean(np.abs(errors) <= 0.15) < limit + 0.1
