"""Nulls that labels correct: no difference in truth, a judge that leans, the library's verdicts."""

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from bench.decisions import corrected, rules
from bench.decisions.data import Board

from escalera.core.stats import spending

PLAN = "O'Brien-Fleming, 10 looks"


def board(*, binary: bool) -> Board:
    """Two systems of 800 items, far apart."""
    rng = np.random.default_rng(3)
    scores = rng.random((2, 800)) * np.array([[1.0], [0.6]])
    scores = (scores > 0.4).astype(float) if binary else scores
    return Board(name="two", systems=("a", "b"), scores=scores, clusters=None)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("scenario", list(corrected.SCENARIOS))
def test_people_see_no_difference_and_the_judge_leans(scenario: str, *, binary: bool) -> None:
    """Means over 60 runs: people's within four standard errors of 0, the judge's well above."""
    runs = list(corrected.draws(board(binary=binary), scenario, 60, np.random.default_rng(4)))
    means = np.array([run.people.mean() for run in runs])
    assert abs(means.mean()) <= 4.0 * means.std() / np.sqrt(60)
    assert np.mean([run.judge.mean() - run.people.mean() for run in runs]) > 0.01
    assert 0.35 < np.mean([run.labelled.mean() for run in runs]) < 0.45


def test_clusters_have_one_sign_and_stay_together() -> None:
    """One to eight items each, contiguous, and what is alike has one sign."""
    (run,) = corrected.draws(board(binary=False), "labelled clusters", 1, np.random.default_rng(5))
    sizes = np.bincount(run.clusters)
    assert sizes.min() >= 1
    assert 4 <= sizes.max() <= 8
    changes = np.flatnonzero(np.diff(run.clusters)) + 1
    assert len(changes) + 1 == len(sizes)


@pytest.mark.parametrize("scenario", list(corrected.SCENARIOS))
def test_verdicts_are_those_of_looking_plan_by_plan(scenario: str) -> None:
    """Reading once at the least careful level finds what reading at every level finds."""
    some = corrected.draws(board(binary=False), scenario, 12, np.random.default_rng(6))
    found = set()
    for run in some:
        for name, read in corrected.READERS.items():
            fast = corrected.words(run, read)
            assert fast == {plan: slow(run, plan, read) for plan in corrected.PLANS}, name
            found |= set(fast.values())
    assert found >= {rules.UNDECIDED, rules.BETTER}


def slow(run: corrected.Answers, plan: str, read: corrected.Reader) -> int:
    """Look by look, at that plan's levels alone."""
    ends = corrected.cutoffs(run.clusters, 10)
    looks = rules.GROUP_SEQUENTIAL[plan]
    shares = tuple(end / ends[-1] for end in ends)
    limits = spending.boundaries(shares, alpha=looks.alpha, spending=looks.kind)
    for end, limit in zip(ends, limits, strict=True):
        level = max(2.0 * spending.distributions.normal_cdf(-limit), 1e-12)
        interval = read(run.until(end), level)
        if interval is not None and interval.lower > 0.0:
            return rules.BETTER
        if interval is not None and interval.upper < 0.0:
            return rules.WORSE
    return rules.UNDECIDED


def test_looks_end_with_a_cluster() -> None:
    """Each at the end of the cluster that an equal part falls into, the last with all."""
    clusters = np.repeat([4, 1, 3, 0, 2], [3, 1, 4, 1, 3])
    assert corrected.cutoffs(clusters, 4) == [3, 8, 9, 12]
    assert corrected.cutoffs(np.arange(10), 5) == [2, 4, 6, 8, 10]


def test_few_labels_say_nothing() -> None:
    """Below 30 labelled clusters there is no corrected figure, and so no verdict of this kind."""
    (run,) = corrected.draws(board(binary=False), "labels", 1, np.random.default_rng(7))
    read = corrected.READERS[corrected.CORRECTED]
    counts = np.cumsum(run.labelled)
    enough = int(np.argmax(counts == 30)) + 1
    assert read(run.until(enough - 1), 0.05) is None
    assert read(run.until(enough), 0.05) is not None
