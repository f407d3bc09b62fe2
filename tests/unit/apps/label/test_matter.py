"""What is labelled: the units of a project, and where their labels go."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.label import project
from tests.unit.apps.label.project import number

from escalera.apps.label import matter
from escalera.apps.label.matter import Wanted
from escalera.core.evaluation import calibration
from escalera.errors import DataError, EvidenceMissing, InputError

GRADES = Wanted(answers=("small",))


def load(file, wanted, lines=()):
    place = matter.place_of(file, wanted)
    return matter.load(file, place, wanted, lines)


def test_answers_of_a_system_are_graded_on_the_judges_scale(tmp_path):
    """The first items of a keyed order, with what the judge is shown and told."""
    file = project.write(tmp_path, judge='anchors = ["a", "b", "c", "d", "e"]')
    found = load(file, Wanted(answers=("small",), sample=12))
    assert (found.kind, found.task.name, found.panel) == ("grade", "replies", "kind")
    assert found.question == "The answer is kind & <b>plain</b>."
    assert found.grades == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert (found.anchors, found.reference) == (("a", "b", "c", "d", "e"), True)
    assert len(found.units) == 12
    for unit in found.units:
        assert unit.texts == (project.reply("small", unit.item),)
        assert unit.judged == project.score(unit.item)
    more = load(file, Wanted(answers=("small",), sample=20))
    assert more.units[:12] == found.units


def test_answers_of_two_systems_are_graded_for_the_same_items(tmp_path):
    """Equal ones once."""
    file = project.write(tmp_path)
    found = load(file, Wanted(answers=("small", "large"), sample=30))
    alike = [unit for unit in found.units if number(unit.item) % 5 == 0]
    assert (len(alike), len(found.units)) == (6, 6 + 2 * 24)


def test_a_judge_that_compares_is_held_against_preferences(tmp_path):
    """People see answer and target side by side, as it does."""
    file = project.write(tmp_path, kind="pairwise")
    found = load(file, GRADES)
    assert found.grades == (0.0, 0.5, 1.0)
    assert (found.anchors, found.reference) == ((), False)
    assert found.question.startswith("Which is better by this rule: The answer is kind")
    unit = found.units[0]
    assert unit.texts == (project.reply("small", unit.item), f"Dear {number(unit.item)}")


def test_pairs_are_answers_that_differ(tmp_path):
    """Where both said the same there is nothing to choose, which is counted."""
    file = project.write(tmp_path)
    found = load(file, Wanted(task="replies", pairs=("large", "small")))
    assert (len(found.units), found.alike, found.systems) == (24, 6, ("large", "small"))
    for unit in found.units:
        assert unit.texts == tuple(project.reply(name, unit.item) for name in found.systems)
    assert found.reference


def test_targets_are_written_for_inputs_of_a_file(tmp_path):
    """In its order; the scorer of the task says which targets it can use."""
    file = project.write(tmp_path)
    inputs = tmp_path / "new.jsonl"
    rows = [{"id": str(n), "input": f"input {n}"} for n in range(3)]
    inputs.write_text("\n".join(map(json.dumps, rows)))
    found = load(file, Wanted(task="routing", targets=inputs, sample=2))
    assert [unit.texts for unit in found.units] == [("input 0",), ("input 1",)]
    assert (found.question, found.grades) == ("Give the number of the desk.", None)
    assert found.place.file == tmp_path / "new.targets.jsonl"
    assert (found.unusable("7"), found.unusable("  ")) == (None, "is empty")
    judged = load(file, Wanted(task="replies", targets=inputs))
    assert judged.unusable("anything") is None


def test_a_target_must_have_the_form_of_the_schema(tmp_path):
    """What the data would be refused for is refused when it is written."""
    file = project.write(tmp_path)
    (tmp_path / "form.json").write_text('{"type": "number"}')
    text = file.read_text().replace(
        'scorer = "numeric"', 'scorer = "numeric"\nschema = "form.json"'
    )
    file.write_text(text)
    inputs = tmp_path / "new.jsonl"
    inputs.write_text('{"id": "1", "input": "?"}')
    found = load(file, Wanted(task="routing", targets=inputs))
    assert found.unusable("7") is None
    assert "the task's schema" in (found.unusable('"7"') or "")


def test_labels_go_where_the_project_says(tmp_path):
    """Or beside it, under a name that says what they are."""
    file = project.write(tmp_path)
    place = matter.place_of(file, GRADES)
    assert (place.task, place.file, place.named) == (
        "replies",
        tmp_path / "replies.labels.jsonl",
        False,
    )
    pairs = matter.place_of(file, Wanted(task="routing", pairs=("small", "large")))
    assert pairs.file == tmp_path / "routing.pairs.jsonl"
    chosen = matter.place_of(file, Wanted(into=tmp_path / "mine.jsonl"))
    assert (chosen.file.name, chosen.named) == ("mine.jsonl", False)
    project.write(tmp_path, labels='labels = "people.jsonl"')
    for into in (None, tmp_path / "people.jsonl"):
        named = matter.place_of(file, Wanted(into=into))
        assert (named.file, named.named) == (tmp_path / "people.jsonl", True)
    kept = matter.place_of(file, Wanted(task="replies", pairs=("small", "large")))
    assert kept.file == tmp_path / "replies.pairs.jsonl"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(task="orders"), "there is no task 'orders'"),
        (Wanted(task="routing"), "is scored by 'numeric'"),
        (Wanted(pairs=("small", "large")), "there are 2 tasks"),
        (Wanted(task="replies", pairs=("small", "small")), "names one system twice"),
        (Wanted(answers=("nobody",)), "there is no system 'nobody'"),
    ],
)
def test_what_cannot_be_labelled_is_told(tmp_path, wanted, said):
    """Before a page opens."""
    file = project.write(tmp_path)
    with pytest.raises(InputError, match=said):
        load(file, wanted)


def test_answers_must_have_been_recorded(tmp_path):
    """Nothing is bought here."""
    file = project.write(tmp_path)
    with pytest.raises(EvidenceMissing, match="no search item of 'replies' was answered by small"):
        load(file, Wanted(answers=("small",), split="search"))
    (tmp_path / ".escalera" / "journal.sqlite").unlink()
    with pytest.raises(EvidenceMissing, match="there is no journal"):
        load(file, GRADES)


def test_as_many_as_the_judge_needs_are_drawn(tmp_path):
    """Told by the labels of the first: the number that `judge` aims at, and at least forty."""
    file = project.write(tmp_path, items=120)
    first = load(file, GRADES)
    assert (len(first.units), first.needed) == (40, None)
    people = [number(unit.item) % 3 * 2 for unit in first.units]
    lines = [
        json.dumps(first.form.line(unit, matter_given(unit, value), at=0.0)).encode()
        for unit, value in zip(first.units, people, strict=True)
    ]
    found = load(file, GRADES, lines)
    judge = [project.score(unit.item) for unit in first.units]
    wanted = calibration.labels_needed(judge, [value / 4 for value in people], 0.05)
    assert wanted is not None
    assert wanted > 100
    assert (found.needed, len(found.units)) == (wanted, min(wanted, 120))
    assert len(load(file, Wanted(answers=("small",), sample=50), lines).units) == 50


def matter_given(unit, value):
    from escalera.core.evaluation.labelling import Given

    return Given(unit=unit.key, by="Ana", value=float(value))


def test_lines_of_another_kind_are_no_labels(tmp_path):
    """Named with file and line."""
    file = project.write(tmp_path)
    with pytest.raises(DataError, match=r"replies\.labels\.jsonl, line 1: is not a label"):
        load(file, GRADES, [b'{"choice": "a"}'])
