"""Comparisons: the gate, its exit codes, JUnit, and files of scores."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from escalera.apps.compared import Comparison
from escalera.apps.score_files import of_tables
from escalera.domain.scores import ScoreRow, ScoreTable

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
    assert "40.0% [29.8%, 51.2%] lost" in line
    assert "A fixed-sample reading, not a verdict" in text


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("fixed-sample", "12 items have labels of both answers, 30 are needed"),
        ("group-sequential", "12 items have labels of both answers, 30 are needed"),
        ("anytime", "in the mode anytime labels correct nothing (12 items have labels"),
        ("finite", "in the mode finite labels correct nothing (12 items have labels"),
    ],
)
def test_what_rests_on_a_judge_alone_says_so_and_why(mode, why):
    """In the line of the task, which JUnit has too, and in a note."""
    ruled, judged = compared(GOOD, GOOD).tasks
    tasks = (ruled, replace(judged, basis="judge", labels=12))
    found = Comparison(candidate="new", incumbent="old", tasks=tasks, mode=mode)
    notes = found.document()["notes"]
    assert notes[0].startswith("b: the difference rests on the judge alone: ")
    assert why in notes[0]
    assert not [note for note in notes if note.startswith("a:")]
    first, second = ET.fromstring(found.junit()).findall("testcase")
    assert "by the judge alone" not in first.find("system-out").text
    assert second.find("system-out").text.endswith("; by the judge alone")


def test_junit():
    """A case per task: failures are shown falls, skipped are open gates."""
    suite = ET.fromstring(compared(WORSE, GOOD).junit())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    first, second = suite.findall("testcase")
    assert (first.get("name"), first.find("failure")) == ("a", None)
    assert "regressed" in second.find("failure").get("message")
    opened = ET.fromstring(compared(OPEN, GOOD).junit())
    assert (opened.get("failures"), opened.get("skipped")) == ("0", "1")


def test_a_warning_is_told_to_pipelines_too():
    """A property of the suite: a judge that drifted is no secret of the terminal."""
    found = replace(compared(GOOD, GOOD), notes=("judge kind: it has drifted",))
    properties = ET.fromstring(found.junit()).find("properties")
    told = [one.get("value") for one in properties if one.get("name") == "note"]
    assert told == ["judge kind: it has drifted"]


def test_foreign_names_break_neither_page_nor_xml():
    """Tasks of other tools are foreign text: markup, quotes, control characters."""
    odd = '<b>"\x00\x1b&'
    parts = table(rows("m", odd, 0.9))
    found = compared(parts, parts)
    assert ET.fromstring(found.junit()).find("testcase").get("name").startswith('<b>"')
    assert "<b>" not in found._repr_html_()


def test_an_empty_comparison_does_not_pass():
    """No task is no evidence."""
    assert Comparison(candidate="a", incumbent="b", tasks=()).gate == "undecided"


def test_a_task_of_which_nothing_was_read_keeps_the_gate_open():
    """In the word, the exit code, the data, and as a skipped case; a shown fall stays one."""
    found = replace(compared(GOOD, GOOD), unread=("c",))
    assert (found.gate, found.exit_code) == ("undecided", 3)
    assert found.document()["unread"] == ["c"]
    suite = ET.fromstring(found.junit())
    assert (suite.get("tests"), suite.get("skipped")) == ("3", "1")
    last = suite.findall("testcase")[-1]
    assert (last.get("name"), last.find("skipped") is not None) == ("c", True)
    assert replace(compared(WORSE, GOOD), unread=("c",)).gate == "regressed"


def test_a_mode_is_named_wherever_it_is_shown():
    """In text, data, HTML and JUnit: what the verdict is about, and how it may be used."""
    found = compared(GOOD, GOOD, mode="finite")
    said = "agrees with the verdict on the full set of 100 items"
    assert str(found).splitlines()[0].startswith("new against old (about this data set): ")
    assert said in str(found)
    assert said in found._repr_html_()
    assert found.document()["mode"] == "finite"
    assert found.document()["reading"] == found.reading
    suite = ET.fromstring(found.junit())
    kept = {entry.get("name"): entry.get("value") for entry in suite.iter("property")}
    assert kept == {"mode": "finite", "reading": found.reading}
    assert all(said in case.find("system-out").text for case in suite.iter("testcase"))
    anytime = compared(GOOD, GOOD, mode="anytime", margin=0.3)
    assert (anytime.document()["mode"], anytime.gate) == ("anytime", "passed")
    assert "full set" not in str(anytime)
    assert compared(GOOD, GOOD).document()["mode"] == "fixed-sample"


def test_cost_and_latency_are_rows_that_decide_nothing():
    """After the tasks; not in JUnit; with a note about what latency depends on."""

    def measured(price):
        return ScoreTable(
            rows=tuple(
                replace(row, micro_dollars=price, seconds=price / 100)
                for row in rows("m", "a", 0.9)
            ),
            source="s",
        )

    found = compared(measured(250), measured(100))
    text = str(found)
    assert "a: cost $0.2500 against $0.1000 per 1,000 calls, difference +0.1500 [" in text
    assert "a: latency 2.5000 against 1.0000 s per call, difference +1.5000 [" in text
    assert "Latency depends on the load when it was measured" in text
    assert found.gate == "passed"
    assert ET.fromstring(found.junit()).get("tests") == "1"
    assert "Latency" not in str(compared(GOOD, GOOD))
