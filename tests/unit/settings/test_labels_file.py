"""Reading files of labels: every problem with file and line."""

from __future__ import annotations

import json

import pytest

from escalera.domain.judge import Label, Scale
from escalera.errors import DataError, ProjectError
from escalera.settings import labels_file

SCALE = Scale(lowest=1, highest=5)


def load(folder, *rows):
    file = folder / "labels.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return labels_file.load(
        file, task="a", project=folder / "escalera.toml", items=("a/1", "a/2"), scale=SCALE
    )


def test_labels_are_places_on_the_scale(tmp_path):
    """Several people, a known chance, other keys ignored, empty lines and forms passed over."""
    found = load(
        tmp_path,
        {"item": "1", "reply": "yes", "labels": [1, 5], "probability": 0.25, "input": "?"},
        "",
        {"item": "2", "reply": "yes", "labels": []},
        {"item": "1", "reply": "no", "labels": [4.0]},
    )
    assert found == (
        Label(item="a/1", reply="yes", scores=(0.0, 1.0), probability=0.25),
        Label(item="a/1", reply="no", scores=(0.75,)),
    )


def test_labels_of_named_people_count_as_their_last(tmp_path):
    """One line per label, as the page adds them: corrected, taken back, beside lists."""
    found = load(
        tmp_path,
        {"item": "1", "reply": "yes", "labels": [1], "probability": 0.25},
        {"item": "1", "reply": "yes", "label": 5, "by": "Ana", "at": 1.5},
        {"item": "2", "reply": "no", "label": 2, "by": "Ana"},
        {"item": "1", "reply": "yes", "label": 3, "by": "Bo", "order": "first"},
        {"item": "1", "reply": "yes", "label": 2, "by": "Ana"},
        {"item": "2", "reply": "no", "label": None, "by": "Ana"},
    )
    assert found == (Label(item="a/1", reply="yes", scores=(0.0, 0.25, 0.5), probability=0.25),)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{broken", "is not a label"),
        ({"item": "1", "labels": [1]}, "`reply`"),
        ({"item": "9", "reply": "yes", "labels": [1]}, "'9' is not in the task's data"),
        ({"item": "1", "reply": "yes", "labels": [6]}, "the label 6 is off the scale"),
        ({"item": "1", "reply": "yes", "labels": ["good"]}, "is not a label"),
        ({"item": "1", "reply": "yes", "labels": [2], "probability": 0}, "probability 0"),
        ({"item": "1", "reply": "yes", "label": 9, "by": "Ana"}, "the label 9 is off the scale"),
        ({"item": "1", "reply": "yes", "label": 2}, "whom `by` names"),
        ({"item": "1", "reply": "yes", "label": 2, "labels": [2], "by": "Ana"}, "without `labels`"),
        ({"item": "1", "reply": "yes", "label": "good", "by": "Ana"}, "is not a label"),
        ({"item": "2", "reply": "no", "labels": [1]}, "the same reply to '2' is on line 1"),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path, row, said):
    """File, line, the value and what to do."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, {"item": "2", "reply": "no", "labels": [3]}, row)
    assert said in str(caught.value)
    assert caught.value.line == 2


def test_what_a_kill_left_of_the_last_line_is_passed_over(tmp_path):
    """Nobody was told that it was saved; the page cuts it off when it is opened again."""
    file = tmp_path / "labels.jsonl"
    whole = json.dumps({"item": "1", "reply": "yes", "label": 2, "by": "Ana"}) + "\n"
    for torn in ('{"item": "2", "rep', "\0\0\0", '{"item": "2", "reply": "\u00e9'):
        file.write_bytes((whole + torn).encode()[:-1])
        found = labels_file.load(
            file, task="a", project=tmp_path, items=("a/1", "a/2"), scale=SCALE
        )
        assert [label.item for label in found] == ["a/1"]


def test_a_file_that_is_not_there_is_the_projects_problem(tmp_path):
    """The key that names it."""
    with pytest.raises(ProjectError, match=r"tasks\.a\.labels"):
        labels_file.load(tmp_path / "none.jsonl", task="a", project=tmp_path, items=(), scale=SCALE)
