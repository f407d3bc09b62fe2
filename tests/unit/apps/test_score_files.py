"""Files of scores: which items are paired, in which order they enter, and what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps.score_files import SEED, of_tables
from escalera.core.evaluation import running
from escalera.core.evaluation.sample import Row, Sample
from escalera.domain.dataset import rank
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.domain.verdict import Question
from escalera.errors import EvidenceMissing, InputError

N = 100


def rows(system, task, rate, *, first=0, last=N, repeats=1, gaps=0):
    return [
        ScoreRow(
            system=system,
            item=f"i{n}",
            task=task,
            cluster=f"i{n}",
            repeat=repeat,
            score=None if n < gaps else float((n * 37 % N) / N < rate),
            reason="no answer" if n < gaps else None,
        )
        for n in range(first, last)
        for repeat in range(repeats)
    ]


def table(*parts, notes=()):
    return ScoreTable(rows=tuple(row for part in parts for row in part), source="s", notes=notes)


def compared(new, old, **more):
    return of_tables(("new", new), ("old", old), **({"margin": 0.1, "alpha": 0.05} | more))


def test_items_are_paired_by_name_and_the_rest_is_told():
    """Sixty items in common; forty are in one file only."""
    found = compared(table(rows("m", "a", 0.9, first=40)), table(rows("m", "a", 0.9)))
    assert found.tasks[0].difference.n == 60
    assert found.notes == (
        "a: 40 items are in one of the two only; the 40 that the candidate lacks count as missing "
        "scores",
    )


def test_items_that_the_candidate_lacks_are_no_evidence_for_it():
    """Its wrong answers, not written down, open the gate that they would have closed."""
    old = rows("m", "a", 0.9)
    fallen = [row for row in old if (int(row.item[1:]) * 37 % N) / N < 0.7]
    assert compared(table(fallen), table(old)).gate == "undecided"
    found = compared(table(fallen), table(old), common=True)
    assert (found.gate, found.tasks[0].unscored, found.tasks[0].difference.n) == ("passed", 0, 70)
    assert "a: 30 items are in one of the two only; they are left out, as was asked for" in str(
        found
    )


def test_items_that_only_the_candidate_has_are_left_out():
    """A set of items that has grown since the incumbent was scored holds nothing back."""
    found = compared(table(rows("m", "a", 0.9, last=2 * N)), table(rows("m", "a", 0.9)))
    assert (found.gate, found.tasks[0].unscored, found.tasks[0].difference.n) == ("passed", 0, N)
    assert "a: 100 items are in one of the two only; 100 of the candidate are left out" in str(
        found
    )


@pytest.mark.parametrize("mode", ["group-sequential", "anytime", "finite"])
def test_a_task_that_the_candidate_lacks_keeps_the_gate_open(mode):
    """Unless only what both have is asked for; one that the incumbent lacks holds nothing back."""
    less = table(rows("m", "a", 0.9))
    more = table(rows("m", "a", 0.9), rows("m", "b", 0.9))
    found = compared(less, more, mode=mode)
    assert (found.gate, found.unread, len(found.tasks)) == ("undecided", ("b",), 1)
    assert "b: inconclusive; no item has a score of both, so the gate stays open" in str(found)
    assert compared(less, more, mode=mode, common=True).gate == "passed"
    turned = compared(more, less, mode=mode)
    assert (turned.gate, turned.unread) == ("passed", ())
    assert "b: 100 items are in one of the two only" in turned.notes


def test_of_repeats_the_mean_counts():
    """Three samples of an item are one item."""
    found = compared(table(rows("m", "a", 0.9, repeats=3)), table(rows("m", "a", 0.9)))
    assert found.tasks[0].difference.n == N


def test_missing_scores_are_bounded_and_can_withhold_the_gate():
    """What a tool could not score is not wrong; here it could be a fall."""
    found = compared(table(rows("m", "a", 0.9, gaps=20)), table(rows("m", "a", 0.9)))
    assert (found.gate, found.tasks[0].unscored) == ("undecided", 20)
    assert "a: 20 items lack a score" in str(found)


def test_notes_of_both_files_are_kept():
    """Each once, whichever file says it."""
    found = compared(
        table(rows("m", "a", 0.9), notes=("same", "mine")),
        table(rows("m", "a", 0.9), notes=("same",)),
    )
    assert found.notes == ("same", "mine")


def test_of_several_systems_one_is_named():
    """FILE::SYSTEM; without it the message lists what there is."""
    both = table(rows("x", "a", 0.9), rows("y", "a", 0.5))
    found = of_tables(("f::y", both), ("f::x", both), margin=0.1, alpha=0.05)
    assert found.gate == "regressed"
    for name in ("f", "f::z"):
        with pytest.raises(InputError, match=r"'x', 'y'.*FILE::SYSTEM"):
            of_tables((name, both), ("f::x", both), margin=0.1, alpha=0.05)


def test_of_very_many_systems_the_first_are_told():
    """A table of thousands of systems filled the terminal with their names."""
    many = table(*(rows(f"m{n}", "a", 0.5, last=1) for n in range(3000)))
    with pytest.raises(InputError, match=r"'m18', 'm19' and 2980 more\. Name one"):
        compared(many, table(rows("m", "a", 0.5)))


def test_nothing_in_common_is_an_error():
    """Other tasks, or other names of items."""
    with pytest.raises(EvidenceMissing, match="no scored items in common"):
        compared(table(rows("m", "a", 0.9)), table(rows("m", "c", 0.9)))


def expected(question, ordered, whole):
    """The row that `running` makes of rows in this order."""
    sample = Sample(rows=tuple(ordered), paired=True)
    return running.row(question, sample, whole)


def question(mode, alpha=0.05):
    return Question(
        kind="regression",
        task="a",
        candidate="new",
        incumbent="old",
        threshold=0.1,
        alpha=alpha,
        mode=mode,
    )


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_items_enter_in_the_order_of_their_hash(mode):
    """Not in that of the file or of the names: the order was fixed before there were results."""
    new, old = table(rows("m", "a", 0.9)), table(rows("m", "a", 0.7))
    names = sorted((f"i{n}" for n in range(N)), key=lambda name: rank(name, seed=SEED))
    scores = [{row.item: row.score for row in part.rows} for part in (new, old)]
    ordered = [Row(candidate=scores[0][i], incumbent=scores[1][i], cluster=i) for i in names]
    found = compared(new, old, mode=mode)
    assert found.tasks == (expected(question(mode), ordered, running.frame(names)),)
    shuffled = table(rows("m", "a", 0.9)[::-1])
    assert compared(shuffled, old, mode=mode).tasks == found.tasks
    assert found.mode == mode


def test_clusters_enter_whole():
    """In the order of their names' hash, with the largest known before."""
    new, old = (
        [replace(row, cluster=f"c{int(row.item[1:]) // 7}") for row in rows("m", "a", rate)]
        for rate in (0.9, 0.7)
    )
    pairs = sorted(
        zip(new, old, strict=True),
        key=lambda pair: (rank(pair[0].cluster, seed=SEED), rank(pair[0].item, seed=SEED)),
    )
    ordered = [Row(candidate=a.score, incumbent=b.score, cluster=a.cluster) for a, b in pairs]
    whole = running.frame(row.cluster for row in ordered)
    found = compared(table(new), table(old), mode="anytime").tasks
    assert found == (expected(question("anytime"), ordered, whole),)
    assert found[0].difference.clusters == 15


def test_at_any_time_what_one_file_lacks_is_missing():
    """A file that still grows: its items to come could change the gate, until few are left."""
    old = table(rows("m", "a", 0.9))
    gates = []
    for last in (30, 60, 99, N):
        found = compared(table(rows("m", "a", 0.9, last=last)), old, mode="anytime", margin=0.3)
        assert found.tasks[0].unscored == N - last
        gates.append(found.gate)
        if last < N:
            assert "count as missing scores" in str(found)
    assert gates == ["undecided", "undecided", "passed", "passed"]


def test_about_this_data_set_the_common_items_are_a_part_of_all():
    """The rest was not drawn yet; the note says that it counts as drawn by chance."""
    found = compared(table(rows("m", "a", 0.9, last=60)), table(rows("m", "a", 0.9)), mode="finite")
    (row,) = found.tasks
    assert (row.difference.n, row.population, row.unscored) == (60, N, 0)
    assert row.difference.lower < row.difference.upper
    assert "the 60 common ones count as drawn from all by chance" in str(found)
    whole = compared(table(rows("m", "a", 0.8)), table(rows("m", "a", 0.9)), mode="finite")
    assert whole.tasks[0].difference.lower == whole.tasks[0].difference.upper == -0.1


@pytest.mark.parametrize("mode", ["anytime", "finite"])
def test_tasks_share_alpha_and_those_without_a_pair_take_none(mode):
    """Two of three tasks have scores in common."""
    new = table(*(rows("m", task, 0.9) for task in "ab"), rows("m", "z", 0.9))
    old = table(*(rows("m", task, 0.8) for task in "ab"))
    found = compared(new, old, mode=mode)
    alone = compared(table(rows("m", "a", 0.9)), table(rows("m", "a", 0.8)), mode=mode, alpha=0.025)
    assert [row.task for row in found.tasks] == ["a", "b"]
    assert found.tasks[0] == alone.tasks[0]


def test_what_a_call_took_is_compared_where_both_files_know_it():
    """Means of repeats on common items; a table without prices or clocks has no such rows."""
    new = [
        replace(row, micro_dollars=100 + 100 * row.repeat, seconds=0.5)
        for row in rows("m", "a", 0.9, repeats=2)
    ]
    old = [replace(row, micro_dollars=50) for row in rows("m", "a", 0.9)]
    (row,) = compared(table(new), table(old)).outlays
    assert (row.measure, row.n, row.clusters) == ("cost", N, N)
    assert (row.candidate, row.incumbent, row.difference) == pytest.approx((0.15, 0.05, 0.1))
    assert compared(table(rows("m", "a", 0.9)), table(old)).outlays == ()


@pytest.mark.parametrize("mode", ["group-sequential", "anytime", "finite"])
def test_repeats_that_failed_can_withhold_the_gate(mode):
    """Of five answers to an item one came: nothing is known of the other four, and it is told."""
    old = table(rows("m", "a", 0.9, repeats=5, last=4 * N))
    failed = {"score": None, "reason": "HTTP 500"}
    new = table([replace(row, **failed) if row.repeat else row for row in old.rows])
    assert compared(old, old, mode=mode).gate == "passed"
    for one, other in ((new, old), (old, new)):
        found = compared(one, other, mode=mode, margin=0.05)
        assert found.gate == "undecided"
        assert (found.tasks[0].unscored, found.tasks[0].partly) == (0, 4 * N)
        assert "a: 400 items lack the scores of some repeats; whatever they" in str(found)
    few = [replace(row, **failed) if row.item == "i1" and row.repeat else row for row in old.rows]
    assert compared(table(few), old, mode=mode).gate == "passed"


def test_gaps_of_items_and_of_repeats_are_told_in_one_line():
    """An item without a score, and one whose second answer failed."""
    failed = {"score": None, "reason": "HTTP 500"}
    old = table(rows("m", "a", 0.9, repeats=2))
    new = table(
        replace(row, **failed) if row.item == "i0" or (row.item, row.repeat) == ("i1", 1) else row
        for row in old.rows
    )
    found = compared(new, old)
    assert "a: 1 items lack a score, 1 items lack the scores of some repeats; what" in str(found)


def test_a_file_in_which_every_call_failed_says_so():
    """Not that names differ: the first reason is what has to be mended."""
    old = table(rows("m", "a", 0.9))
    failed = table(replace(row, score=None, reason="HTTP 401") for row in old.rows)
    with pytest.raises(EvidenceMissing, match=r"new: none of its 100 rows .*HTTP 401"):
        compared(failed, old)
    with pytest.raises(EvidenceMissing, match=r"old: none of its 100 rows has a score"):
        compared(old, failed)


def test_equal_scores_do_not_turn_by_rounding():
    """Three times 0.2, divided by three, is a little more than 0.2 in floating point."""
    once = [replace(row, score=0.2) for row in rows("m", "a", 0.9)]
    thrice = [replace(row, score=0.2) for row in rows("m", "a", 0.9, repeats=3)]
    (task,) = compared(table(once), table(thrice)).tasks
    assert (task.lost.value, task.gained.value, task.difference.value) == (0.0, 0.0, 0.0)
