"""A sitting: what is shown to whom, and that a label counts when its line is there."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.label import project

from escalera.apps.label import matter, sitting
from escalera.apps.label.matter import Wanted
from escalera.apps.label.sitting import Refused, Sitting
from escalera.core.evaluation.labelling import Book, concord
from escalera.errors import LinesError
from escalera.testing.memory import MemoryLines

GRADES = Wanted(answers=("small",), sample=8)
PAIRS = Wanted(task="replies", pairs=("small", "large"))


class Full(MemoryLines):
    """A disk without room."""

    def append(self, line):
        raise LinesError(
            file="labels.jsonl", problem="the line was NOT written", remedy="Make room"
        )


@pytest.fixture
def opened(tmp_path):
    """A function that opens a sitting."""
    file = project.write(tmp_path)

    def opened(wanted=GRADES, lines=None, *, shared=0):
        lines = MemoryLines() if lines is None else lines
        place = matter.place_of(file, wanted)
        found = matter.load(file, place, wanted, lines.read())
        return Sitting(found, lines, shared=shared, now=lambda: 12.34567)

    return opened


def written(lines):
    return [json.loads(line) for line in lines.read()]


def label_all(held, by, said="2"):
    count = 0
    while (unit := held.shown(by).unit) is not None:
        held.give(by, unit.key, said)
        count += 1
    return count


def test_a_label_is_written_and_the_next_is_shown(opened):
    """With who gave it and when; what is left counts down."""
    lines = MemoryLines()
    held = opened(lines=lines)
    first = held.shown("Ana")
    assert (first.done, first.left, first.value) == (0, 8, None)
    held.give("Ana", first.unit.key, "3")
    (line,) = written(lines)
    assert (line["label"], line["by"], line["at"]) == (3, "Ana", 12.346)
    assert line["reply"] == first.texts[0]
    second = held.shown("Ana")
    assert (second.done, second.left) == (1, 7)
    assert second.unit != first.unit
    assert held.shown("Ana", first.unit.key).value == "3"


def test_a_second_sitting_goes_on_where_the_lines_end(opened):
    """Nothing but the lines is needed."""
    lines = MemoryLines()
    held = opened(lines=lines)
    for said in "31":
        held.give("Ana", held.shown("Ana").unit.key, said)
    again = opened(lines=lines)
    assert again.shown("Ana") == held.shown("Ana")
    assert label_all(again, "Ana") == 6
    assert again.standing().labelled == 8


def test_the_same_label_again_is_not_written_twice(opened):
    """A form that is sent twice adds nothing; another label is added and counts."""
    lines = MemoryLines()
    held = opened(lines=lines)
    key = held.shown("Ana").unit.key
    for said in ("3", "3", "1"):
        held.give("Ana", key, said)
    assert [line["label"] for line in written(lines)] == [3, 1]
    assert held.shown("Ana", key).value == "1"
    assert held.standing().labelled == 1


def test_undo_takes_back_one_after_the_other(opened):
    """History is kept; the unit is there again."""
    lines = MemoryLines()
    held = opened(lines=lines)
    keys = []
    for said in "31":
        keys.append(held.shown("Ana").unit.key)
        held.give("Ana", keys[-1], said)
    assert [held.undo("Ana"), held.undo("Ana"), held.undo("Ana")] == [*keys[::-1], None]
    assert [line["label"] for line in written(lines)] == [3, 1, None, None]
    assert held.shown("Ana").unit.key == keys[0]
    assert opened(lines=lines).standing().labelled == 0


def test_what_is_put_off_comes_again_at_the_end(opened):
    """In the order in which it was put off."""
    held = opened()
    first = held.shown("Ana").unit.key
    held.put_off("Ana", first)
    second = held.shown("Ana").unit.key
    held.put_off("Ana", second)
    held.put_off("Ana", "unknown")
    order = []
    while (unit := held.shown("Ana").unit) is not None:
        order.append(unit.key)
        held.give("Ana", unit.key, "1")
    assert order[-2:] == [first, second]
    assert len(set(order)) == 8


def test_people_share_the_first_and_part_the_others(opened):
    """Nobody labels what another one has before the eyes, unless everybody does."""
    held = opened(shared=3)
    assert held.shown("Ana").unit == held.shown("Bo").unit
    counts = {"Ana": 0, "Bo": 0}
    while held.shown("Ana").unit or held.shown("Bo").unit:
        shown = {by: held.shown(by) for by in counts}
        for by, one in shown.items():
            if one.unit is not None and held.shown(by, one.unit.key).left:
                held.give(by, one.unit.key, "2")
                counts[by] += 1
    book = [len(held.book.labels(key)) for key in held.units]
    assert book == [2, 2, 2, 1, 1, 1, 1, 1]
    assert min(counts.values()) >= 5


@pytest.mark.parametrize("said", ["5", "-1", "2.5", "", "nan", "first", "1e999"])
def test_what_is_no_grade_is_refused(opened, said):
    """And nothing is written."""
    lines = MemoryLines()
    held = opened(lines=lines)
    with pytest.raises(Refused, match="is no grade: give 0 to 4"):
        held.give("Ana", held.shown("Ana").unit.key, said)
    assert lines.read() == ()


def test_what_is_not_to_be_labelled_is_refused(opened):
    """A unit of yesterday's page."""
    with pytest.raises(Refused, match="not among what is to be labelled"):
        opened().give("Ana", "unknown", "3")


def test_a_label_that_is_not_written_does_not_count(opened):
    """The same unit is shown, and the next sitting knows no more."""
    held = opened(lines=Full())
    shown = held.shown("Ana")
    with pytest.raises(LinesError, match="NOT written"):
        held.give("Ana", shown.unit.key, "3")
    assert held.shown("Ana") == shown
    assert held.standing().labelled == 0


def test_two_texts_come_in_a_drawn_order_and_count_by_what_they_are(opened):
    """First and second are places of the screen; what is kept is which system was chosen."""
    lines = MemoryLines()
    held = opened(PAIRS, lines)
    places = set()
    for said in ("first", "second", "tie", "first", "second", "first"):
        shown = held.shown("Ana")
        small = project.reply("small", shown.unit.item)
        held.give("Ana", shown.unit.key, said)
        line = written(lines)[-1]
        assert line["a"] == {"system": "small", "reply": small}
        assert line["first"] == ("a" if shown.texts[0] == small else "b")
        chosen = {"first": shown.texts[0], "second": shown.texts[1]}.get(said)
        wanted = "tie" if chosen is None else "a" if chosen == small else "b"
        assert line["choice"] == wanted
        assert held.shown("Ana", shown.unit.key).value == said
        places.add(line["first"])
    assert places == {"a", "b"}
    with pytest.raises(Refused, match="is no choice"):
        held.give("Ana", held.shown("Ana").unit.key, "4")
    assert opened(PAIRS, lines).standing() == held.standing()
    assert held.standing().preference is not None


def test_targets_are_kept_as_they_are_meant(opened, tmp_path):
    """Line ends of a browser are not; nor is what the task cannot use."""
    inputs = tmp_path / "new.jsonl"
    inputs.write_text('{"id": "1", "input": "?"}')
    lines = MemoryLines()
    held = opened(Wanted(task="replies", targets=inputs), lines)
    key = held.shown("Ana").unit.key
    held.give("Ana", key, " Dear\r\nyou \r\n")
    assert written(lines)[0]["target"] == "Dear\nyou"
    assert held.shown("Ana", key).value == "Dear\nyou"
    for said, why in ((" \r\n", "is empty"), ("x" * 200_001, "is longer than 200000")):
        with pytest.raises(Refused, match=f"this target {why}"):
            held.give("Ana", key, said)


def test_standing_says_who_gave_how_many_and_how_far_they_agree(opened):
    """Agreement is that of the core, over all units and people."""
    lines = MemoryLines()
    held = opened(lines=lines, shared=8)
    for by, step in (("Ana", 1), ("Bo", 2)):
        for n in range(8):
            held.give(by, held.shown(by).unit.key, str(n * step % 5))
    found = held.standing()
    assert found.people == (("Ana", 8), ("Bo", 8))
    assert (found.units, found.labelled, found.shared, found.passed_over) == (8, 8, 8, 0)
    book = Book.of(held.matter.form.read(held.matter.place.file, lines.read()))
    assert found.concord == concord(held.matter.units, book, grades=(0, 1, 2, 3, 4), alpha=0.05)
    assert found == sitting.standing(held.matter, book, shared=8)


def test_agreement_is_at_most_a_few_labels_old_at_a_glance(opened, monkeypatch):
    """Anew at every label while it is cheap, and where it is asked for."""
    held = opened(shared=8)
    for by in ("Ana", "Bo"):
        for n in range(6):
            held.give(by, held.shown(by).unit.key, str(n % 5))
            assert held.glance() == held.standing()
    monkeypatch.setattr(sitting, "AGED", 3)
    old = held.standing()
    for n in range(2):
        held.give("Ana", held.shown("Ana").unit.key, str(n))
        assert held.glance() is old
    held.give("Bo", held.shown("Bo").unit.key, "3")
    assert held.glance().concord.units == 7
    assert held.glance() is held.standing()


def test_where_people_differ_is_shown_to_those_who_labelled_it(opened):
    """Who is yet to label a unit does not see what others gave it."""
    held = opened(shared=8)
    key = held.shown("Ana").unit.key
    held.give("Ana", key, "1")
    held.give("Bo", key, "2")
    ((unit, given),) = held.apart("Ana")
    assert (unit.key, [(one.by, one.value) for one in given]) == (key, [("Ana", 1), ("Bo", 2)])
    assert held.apart("Cy") == ()
    held.give("Cy", key, "2")
    assert len(held.apart("Cy")) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ana", "Ana"),
        ("  Ana   Lía ", "Ana Lía"),
        ("Li\u0301a", "Lía"),
        ("ana@example.org", "ana@example.org"),
        ("X", "X"),
        ("李", "李"),
    ],
)
def test_a_name_has_one_form(text, name):
    """Spaces and accents are written in many ways."""
    assert sitting.name(text) == name


@pytest.mark.parametrize("text", ["", " ", "a/b", "..", "<b>", "a" * 41, "-", 'a"b', "a\0b"])
def test_what_is_no_name_is_refused(text):
    """It stands in addresses and in the file."""
    with pytest.raises(Refused, match="is no name"):
        sitting.name(text)
