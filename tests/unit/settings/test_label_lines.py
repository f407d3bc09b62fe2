"""The lines that the page adds: what is written is read again, by unit and person."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path

import pytest

from escalera.core.evaluation.labelling import NOBODY, Given, Unit, key_of
from escalera.domain.dataset import Example
from escalera.domain.judge import Scale
from escalera.errors import DataError
from escalera.settings import labels_file
from escalera.settings.label_lines import Choices, Grades, Targets

FILE = Path("labels.jsonl")
ITEM = Example(id="t/1/2", task="t", split="confirm", input="Hi?", target="Dear", cluster="c")
SCALE = Scale(lowest=0, highest=4)


def given(unit, value, *, by="Ana", first=None):
    return Given(unit=unit.key, by=by, value=value, first=first)


def through(form, unit, *labels):
    """The labels, written and read."""
    lines = [json.dumps(form.line(unit, one, at=7.5)).encode() for one in labels]
    return [*form.read(FILE, [BOM_UTF8 + lines[0], b"  ", *lines[1:]])]


@pytest.mark.parametrize(
    ("form", "texts", "labels"),
    [
        (Grades(task="t", scale=SCALE), ("é",), [(3.0, None), (None, None), (0.0, None)]),
        (
            Grades(task="t", scale=Scale(lowest=0, highest=1), against={"t/1/2": "Dear"}),
            ("é", "Dear"),
            [(1.0, 0), (0.5, 1), (None, 1)],
        ),
        (Choices(task="t", a="x", b="y"), ("é", "o"), [(1.0, 0), (0.5, 1), (0.0, 1), (None, 0)]),
        (Targets(task="t"), ("Hi?",), [("Dear", None), ("two\nlines", None), (None, None)]),
    ],
)
def test_what_is_written_is_read(form, texts, labels):
    """Every kind, corrections and takings back, and what was shown first."""
    unit = Unit(item=ITEM, texts=texts)
    told = [given(unit, value, first=first) for value, first in labels]
    assert through(form, unit, *told) == told


def test_grades_are_lines_of_a_file_of_labels(tmp_path):
    """The judge's calibration reads them as they stand; ids are those of the data."""
    file, unit = tmp_path / "labels.jsonl", Unit(item=ITEM, texts=("yes",))
    line = Grades(task="t", scale=SCALE).line(unit, given(unit, 3.0), at=7.5)
    assert line == {"item": "1/2", "reply": "yes", "label": 3, "by": "Ana", "at": 7.5}
    file.write_text(json.dumps(line))
    (label,) = labels_file.load(file, task="t", project=tmp_path, items=["t/1/2"], scale=SCALE)
    assert (label.item, label.reply, label.scores) == ("t/1/2", "yes", (0.75,))


def test_labels_of_people_without_a_name_are_their_mean():
    """A filled form; an empty one is nobody's label."""
    lines = [
        json.dumps({"item": "1/2", "reply": reply, "labels": labels}).encode()
        for reply, labels in (("a", [1, 4]), ("b", []))
    ]
    (found,) = Grades(task="t", scale=SCALE).read(FILE, lines)
    assert found == Given(unit=key_of("t/1/2", "a"), by=NOBODY, value=2.5)


def test_a_choice_holds_both_answers_and_their_systems():
    """Whoever reads the file needs nothing else."""
    unit = Unit(item=ITEM, texts=("é", "o"))
    line = Choices(task="t", a="x", b="y").line(unit, given(unit, 0.0, first=1), at=7.5)
    assert line == {
        "item": "1/2",
        "a": {"system": "x", "reply": "é"},
        "b": {"system": "y", "reply": "o"},
        "first": "b",
        "choice": "b",
        "by": "Ana",
        "at": 7.5,
    }


def test_choices_between_the_same_two_count_whichever_was_named_first():
    """Turned round; those between others are passed over."""
    unit = Unit(item=ITEM, texts=("é", "o"))
    told = given(unit, 1.0, first=0)
    line = json.dumps(Choices(task="t", a="x", b="y").line(unit, told, at=7.5)).encode()
    (turned,) = Choices(task="t", a="y", b="x").read(FILE, [line])
    assert turned == Given(unit=key_of("t/1/2", "o", "é"), by="Ana", value=0.0, first=1)
    assert [*Choices(task="t", a="x", b="z").read(FILE, [line])] == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Choices(task="t", a="x", b="y"), "is not a choice"),
        (Targets(task="t"), "is not a target"),
        (Grades(task="t", scale=SCALE), "is not a label"),
    ],
)
def test_a_line_of_another_kind_is_named(form, said):
    """With its number."""
    with pytest.raises(DataError, match=said) as caught:
        list(form.read(FILE, [b"", b'{"x": 1}']))
    assert caught.value.line == 2
