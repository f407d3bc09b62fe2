"""The bound for clusters holds for every set of outcomes of few of them."""

import itertools
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from bench.decisions import cluster_limits, coverage_limits
from bench.decisions.cluster_limits import Pattern, Patterns


def counted(values, chances, kinds):
    """Rows of `seen`, so often as outcomes have chance, in millionths."""
    rows = cluster_limits.seen(np.array(values, dtype=float), kinds)
    found: Counter[tuple[int, ...]] = Counter()
    for row, chance in zip(rows.tolist(), chances, strict=True):
        found[tuple(row)] += round(1e6 * chance)
    return found


def test_what_a_rule_is_told() -> None:
    """Three clusters of three: a gain of 1, two losses, a little loss beside a gain."""
    kinds = Patterns(
        gains=(Pattern(1, 1.0), Pattern(2, 1.0)),
        losses=(Pattern(1, 1.0), Pattern(2, 0.25), Pattern(2, 1.0)),
        items=3,
    )
    values = [[[0.0, 1.0, 0.0], [-1.0, 0.0, -0.25], [1.0, -0.25, 0.0]]]
    assert cluster_limits.seen(np.array(values), kinds).tolist() == [[2, 1, 0, 0, 0, 1]]


def test_clusters_of_one_item_have_the_bound_of_items() -> None:
    """Right/wrong: the integer program of `coverage_limits`, over the same outcomes."""
    n, up, down = 12, 0.06, 0.03
    found = coverage_limits.outcomes(n)
    chance = found.chance(up, down)
    values = np.zeros((len(chance), n, 1))
    for row, (gains, losses) in enumerate(zip(found.gains, found.losses, strict=True)):
        values[row, :gains], values[row, gains : gains + losses] = 1.0, -1.0
    kinds = cluster_limits.patterns("right/wrong", 1)
    told = cluster_limits.most(
        counted(values, chance, kinds), up - down, kinds, clusters=n, alpha=0.2
    )
    # The lower end of the mirrored difference is the upper end of this one.
    items = coverage_limits.most(n, down, up, monotone=True, alpha=0.2)
    assert told == pytest.approx(items, abs=5e-3)


def lower(one, other) -> bool:
    """Whether two clusters are below two others, in some order of them and of their items."""
    return any(
        all((np.sort(a) <= np.sort(b)).all() for a, b in zip(one, order, strict=True))
        for order in itertools.permutations(other)
    )


@pytest.mark.parametrize("truth", [0.1, -0.1])
def test_no_set_of_outcomes_is_worth_more(truth) -> None:
    """Two clusters of two items: all sets of their 21 outcomes that keep 45 % on the same grid."""
    alpha, grid = 0.45, 15
    kinds = cluster_limits.patterns("right/wrong", 2)
    types = list(itertools.combinations_with_replacement((-1.0, 0.0, 1.0), 2))
    worlds = list(itertools.combinations_with_replacement(range(len(types)), 2))

    def chances(shares):
        return np.array([shares[a] * shares[b] * (2 - (a == b)) for a, b in worlds])

    rows = []
    for gain, loss in itertools.product(kinds.gains, kinds.losses):
        least = max(0.0, -2 * truth / loss.total)
        both = gain.total + loss.total
        room = (gain.total - 2 * truth - least * both) / both
        for down in least + room * np.linspace(0.0005, 0.999, grid) ** 2:
            up = max(0.0, (2 * truth + loss.total * down) / gain.total)
            shares = dict.fromkeys(types, 0.0)
            shares[tuple(sorted([1.0] * gain.items + [0.0] * (2 - gain.items)))] = up
            shares[tuple(sorted([-1.0] * loss.items + [0.0] * (2 - loss.items)))] = down
            shares[0.0, 0.0] = 1.0 - up - down
            rows.append(chances(list(shares.values())))
    cell = np.array([0.04, 0.12, 0.04, 0.5, 0.2, 0.1])
    worth = chances(cell)
    values = [[types[a], types[b]] for a, b in worlds]
    sets = np.arange(2 ** len(worlds), dtype=np.int64)
    for (i, one), (j, other) in itertools.permutations(enumerate(values), 2):
        if lower(np.array(one), np.array(other)):
            sets = sets[((sets >> j) & 1) <= ((sets >> i) & 1)]
    members = (sets[:, None] >> np.arange(len(worlds))) & 1
    kept = members[(members @ np.array(rows).T <= alpha + 1e-12).all(axis=1)]
    best = float((kept @ worth).max())
    told = cluster_limits.most(
        counted(values, worth, kinds), truth, kinds, clusters=2, alpha=alpha, grid=grid
    )
    assert 0.0 < best <= told + 1e-4
    assert told < worth.sum() - 1e-3


def test_a_cell_that_is_out_of_reach() -> None:
    """20 clusters of three, 2 % right: no such interval covers 96.5 % or less."""
    name = ("right/wrong", 20, 3, 0.0, 0.02)
    found = cluster_limits.limit(name, 2_000, np.random.default_rng(1))
    assert found.least > 0.99
    assert found.least_twice <= found.least
    assert found.covered > 0.98
    assert 1.5 < found.differing < 2.7
