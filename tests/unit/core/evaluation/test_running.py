"""Readings at any time and about one data set: what they rest on, and what they withhold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from escalera.core.evaluation import running
from escalera.core.evaluation.sample import Row, Sample
from escalera.core.stats import betting, finite, noninferiority
from escalera.domain.verdict import Question

MARGIN, ALPHA = 0.1, 0.05


def question(mode="anytime", margin=MARGIN):
    return Question(
        kind="regression",
        task="a",
        candidate="new",
        incumbent="old",
        threshold=margin,
        alpha=ALPHA,
        mode=mode,
    )


def drawn(n, gained=0.0, lost=0.0, size=1, seed=3):
    """Right/wrong pairs in clusters of a size; so many of them differ."""
    rng = np.random.default_rng(seed)
    draws = rng.random(n)
    return tuple(
        Row(
            candidate=float(draw >= lost),
            incumbent=float(not lost <= draw < lost + gained),
            cluster=f"c{number // size}",
        )
        for number, draw in enumerate(draws)
    )


def sample(rows):
    return Sample(rows=tuple(rows), paired=True)


def look(rows, whole, mode="anytime", before=()):
    return running.look(question(mode), sample(rows), whole, before)


def test_the_frame_is_known_before_results():
    """Items, clusters and the largest of them."""
    assert running.frame("aabccc") == running.Frame(items=6, clusters=3, largest=3)
    with pytest.raises(ValueError, match="no items have no frame"):
        running.frame([])


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_a_judge_counts_by_itself_however_many_labels_there_are(mode):
    """Labels that say the opposite move nothing: the reading is that of the scores, and says so."""
    rows = drawn(200, gained=0.4)
    whole = running.frame(row.cluster for row in rows)
    labels = tuple(replace(row, human=-1.0) for row in rows[:60])
    judged = Sample(rows=labels + rows[60:], paired=True, judged=True, golden=labels[:5])
    seen, ruled = running.look(question(mode), judged, whole, ()), look(rows, whole, mode)
    assert (seen.basis, seen.labels, seen.judge) == ("judge", 60, None)
    assert replace(seen, basis="scorer", labels=0) == ruled
    found = running.row(question(mode), judged, whole)
    assert (found.basis, found.labels, found.judge) == ("judge", 60, None)
    assert (found.gate, found.difference) == ("passed", ruled.figure)


@pytest.mark.parametrize("size", [1, 4])
def test_anytime_is_the_betting_sequence_on_whole_clusters(size):
    """The same interval as `betting` gives, step by step, on sums and sizes of clusters."""
    rows = drawn(200, gained=0.2, lost=0.1, size=size)
    found = look(rows[:120], running.frame(row.cluster for row in rows))
    plan = betting.Plan(
        planned=max(1, 200 // size // 4),
        nulls=(-MARGIN, 0.0, MARGIN),
        largest_cluster=size,
    )
    state = betting.init(plan)
    for start in range(0, 120, size):
        part = rows[start : start + size]
        total = sum(row.candidate - row.incumbent for row in part)
        state = betting.update(state, total, sizes=[len(part)])
    expected = betting.read(state).interval
    assert (found.figure.lower, found.figure.upper) == (expected.lower, expected.upper)
    assert (found.figure.n, found.figure.clusters) == (120, 120 // size)
    assert (found.statistic, found.boundary, found.alpha_spent) == (None, None, ALPHA)


def test_finite_is_the_sequence_without_replacement_on_items():
    """Clusters do not matter: the order is over items, and the last item makes it exact."""
    rows = drawn(200, gained=0.2, lost=0.1, size=4)
    whole = running.frame(row.cluster for row in rows)
    found = look(rows[:120], whole, "finite")
    plan = finite.Plan(items=200, nulls=(-MARGIN, 0.0, MARGIN))
    differences = [row.candidate - row.incumbent for row in rows]
    expected = finite.read(finite.update(finite.init(plan), differences[:120])).interval
    assert (found.figure.lower, found.figure.upper) == (expected.lower, expected.upper)
    last = look(rows, whole, "finite")
    assert last.figure.lower == last.figure.upper == pytest.approx(np.mean(differences))


@pytest.mark.parametrize("mode", ["anytime", "finite"])
@pytest.mark.parametrize(
    ("gained", "lost", "passed", "words"),
    [
        (0.0, 0.0, True, {"equivalent"}),
        (0.4, 0.0, True, {"better"}),
        (0.0, 0.4, False, {"worse"}),
        (0.2, 0.3, False, {"undecided", "worse"}),
    ],
)
def test_verdicts_are_those_of_the_margin(mode, gained, lost, passed, words):
    """Equivalent, better, worse, and at the margin itself nothing."""
    rows = drawn(400, gained=gained, lost=lost)
    found = look(rows[:300], running.frame(row.cluster for row in rows), mode)
    assert (found.passed, found.verdict in words) == (passed, True)


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_what_was_decided_stays_decided(mode):
    """Read after every cluster, the interval only shrinks: no claim is ever taken back."""
    rows = drawn(240, gained=0.35, lost=0.1, size=3)
    whole = running.frame(row.cluster for row in rows)
    found = [look(rows[:end], whole, mode) for end in range(0, 240, 3)]
    for earlier, later in itertools.pairwise(found):
        assert later.figure.lower >= earlier.figure.lower
        assert later.figure.upper <= earlier.figure.upper
        assert later.passed >= earlier.passed
    assert found[-1].settled


def test_with_the_last_item_it_is_settled_whatever_it_says():
    """Undecided, but there is nothing more to ask."""
    rows = drawn(60, gained=0.2, lost=0.2)
    whole = running.frame(row.cluster for row in rows)
    assert not look(rows[:59], whole).settled
    last = look(rows, whole)
    assert (last.verdict, last.settled) == ("undecided", True)


@pytest.mark.parametrize("mode", ["anytime", "finite"])
@pytest.mark.parametrize(("gaps", "passed"), [(0, True), (8, True), (80, False)])
def test_missing_scores_withhold_what_they_could_change(mode, gaps, passed):
    """As many as could be a fall beyond the margin, and no fewer."""
    rows = [
        Row(candidate=None if n % 400 < gaps else 1.0, incumbent=1.0, cluster=str(n))
        for n in range(0, 400 * 7, 7)
    ]
    whole = running.frame(row.cluster for row in rows)
    found = look(rows, whole, mode)
    assert (found.passed, found.unscored) == (passed, gaps)
    row = running.row(question(mode), sample(rows), whole)
    assert (row.gate == "passed", row.unscored) == (passed, gaps)


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_without_a_pair_of_scores_nothing_is_claimed(mode):
    """Neither before the first item nor where all scores are missing; and there is no row."""
    rows = [Row(candidate=None, incumbent=1.0, cluster=str(n)) for n in range(5)]
    whole = running.frame(row.cluster for row in rows)
    for seen in ((), rows):
        found = look(seen, whole, mode)
        assert (found.verdict, found.passed, found.figure.n) == ("undecided", False, 0)
        assert (found.figure.lower, found.figure.upper) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="no pair of scores"):
        running.row(question(mode), sample(rows), whole)


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_the_row_is_the_look_as_a_table(mode):
    """Same interval and word; the systems' own means in the same mode; whose verdict it is."""
    rows = drawn(200, gained=0.3, lost=0.05, size=2)
    whole = running.frame(row.cluster for row in rows)
    found, row = (
        look(rows[:150], whole, mode),
        running.row(question(mode), sample(rows[:150]), whole),
    )
    assert row.difference == found.figure
    assert (row.verdict, row.gate) == (found.verdict, "passed")
    assert row.candidate.lower <= row.candidate.value <= row.candidate.upper <= 1.0
    assert 0.0 <= row.incumbent.lower <= row.incumbent.value <= row.incumbent.upper
    assert row.difference.value == pytest.approx(row.candidate.value - row.incumbent.value)
    assert row.population == (200 if mode == "finite" else None)
    assert (row.p_value, row.p_holm) == (None, None)


def test_a_shown_fall_regresses():
    """By more than the margin."""
    rows = drawn(300, lost=0.5)
    row = running.row(question(), sample(rows), running.frame(r.cluster for r in rows))
    assert (row.gate, row.verdict) == ("regressed", "worse")


def test_the_word_is_that_of_the_interval():
    """`noninferiority.judge` of the figure, where no score is missing."""
    for gained in (0.0, 0.1, 0.3):
        rows = drawn(300, gained=gained)
        found = look(rows, running.frame(row.cluster for row in rows))
        judged = noninferiority.judge(
            estimate=found.figure.value,
            lower=found.figure.lower,
            upper=found.figure.upper,
            margin=MARGIN,
        )
        assert (found.verdict, found.passed) == (judged.outcome, judged.non_inferior)
