"""`data stats`: what a data set holds, and which rows say the same."""

from __future__ import annotations

import pytest
from tests.unit.apps.data.files import quiet, row, written

from escalera.apps.data import described
from escalera.errors import DataError
from escalera.wiring import data_sets

STORY = "please tell me where my parcel is that i have been waiting for since the second of may"


def describe(groups, **more):
    return described.describe(groups, **({"near": 0.7, "progress": quiet} | more))


def test_counts_are_of_each_type_and_twins_of_all(tmp_path):
    """A question of one task that stands in another is found, too."""
    one = [
        row(1, licence="MIT"),
        row(2, "confirm", input=STORY),
        row(3, input=f"{STORY} thanks"),
        row(4, input="IN 1"),
        row(5, input="in 1", target="y"),
    ]
    two = [row(1, "search", input="another thing"), row(2, input="in 1")]
    groups = {
        "one": [written(tmp_path, one, "a.jsonl")],
        "two": [written(tmp_path, two, "b.jsonl")],
    }
    found = describe(groups)
    types = found.document["types"]
    assert (types["one"]["rows"], types["two"]["rows"]) == (5, 2)
    assert types["one"]["licences"] == {"unknown": 4, "MIT": 1}
    alike = {(e["split"], e["like_split"], e["kind"]): e for e in found.document["alike"]}
    assert {key: entry["rows"] for key, entry in alike.items()} == {
        ("train", "confirm", "near"): 1,
        ("train", "train", "exact"): 2,
    }
    assert alike["train", "train", "exact"]["first"][1] == {
        "file": str(tmp_path / "b.jsonl"),
        "place": "line 2",
        "id": "2",
        "split": "train",
        "like": {
            "file": str(tmp_path / "a.jsonl"),
            "place": "line 1",
            "id": "1",
            "split": "train",
        },
        "kind": "exact",
        "likeness": 1.0,
    }
    assert (found.leaks, found.document["conflicts"]) == (1, 1)
    said = str(found)
    assert "LEAK: 1 train items are nearly the same as confirm" in said
    assert "one: 5 items (4 train, 1 confirm)" in said
    assert "licences: unknown 4, MIT 1" in said
    assert "conflicts: 1 items ask what another asks, and answer otherwise" in said


def test_other_files_are_compared_with_and_not_counted(tmp_path):
    """A benchmark need not come with answers."""
    mine = written(tmp_path, [row(1), row(2, input=STORY)])
    other = written(tmp_path, [{"input": f"{STORY}!"}], "bench.jsonl")
    found = describe({"t": [mine]}, others=[other])
    assert found.document["types"]["t"]["rows"] == 2
    assert found.document["other_rows"] == 1
    assert "LEAK: 1 train items are nearly the same as other file" in str(found)


def test_tokens_and_languages_are_counted(tmp_path):
    """Tokens by whatever counts them."""
    found = describe({"t": [written(tmp_path, [row(1, input=STORY)])]}, tokens=len)
    counts = found.document["types"]["t"]
    assert counts["languages"] == {"en": 1}
    assert counts["lengths"]["input tokens"]["q0.5"] == len(STORY)


def test_without_the_extra_it_says_what_it_did_not_do(tmp_path, monkeypatch):
    """Nothing is passed over silently."""
    monkeypatch.setattr(data_sets, "sketches", lambda near: None)
    monkeypatch.setattr(data_sets, "language", lambda: None)
    found = describe({"t": [written(tmp_path, [row(1), row(2)])]})
    assert found.document["near"] is None
    assert found.document["types"]["t"]["languages"] is None
    assert [note.split(":")[0] for note in found.document["notes"]] == [
        "languages were not told",
        "near duplicates were not looked for",
    ]
    assert "no two items say the same" in str(found)


def test_a_row_that_is_none_is_told_with_its_place(tmp_path):
    """And with the command that tells all of them."""
    with pytest.raises(DataError, match=r"line 2: .*`escalera data check` tells all"):
        describe({"t": [written(tmp_path, [row(1), row(2, target=3)])]})
