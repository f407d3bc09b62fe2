"""What `label --summary` says, for people and for scripts."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.label import project

from escalera.apps import workspace
from escalera.apps.label import matter, sitting
from escalera.apps.label.matter import Wanted
from escalera.apps.label.sitting import Sitting
from escalera.apps.label.summary import Labelled
from escalera.testing.memory import MemoryLines


@pytest.fixture
def opened(tmp_path):
    """A function that opens a sitting."""
    file = project.write(tmp_path)

    def opened(wanted, lines=()):
        lines = MemoryLines(lines)
        place = matter.place_of(file, wanted)
        found = matter.load(file, place, wanted, lines.read())
        return Sitting(found, lines, shared=20, now=lambda: 1.0)

    return opened


GRADES = Wanted(answers=("small",), sample=30)
PAIRS = Wanted(task="replies", pairs=("small", "large"), sample=30)


def test_before_anyone_labelled_nothing_is_claimed(opened):
    """How much there is, and that agreement is not known."""
    held = opened(GRADES)
    text = str(Labelled(matter=held.matter, standing=held.standing()))
    assert "replies: 0 of 30 are labelled" in text
    assert "nobody yet" in text
    assert "nothing is labelled by two people" in text


def test_progress_and_agreement_of_people(opened):
    """Names with their labels, alpha and kappas; a warning where the sample has gaps."""
    form = {"item": "confirm-3", "reply": "small says 3", "labels": [2, 3]}
    held = opened(GRADES, [json.dumps(form).encode()])
    keys = [*held.units]
    for by in ("Ana", "Bo"):
        for n, key in enumerate(keys[:6]):
            held.give(by, key, str((n + (by == "Bo" and n == 2)) % 5))
    held.give("Ana", keys[9], "1")
    found = Labelled(matter=held.matter, standing=held.standing())
    text, document = str(found), json.loads(workspace.as_json(found.document()))
    assert "labels by person: Ana 7, Bo 6" in text
    assert "on 6 labelled by two or more, all agree on 0.83 [" in text
    alpha = held.standing().concord.alpha
    assert f"alpha {alpha.estimate:.2f} [{alpha.lower:.2f}, {alpha.upper:.2f}]" in text
    assert "  Ana and Bo: kappa 0." in text
    assert "1 have labels of people who are not named" in text
    assert "stand before labelled ones" in text
    assert document["agreement"]["alpha"]["estimate"] == alpha.estimate
    assert document["agreement"]["pairs"][0]["units"] == 6
    assert document["people"] == [{"name": "Ana", "labels": 7}, {"name": "Bo", "labels": 6}]
    assert (document["kind"], document["preference"]) == ("grade", None)
    assert (
        document["passed_over"] == sitting.standing(held.matter, held.book, shared=20).passed_over
    )


def test_a_preference_names_the_systems(opened):
    """Here, where nobody labels any more; with the answers that were alike, and the place."""
    held = opened(PAIRS)
    for key in held.units:
        held.give("Ana", key, "first")
    found = Labelled(matter=held.matter, standing=held.standing())
    text, document = str(found), found.document()
    share = held.standing().preference.first
    said = f"small is preferred to large on {share.estimate:.2f} [{share.lower:.2f}, "
    assert said in text
    assert "on 6 more items both gave the same answer" in text
    assert "what is shown first is preferred on 1.00" in text
    assert "a bias of place" in text
    assert (document["systems"], document["alike"]) == (["small", "large"], 6)


def test_how_many_labels_the_judge_needs_is_said(opened):
    """Where it is known."""
    held = opened(GRADES)
    for n, key in enumerate(held.units):
        held.give("Ana", key, str(n % 5))
    again = opened(GRADES, held._lines.read())
    found = Labelled(matter=again.matter, standing=again.standing())
    assert again.matter.needed is not None
    assert f"about {again.matter.needed} labels bring" in str(found)
    assert found.document()["labels_needed"] == again.matter.needed
