"""Inputs without a target: who answers, what stays, and what is refused."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.data.files import quiet, read
from tests.unit.apps.data.test_generated import MODELS, TESTED, TOPIC, shop

from escalera.apps.data import answered
from escalera.apps.data.answered import Wish
from escalera.errors import InputError

pytest.importorskip("rensa")
__all__ = ["shop"]
INPUTS = [
    {"id": "7", "input": "My blue lamp is broken", "licence": "MIT", "source": "mails"},
    {"input": "Nobody answers the telephone"},
    {"input": "An elephant ate the raincoat"},
    {"input": TESTED, "target": "unused"},
    {"input": "Nobody answers the telephone"},
]


def answers(request):
    return "no object" if "elephant" in request.messages[-1].content else TOPIC


def answer(installation, folder, rows, **wish):
    file = folder / "inputs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = {"task": "topics", "file": file, "by": "big"} | wish
    return answered.run(installation, Wish(**asked), folder / "new.jsonl", progress=quiet)


def test_answers_that_may_be_taught_stay(shop, tmp_path):
    """Nothing tested, nothing twice, nothing of another form; what a row says of itself stays."""
    found = answer(shop(answers), tmp_path, INPUTS)
    assert (found.inputs, found.written) == (4, 2)
    assert found.reasons == {"duplicate or leak": 1, "contract": 1}
    first, second = read(tmp_path / "new.jsonl")
    assert (first["id"], first["target"], first["split"]) == ("7", TOPIC, "train")
    assert (first["licence"], first["source"]) == ("MIT", "mails, answered by big")
    assert second["source"] == "answered by big"
    assert len(MODELS["big"].requests) == 3
    assert "no judge and no schema" in str(found)
    answer(shop(answers), tmp_path, INPUTS)
    assert MODELS["big"].requests == []


@pytest.mark.parametrize("into", ["topics.jsonl", "inputs.jsonl"])
def test_what_is_read_is_not_written_over(shop, tmp_path, into):
    """Neither a data file of the project nor the inputs; nothing is bought."""
    made = shop(answers)
    file = tmp_path / "inputs.jsonl"
    file.write_text(json.dumps(INPUTS[0]) + "\n")
    before = (tmp_path / into).read_bytes()
    wish = Wish(task="topics", file=file, by="big")
    with pytest.raises(InputError, match="read or written already: name another file"):
        answered.run(made, wish, tmp_path / into, progress=quiet)
    assert (tmp_path / into).read_bytes() == before
    assert MODELS["big"].requests == []


def test_a_judge_decides_where_there_is_no_target(shop, tmp_path):
    """And then nothing needs to be said of it."""
    found = answer(shop(answers), tmp_path, INPUTS, judge="fits")
    assert [row["id"] for row in read(tmp_path / "new.jsonl")] == ["7"]
    assert found.reasons["judge"] == 1
    assert "no judge" not in str(found)


def test_a_cap_is_told(shop, tmp_path):
    """With the answers that it allowed."""
    found = answer(shop(answers, budget="[budget]\ncalls = 1"), tmp_path, INPUTS)
    assert (found.written, found.reasons["unanswered"]) == (1, 2)
    assert "a cap of [budget] was reached" in str(found)


@pytest.mark.parametrize(
    ("rows", "wish", "said"),
    [
        (INPUTS, {"task": "none"}, "there is no task 'none'"),
        (INPUTS, {"by": "nobody"}, "there is no system 'nobody'"),
        ([], {}, "holds no inputs"),
        ([{"input": "a", "fields": {"tier": 1}}], {}, "line 1: has turns, fields"),
        ([{"input": "a", "split": "confirm"}], {}, "another split than train"),
    ],
)
def test_what_cannot_be_is_refused(shop, tmp_path, rows, wish, said):
    """Before anything is bought."""
    with pytest.raises(InputError, match=said):
        answer(shop(answers), tmp_path, rows, **wish)
    assert MODELS["big"].requests == []
