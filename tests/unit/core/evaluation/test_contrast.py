"""Tables of two systems, and the gate that a pipeline ends with."""

from __future__ import annotations

import pytest

from escalera.core.evaluation.contrast import EXIT_CODES, Asked, contrast, overall
from escalera.core.evaluation.sample import Row, Sample
from escalera.core.stats import mean, multiplicity, paired, proportion

N = 60


def luck(number):
    """Spread evenly over [0, 1), in no order."""
    return (number * 37 % N) / N


def asked(task, new, old, *, margin=0.1, gaps=0, clusters=N):
    """A task on which the two systems are right at these rates; *gaps* items lack a score."""
    rows = tuple(
        Row(
            candidate=None if n < gaps else float(luck(n) < new),
            incumbent=float(luck(n) < old),
            cluster=f"c{n % clusters}",
        )
        for n in range(N)
    )
    return Asked(task=task, margin=margin, sample=Sample(rows=rows, paired=True))


def table(*tasks, alpha=0.05):
    return contrast(tasks, alpha=alpha)


def test_one_row_per_task():
    """Means, paired difference, who won, and who changed."""
    first, second = table(asked("a", 0.9, 0.5), asked("b", 0.5, 0.9))
    assert (first.task, second.task) == ("a", "b")
    assert (first.difference.n, first.verdict, second.verdict) == (N, "better", "worse")
    assert (first.gate, second.gate) == ("passed", "regressed")
    assert first.gained == second.lost
    assert first.gained.value == pytest.approx(first.difference.value)
    assert first.gained.lower > 0.2
    assert (first.lost.value, first.lost.lower) == (0.0, 0.0)
    assert 0 < first.lost.upper < 0.15
    assert first.candidate.value - first.incumbent.value == pytest.approx(first.difference.value)


def test_p_values_are_adjusted_over_the_tasks():
    """Holm over all rows: the smallest is doubled, and none is below its own p."""
    rows = table(asked("a", 0.7, 0.6), asked("b", 0.95, 0.75))
    p_values = [row.p_value for row in rows]
    assert tuple(row.p_holm for row in rows) == multiplicity.holm(p_values, alpha=0.05).p_values
    assert min(row.p_holm for row in rows) == pytest.approx(2 * min(p_values))
    assert 0 < min(p_values) < max(p_values) < 1


@pytest.mark.parametrize(
    ("new", "old", "margin", "word"),
    [
        (0.9, 0.5, 0.1, "improved"),
        (0.5, 0.9, 0.1, "regressed"),
        (0.7, 0.7, 0.1, "equivalent"),
        (0.75, 0.7, 0.1, "not worse"),
        (0.68, 0.75, 0.1, "inconclusive"),
    ],
)
def test_each_task_gets_a_word(new, old, margin, word):
    """Only what is shown is said: a rise that may be none is "not worse"."""
    (row,) = table(asked("a", new, old, margin=margin))
    assert row.word == word
    assert (row.word in ("improved", "equivalent", "not worse")) == (row.gate == "passed")


def test_what_turned_is_counted_by_clusters():
    """Items of a cluster count as one, however few turned; without clusters each counts."""
    (apart,) = table(asked("a", 0.68, 0.7))
    (together,) = table(asked("a", 0.68, 0.7, clusters=20))
    assert apart.lost.value == together.lost.value > 0
    assert apart.lost.upper < together.lost.upper < 0.35
    wilson = proportion.wilson(apart.lost.value * N, N, alpha=0.05)
    assert (apart.lost.lower, apart.lost.upper) == (wilson.lower, wilson.upper)
    wilson = proportion.wilson(together.lost.value * 20, 20, alpha=0.05)
    assert together.lost.upper == pytest.approx(wilson.upper)


def test_intervals_hold_together():
    """Bonferroni over two tasks: each interval at half of alpha."""
    row = table(asked("a", 0.9, 0.7), asked("b", 0.9, 0.7))[0]
    new = [float(luck(n) < 0.9) for n in range(N)]
    old = [float(luck(n) < 0.7) for n in range(N)]
    alone = mean.interval(new, None, alpha=0.025)
    change = paired.interval(new, old, None, alpha=0.025)
    assert (row.candidate.lower, row.candidate.upper) == pytest.approx((alone.lower, alone.upper))
    assert (row.difference.lower, row.difference.upper) == pytest.approx(
        (change.lower, change.upper)
    )


def test_clusters_are_what_counts():
    """Sixty items of six customers are six: what was gained was gained by two of them."""

    def gained(cluster: str) -> Asked:
        rows = tuple(
            Row(candidate=1.0, incumbent=float(n >= 20), cluster=cluster.format(n, n // 10))
            for n in range(N)
        )
        return Asked(task="a", margin=0.1, sample=Sample(rows=rows, paired=True))

    (alone,), (together,) = table(gained("{0}")), table(gained("{1}"))
    assert (alone.difference.clusters, together.difference.clusters) == (60, 6)
    assert alone.difference.lower > 0.2
    assert together.difference.lower < 0


@pytest.mark.parametrize(("gaps", "gate"), [(0, "passed"), (3, "passed"), (12, "undecided")])
def test_missing_scores_withhold_the_gate_that_they_could_change(gaps, gate):
    """The difference is bounded over all items, and the gate must stand at both ends."""
    (row,) = table(asked("a", 0.95, 0.95, margin=0.15, gaps=gaps))
    assert row.gate == gate
    assert row.unscored == gaps
    assert row.best - row.worst == pytest.approx(gaps / N)
    assert row.worst <= row.difference.value <= row.best


def test_a_task_without_common_scores_has_no_row():
    """And a table of none is empty."""
    whole = asked("a", 0.9, 0.9)
    assert [row.task for row in table(whole, asked("b", 0.9, 0.9, gaps=N))] == ["a"]
    assert table(asked("b", 0.9, 0.9, gaps=N)) == ()
    assert table() == ()


@pytest.mark.parametrize(
    ("tasks", "gate", "code"),
    [
        ([asked("a", 0.9, 0.9), asked("b", 0.95, 0.8)], "passed", 0),
        ([asked("a", 0.9, 0.9), asked("b", 0.5, 0.9)], "regressed", 4),
        ([asked("a", 0.9, 0.9), asked("b", 0.85, 0.95)], "undecided", 3),
        ([asked("a", 0.85, 0.95), asked("b", 0.5, 0.9)], "regressed", 4),
    ],
)
def test_one_word_for_all_tasks(tasks, gate, code):
    """A shown fall outweighs everything; what is open outweighs what is passed."""
    found = overall(table(*tasks))
    assert found == gate
    assert EXIT_CODES[found] == code
