"""The format of a file is found, or taken by its name."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys

import pytest
from tests.unit.edges.scores.tables import DATA, table

from escalera.edges.scores import reading, writing
from escalera.errors import MissingExtra, ScoresError

LOGS = {
    "inspect/finished.eval": "inspect",
    "inspect/killed.eval": "inspect",
    "inspect/two_scorers.json": "inspect",
    "lm_eval": "lm-eval",
    "lm_eval/mock-weak": "lm-eval",
    "promptfoo/variants.json": "promptfoo",
    "promptfoo/strong.json": "promptfoo",
    "openai_evals/mock_weak.jsonl": "openai-evals",
}


@pytest.mark.parametrize("name", LOGS)
def test_real_logs_are_recognised_by_one_reader(name):
    """By their contents: a log in JSON lines is also a file of JSON lines, and nothing else is."""
    file = DATA / name
    assert reading.recognised(file) == LOGS[name]
    others = {n for n, reader in reading.READERS.items() if reader.recognises(file)}
    assert others - {"jsonl"} == {LOGS[name]}
    assert reading.read(file) == reading.read(file, format=LOGS[name])


NUMBERS = [True, -1, 2**70, 10**400, 1e308, math.nan, math.inf]
JUNK = [*NUMBERS, None, "", "\ud800", [], {}, [[]], {"a": {"b": 1}}]


def places(value, path=()):
    """The way to every value within a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(value, draw):
    """A JSON value with junk in one place, or without one key."""
    *way, last = draw.choice([path for path in places(value) if path])
    inner = value
    for key in way:
        inner = inner[key]
    if isinstance(inner, dict) and draw.random() < 0.3:
        del inner[last]
    else:
        inner[last] = draw.choice(JUNK)
    return value


@pytest.mark.parametrize("name", [name for name in LOGS if name.endswith((".json", ".jsonl"))])
def test_a_changed_log_is_read_or_refused(tmp_path, name):
    """Whatever stands wherever: rows that can be written, or an error of ours."""
    draw = random.Random(name)
    lines = (DATA / name).read_text().splitlines() if name.endswith("l") else None
    file, outcomes = tmp_path / "log", set()
    for _ in range(100):
        if lines is None:
            file.write_text(json.dumps(changed(json.loads((DATA / name).read_text()), draw)))
        else:
            number = draw.randrange(len(lines))
            line = json.dumps(changed(json.loads(lines[number]), draw))
            file.write_text("\n".join([*lines[:number], line, *lines[number + 1 :]]))
        try:
            writing.write(reading.read(file, format=LOGS[name]), tmp_path / "rows.jsonl")
            outcomes.add("read")
        except ScoresError:
            outcomes.add("refused")
    assert "read" in outcomes


def test_every_committed_log_is_read():
    """No fixture lies about unused."""
    files = {f for f in DATA.rglob("*") if f.is_file() and f.name != "README.md"}
    covered = {f for name in LOGS for f in [DATA / name, *(DATA / name).rglob("*")] if f.is_file()}
    assert {f.name for f in files - covered} == {"mock_strong.jsonl"}
    strong = reading.read(DATA / "openai_evals" / "mock_strong.jsonl")
    assert [row.score for row in strong.rows] == [1.0] * 6


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_plain_files_are_recognised(tmp_path, ending):
    """Those that we write, too, by another name."""
    file = tmp_path / f"scores.{ending}"
    rows = table({}, {})
    writing.write(rows, file)
    assert reading.read(file).rows == rows.rows
    renamed = file.rename(tmp_path / "scores")
    if ending != "tsv":
        assert reading.read(renamed).rows == rows.rows


@pytest.mark.parametrize(
    ("name", "content", "format", "said"),
    [
        ("gone.csv", None, None, "gone.csv: does not exist. Check the path"),
        ("a.csv", "", "xml", "no format 'xml' of scores to read. Name one of: inspect, lm-eval"),
        ("a.json", "{}", None, "is in no format of scores that is known. Name the format, one of"),
        ("a.eval", "x", None, "is in no format of scores that is known"),
        ("a.json", "[]", "promptfoo", "holds no list"),
        ("a.json", '{"version": 3}', "inspect", "is a log of version 3"),
        ("a.csv", "item,score\n1,5\n", None, "a.csv, line 2: the score 5.0 is outside of 0 to 1"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, format, said):  # noqa: A002
    """With the file and what to do."""
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(ScoresError) as caught:
        reading.read(file, format=format)
    assert said in str(caught.value)


def test_a_folder_without_logs_is_named(tmp_path):
    """And a folder is read by no reader of files."""
    with pytest.raises(ScoresError, match="is in no format of scores"):
        reading.read(tmp_path)
    for name in reading.READERS:
        with pytest.raises(ScoresError):
            reading.read(tmp_path, format=name)


def test_parquet_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    """The other formats do not need it."""
    writing.write(table({}), tmp_path / "scores.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"escalera\[parquet\]"):
        reading.read(tmp_path / "scores.parquet")


def test_nothing_heavy_is_loaded_before_it_is_needed():
    """Reading and writing can be imported without the packages of single formats."""
    code = (
        "import sys; from escalera.edges.scores import reading, writing; "
        "sys.exit(bool({'pyarrow', 'mlflow', 'pandas', 'backports.zstd'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
