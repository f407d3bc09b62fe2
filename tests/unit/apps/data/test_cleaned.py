"""`data clean`: what stays, what goes and why; the input is only read."""

from __future__ import annotations

import pytest
from tests.unit.apps.data.files import quiet, read, row, written

from escalera.apps.data import cleaned
from escalera.apps.data.cleaned import Rules
from escalera.errors import InputError, MissingExtra
from escalera.wiring import data_sets

STORY = "please tell me where my parcel is that i have been waiting for since the second of may"


def clean(source, folder, **more):
    into, removed = folder / "out.jsonl", folder / "gone.jsonl"
    folder.mkdir(exist_ok=True)
    settings = {"rules": Rules(), "progress": quiet} | more
    found = cleaned.clean(source, into, removed=removed, **settings)
    return found, read(into), read(removed)


def test_what_stays_is_written_as_it_was(tmp_path):
    """In the order of the file, with keys that nothing was made of."""
    rows = [
        row(1, input=f"{STORY} thanks", note={"kept": "as it is"}),
        row(2, input="hello", note=[1]),
        row(3, "confirm", input=STORY),
        row(4, input="Hello"),
        row(5, input="benchmark question"),
        row(6, input="hello", target="other"),
    ]
    source = written(tmp_path, rows)
    before = source.file.read_bytes()
    other = written(tmp_path, [{"input": "Benchmark  question"}], "bench.jsonl")
    found, stay, gone = clean(source, tmp_path, others=[other])
    assert stay == [rows[1], rows[2], rows[5]]
    assert [(one["id"], one["reason"], one["like"]["id"]) for one in gone] == [
        ("1", "leak (near)", "3"),
        ("4", "duplicate (exact)", "2"),
        ("5", "contamination (exact)", None),
    ]
    assert gone[0]["likeness"] >= 0.7
    assert gone[2]["like"]["file"] == str(other.file)
    assert (found.read, found.written) == (6, 3)
    assert sum(found.reasons.values()) == len(gone)
    assert source.file.read_bytes() == before
    again, stay_again, _ = clean(data_sets.source(tmp_path / "out.jsonl"), tmp_path / "x")
    assert (again.written, stay_again) == (3, stay)


def test_contradictions_go_when_they_are_asked_to(tmp_path):
    """Both sides of them: nobody knows which is right."""
    source = written(tmp_path, [row(1, input="q"), row(2, input="q", target="y"), row(3)])
    assert clean(source, tmp_path)[0].written == 3
    found, stay, gone = clean(source, tmp_path, rules=Rules(conflicts=True))
    assert [entry["id"] for entry in stay] == ["3"]
    assert [one["reason"] for one in gone] == ["conflict", "conflict"]
    assert found.reasons == {"conflict": 2}


def test_a_chat_goes_when_one_of_its_answers_leaks(tmp_path):
    """And stays while one of them says something new."""

    def chat(split, *texts):
        roles = ("user", "assistant")
        turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
        return {"split": split, "messages": turns}

    rows = [
        chat("train", "first question", "a", "second question", "b"),
        chat("train", "first question", "a"),
        chat("train", "first question", "a", "another question", "b"),
        chat("train", "tested question", "a", "and more", "b"),
        chat("confirm", "tested question", "a"),
    ]
    _, stay, gone = clean(written(tmp_path, rows), tmp_path)
    assert stay == [rows[0], rows[2], rows[4]]
    assert [one["reason"] for one in gone] == ["duplicate (exact)", "leak (exact)"]


def test_nothing_is_written_over(tmp_path):
    """Neither what is read, nor one output over the other."""
    source = written(tmp_path, [row(1)])
    other = written(tmp_path, [row(1)], "other.jsonl")
    places = [
        (source.file, tmp_path / "gone"),
        (tmp_path / "out", source.file),
        (tmp_path / "out", tmp_path / "out"),
        (tmp_path / "out", other.file),
    ]
    for into, removed in places:
        with pytest.raises(InputError, match="is read or written already"):
            cleaned.clean(
                source, into, removed=removed, others=[other], rules=Rules(), progress=quiet
            )


def test_it_does_not_do_less_than_it_says(tmp_path, monkeypatch):
    """Without the extra, near twins would stay: an error, unless none are asked for."""
    monkeypatch.setattr(data_sets, "sketches", lambda near: None)
    source = written(tmp_path, [row(1), row(2, input="IN 1")])
    with pytest.raises(MissingExtra, match=r"escalera\[data\]"):
        clean(source, tmp_path)
    assert clean(source, tmp_path, rules=Rules(near=None))[0].written == 1


@pytest.mark.parametrize("near", [0.3, 1.0])
def test_a_threshold_that_cannot_be_kept_is_refused(tmp_path, near):
    """Below 0.6 the sketches would miss too much."""
    with pytest.raises(InputError, match=r"from 0\.6 to below 1"):
        clean(written(tmp_path, [row(1)]), tmp_path, rules=Rules(near=near))
