"""What doctor says of judges."""

from __future__ import annotations

import json

import pytest

from escalera import wiring
from escalera.apps import judges
from escalera.settings.tables import ModelTable

JUDGED = """
[models.large]
base_url = "http://127.0.0.1:9/v1"
model = "{model}"

[judges.kind]
model = "{judge}"
rubric = "Is kind."
allow_self = true
"""


def words(folder, model, judge="large", labels=0, more=""):
    """The findings of a project whose first task is judged."""
    file = folder / "escalera.toml"
    text = file.read_text().replace('scorer = "exact"', 'scorer = "judge:kind"', 1)
    if labels:
        text = text.replace('scorer = "judge', 'labels = "l.jsonl"\nscorer = "judge', 1)
        rows = [{"item": f"confirm/{n}", "reply": "x", "labels": [3]} for n in range(labels)]
        (folder / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file.write_text(text + JUDGED.format(model=model, judge=judge) + more)
    found = judges.findings(wiring.install(file))
    return [(finding.passed, finding.words) for finding in found]


def test_a_judge_of_another_family_is_fine(write):
    """What its figures rest on is told."""
    ((passed, said),) = words(write(), "other-7b")
    assert passed
    assert said == (
        "a: judged by 'kind', with labels for 0 answers; below 30 its figures rest on the judge "
        "alone"
    )


def test_what_second_orders_cost_is_told_beforehand(write):
    """Of a judge that compares; and of voices that may tie."""
    file = write()
    more = 'kind = "pairwise"\n'
    (_, second) = words(file, "other-7b", more=more)
    assert "judge kind: compares in both orders until its position bias" in second[1]
    text = (file / "escalera.toml").read_text()
    voting = text.replace('model = "large"', 'model = ["large", "base"]\ncombine = "vote"')
    (file / "escalera.toml").write_text(voting)
    found = [one.words for one in judges.findings(wiring.install(file / "escalera.toml"))]
    assert any("2 judges vote, and may tie: an answer then scores 0.5" in said for said in found)
    assert not any("both orders until" in said for said in found)


def test_enough_labels_are_told_without_a_warning(write):
    """The number is there."""
    ((_, said),) = words(write(), "other-7b", labels=30)
    assert said == "a: judged by 'kind', with labels for 30 answers"


def test_a_judge_of_its_own_answers_is_warned_of(write):
    """It was allowed, so it passes; it must be known all the same."""
    (passed, said), _ = words(write(), "other", judge="base")
    assert passed
    assert "'base' grades its own answers and may prefer them" in said
    assert "escalera judge" in said


def test_the_same_model_under_another_name_is_found_out(write):
    """Nobody said that it may."""
    (passed, said), _ = words(write(), "m")
    assert not passed
    assert "grades its own answers" in said


def test_a_judge_of_the_same_family_is_warned_of(write):
    """By the first letters of the names."""
    (passed, said), _ = words(write(), "m-large-2")
    assert passed
    assert "seem to be of one family" in said


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (ModelTable(base_url="u", model="gpt-4o-mini"), "gpt"),
        (ModelTable(base_url="u", model="meta-llama/Llama-3.1-8B"), "llama"),
        (ModelTable(hub="Qwen/Qwen2.5-0.5B"), "qwen"),
        (ModelTable(path="models/7b/"), "7b"),
    ],
)
def test_a_family_is_what_a_name_begins_with(table, wanted):
    """The owner and the version do not count."""
    assert judges.family(table) == wanted
