"""Simulated error rates of comparisons as they are wired: keyed order, whole clusters, stopping.

Every run makes items with names of its own, so that the keyed order is drawn anew. An interval
only shrinks, so a later reading knows of earlier claims, but for the rare run whose ends pass each
other; so each run is read at a third, at two thirds and at the end. A rate is judged by its exact
upper 99 % bound.
"""

from itertools import groupby

import numpy as np
import pytest
import scipy.stats

from escalera.apps.score_files import of_tables
from escalera.core.evaluation import running
from escalera.core.evaluation.sample import Row, Sample
from escalera.domain.dataset import Example, Examples
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.domain.verdict import Question

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

RUNS, MARGIN, ALPHA = 4000, 0.1, 0.05
MEAN_SIZE = 204 / 36
"""Of a cluster of 1 to 8 items, weighted by its items."""


def upper_bound(errors, runs):
    """Clopper and Pearson's upper 99 % bound of a rate."""
    return float(scipy.stats.beta.ppf(0.99, errors + 1, runs - errors))


def question(mode):
    return Question(
        kind="regression",
        task="t",
        candidate="new",
        incumbent="old",
        threshold=MARGIN,
        alpha=ALPHA,
        mode=mode,
    )


def items(run, sizes):
    """Items of clusters with these sizes, under names that no other run has."""
    return Examples(
        Example(
            id=f"{run}/{cluster}/{number}",
            task="t",
            split="confirm",
            input="",
            target="",
            cluster=f"{run}/{cluster}",
        )
        for cluster, size in enumerate(sizes)
        for number in range(size)
    )


def rows(examples, level):
    """Rows with the difference of the item's cluster."""
    return [
        Row(
            candidate=max(level[e.cluster], 0.0),
            incumbent=max(-level[e.cluster], 0.0),
            cluster=e.cluster,
        )
        for e in examples
    ]


def clustered(rng, run, mean, clusters=120):
    """Rows in keyed order: clusters of 1 to 8 alike items, small ones better than large ones."""
    sizes = rng.integers(1, 9, clusters)
    levels = mean + rng.choice([-0.4, 0.4], clusters) + 0.04 * (MEAN_SIZE - sizes)
    level = {f"{run}/{k}": float(value) for k, value in enumerate(levels)}
    return rows(items(run, sizes).in_clusters(seed=0), level)


def read(sample, mode, whole=None):
    whole = whole or running.frame(row.cluster for row in sample)
    return running.look(question(mode), Sample(rows=tuple(sample), paired=True), whole, ())


def read_thrice(sample, mode, end=None):
    """Readings at a third, at two thirds and at the end, of whole clusters."""
    whole = running.frame(row.cluster for row in sample)
    groups = [list(group) for _, group in groupby(sample[:end], key=lambda row: row.cluster)]
    parts = [groups[: len(groups) * k // 3] for k in (1, 2, 3)]
    return [read([row for group in part for row in group], mode, whole) for part in parts]


def test_a_win_is_hardly_ever_false_at_any_time():
    """Equal systems in unequal clusters: ever better or worse, whenever it is read."""
    rng, better, worse = np.random.default_rng(71), 0, 0
    for run in range(RUNS):
        found = read_thrice(clustered(rng, run, 0.0), "anytime")
        better += any(look.figure.lower > 0 for look in found)
        worse += any(look.figure.upper < 0 for look in found)
    print(f"anytime, equal: {better / RUNS:.2%} better, {worse / RUNS:.2%} worse")
    assert upper_bound(better + worse, RUNS) <= ALPHA


def test_a_fall_of_the_margin_hardly_ever_passes_at_any_time():
    """Worse by the margin itself: the gate is ever passed in at most half of alpha."""
    rng, passed, shown = np.random.default_rng(72), 0, 0
    for run in range(RUNS):
        found = read_thrice(clustered(rng, run, -MARGIN), "anytime")
        passed += any(look.passed for look in found)
        shown += found[-1].verdict == "worse"
    print(f"anytime, at the margin: {passed / RUNS:.2%} passed, {shown / RUNS:.1%} worse")
    assert upper_bound(passed, RUNS) <= ALPHA / 2


def test_the_full_set_is_hardly_ever_contradicted():
    """Items of fixed clusters in keyed order: the full set's difference is ever excluded, or its
    fall of the margin ever passed, before the last item.
    """
    sizes = np.random.default_rng(73).integers(1, 9, 60)
    rng, missed, passed = np.random.default_rng(74), 0, 0
    for run in range(RUNS):
        levels = rng.choice([-0.4, 0.4], 60) + 0.04 * (MEAN_SIZE - sizes)
        levels -= MARGIN + float((sizes * levels).sum() / sizes.sum())
        level = {f"{run}/{k}": float(value) for k, value in enumerate(levels)}
        ordered = rows(items(run, sizes).in_order(seed=0), level)
        found = read_thrice(ordered, "finite", -1)
        missed += any(
            not look.figure.lower - 1e-9 <= -MARGIN <= look.figure.upper + 1e-9 for look in found
        )
        passed += any(look.passed for look in found)
    print(f"finite, at the margin: {missed / RUNS:.2%} missed, {passed / RUNS:.2%} passed")
    assert upper_bound(missed, RUNS) <= ALPHA
    assert upper_bound(passed, RUNS) <= ALPHA / 2


def test_stopping_at_the_first_verdict_is_reading_at_the_end():
    """Read after every cluster and stopped when settled: the verdict is that of the whole run."""
    rng = np.random.default_rng(75)
    for run in range(60):
        ordered = clustered(rng, run, rng.choice([0.0, 0.1, 0.3]), clusters=60)
        whole = running.frame(row.cluster for row in ordered)
        sizes = [len(list(group)) for _, group in groupby(ordered, key=lambda row: row.cluster)]
        last = read(ordered, "anytime", whole)
        found = (read(ordered[:end], "anytime", whole) for end in np.cumsum(sizes).tolist())
        first = next((look for look in found if look.settled), last)
        assert first.passed == last.passed
        assert (first.figure.upper < -MARGIN) == (last.figure.upper < -MARGIN)


def table(name, scores):
    made = [
        ScoreRow(system="s", item=item, task="t", cluster=item, score=score)
        for item, score in scores.items()
    ]
    return name, ScoreTable(rows=tuple(made), source=name)


def test_reading_a_growing_file_again_and_again_adds_no_errors():
    """The incumbent's file is whole, the candidate's grows: words for one of two equal systems.

    What is not there yet is missing, and withholds a verdict that it could change, so that early
    words are those of the whole files. Left out instead, as at fixed n, every reading would mix the
    order anew, and one run of eight would err.
    """
    rng, alone, wrong, runs, n = np.random.default_rng(76), 0, 0, 400, 100
    for run in range(runs):
        draws, names = rng.random(n), [f"{run}/{k}" for k in range(n)]
        old = dict(zip(names, (draws < 0.65).astype(float).tolist(), strict=True))
        right = (draws < 0.5) | (draws >= 0.85)
        new = dict(zip(names, right.astype(float).tolist(), strict=True))
        words = []
        for end in (80, 90, n):
            grown = {name: new[name] for name in names[:end]}
            (row,) = of_tables(
                table("new", grown), table("old", old), margin=MARGIN, alpha=ALPHA, mode="anytime"
            ).tasks
            words.append(row.verdict in {"better", "worse"})
        wrong += any(words)
        alone += any(words) and not words[-1]
    print(
        f"growing file: {wrong / runs:.2%} ever wrong, {alone / runs:.2%} but for the whole files"
    )
    assert upper_bound(alone, runs) <= 0.02
