"""The bench of near duplicates plants what it says, and counts what is left out."""

import gzip
import json
import random
import sys
from pathlib import Path

import pytest

pytest.importorskip("rensa")

from bench import near_duplicates as bench

WORDS = ("lamp", "sofa", "desk", "mirror", "carpet", "shelf", "chair", "table", "clock", "stove")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every set with forty messages, one of them twice."""
    texts = [f"please put the {a} beside the {b} today" for a in WORDS for b in WORDS if a < b]
    for place in bench.SETS.values():
        rows = []
        for text in [*texts[:40], texts[0].upper()]:
            at = text.lower().index("the ") + 4
            end = text.index(" ", at)
            spans = [{"slot": "thing", "start": at, "end": end}]
            rows.append({"text": text, "target": {"thing": text[at:end]}, "spans": spans})
        file = tmp_path / place
        file.parent.mkdir(parents=True)
        with gzip.open(file, "wt", encoding="utf-8") as stream:
            stream.write("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_tables_are_made_of_what_is_planted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twins are found, decoys with their answers are not; both parts of the page are written."""
    monkeypatch.setattr(bench, "PLANTED", 5)
    output = tmp_path / "table.md"
    arguments = ["--data", str(folder), "--rows", "20", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["near_duplicates", *arguments])
    bench.main()
    text = output.read_text(encoding="utf-8")
    assert "| capitals and a sign | 1.000 | 1.000 | 1.000 |" in text
    assert "| decoy: another value, with answers | 0.000 | 0.000 | 0.000 |" in text
    assert "| 20 | " in text


def test_decoys_have_another_value_and_another_answer(folder: Path) -> None:
    """A decoy that were a twin would count against what is right."""
    messages = bench.read(folder / bench.SETS["snips"])
    known = {message.text: message.answer for message in messages}
    for text, answer in bench.decoys(messages, random.Random(0)):
        assert known.get(text) != answer
        assert text not in (message.text for message in messages if message.answer == answer)
