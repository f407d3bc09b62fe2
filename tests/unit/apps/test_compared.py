"""Comparisons: the gate, its exit codes, JUnit, and files of scores."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from escalera.apps.compared import Comparison, of_tables
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.errors import EvidenceMissing, InputError

N = 100


def rows(system, task, rate, *, first=0, repeats=1, gaps=0):
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
        for n in range(first, N)
        for repeat in range(repeats)
    ]


def table(*parts, notes=()):
    return ScoreTable(rows=tuple(row for part in parts for row in part), source="s", notes=notes)


def compared(new, old, **more):
    return of_tables(("new", new), ("old", old), **({"margin": 0.1, "alpha": 0.05} | more))


GOOD = table(rows("m", "a", 0.9), rows("m", "b", 0.9))
WORSE = table(rows("m", "a", 0.9), rows("m", "b", 0.5))
OPEN = table(rows("m", "a", 0.9), rows("m", "b", 0.84))


@pytest.mark.parametrize(
    ("new", "gate", "code"), [(GOOD, "passed", 0), (WORSE, "regressed", 4), (OPEN, "undecided", 3)]
)
def test_the_gate_and_its_exit_code(new, gate, code):
    """One word over all tasks, in the title, in the data and for the shell."""
    found = compared(new, GOOD)
    assert (found.gate, found.exit_code) == (gate, code)
    assert found.document()["gate"] == gate
    assert len(found.document()["tasks"]) == 2
    assert str(found).splitlines()[0].startswith("new against old: ")


def test_a_line_per_task_and_what_kind_of_reading_it_is():
    """Scores, difference, interval, margin, p and who changed."""
    text = str(compared(WORSE, GOOD))
    (line,) = [line for line in text.splitlines() if line.strip().startswith("b:")]
    for part in ("regressed", "0.500 against 0.900", "-0.400", "margin 0.100", "on 100 items"):
        assert part in line
    assert "40.0% lost" in line
    assert "A fixed-sample reading, not a verdict" in text


def test_junit():
    """A case per task: failures are shown falls, skipped are open gates."""
    suite = ET.fromstring(compared(WORSE, GOOD).junit())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    first, second = suite.findall("testcase")
    assert (first.get("name"), first.find("failure")) == ("a", None)
    assert "regressed" in second.find("failure").get("message")
    opened = ET.fromstring(compared(OPEN, GOOD).junit())
    assert (opened.get("failures"), opened.get("skipped")) == ("0", "1")


def test_foreign_names_break_neither_page_nor_xml():
    """Tasks of other tools are foreign text: markup, quotes, control characters."""
    odd = '<b>"\x00\x1b&'
    parts = table(rows("m", odd, 0.9))
    found = compared(parts, parts)
    assert ET.fromstring(found.junit()).find("testcase").get("name").startswith('<b>"')
    assert "<b>" not in found._repr_html_()


def test_items_are_paired_by_name_and_the_rest_is_told():
    """Sixty items in common; forty are in one file only."""
    found = compared(table(rows("m", "a", 0.9, first=40)), table(rows("m", "a", 0.9)))
    assert found.tasks[0].difference.n == 60
    assert "a: 40 items are in one of the two only" in found.notes


def test_of_repeats_the_mean_counts():
    """Three samples of an item are one item."""
    found = compared(table(rows("m", "a", 0.9, repeats=3)), table(rows("m", "a", 0.9)))
    assert found.tasks[0].difference.n == N


def test_missing_scores_are_bounded_and_can_withhold_the_gate():
    """What a tool could not score is not wrong; here it could be a fall."""
    found = compared(table(rows("m", "a", 0.9, gaps=20)), table(rows("m", "a", 0.9)))
    assert (found.gate, found.tasks[0].unscored) == ("undecided", 20)
    assert "20 common items lack a score" in str(found)


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


def test_nothing_in_common_is_an_error():
    """Other tasks, or other names of items."""
    with pytest.raises(EvidenceMissing, match="no scored items in common"):
        compared(table(rows("m", "a", 0.9)), table(rows("m", "c", 0.9)))


def test_an_empty_comparison_does_not_pass():
    """No task is no evidence."""
    assert Comparison(candidate="a", incumbent="b", tasks=()).gate == "undecided"
