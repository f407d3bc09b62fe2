"""`escalera doctor`."""

from __future__ import annotations

import json

import pytest

from escalera.apps.cli.doctor import line
from escalera.apps.cli.main import run
from escalera.apps.estimates import Estimate


@pytest.fixture
def folder(write, monkeypatch):
    """Too few search items, and an endpoint whose key is not set."""
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    folder = write(splits={"train": 10, "search": 5, "confirm": 60})
    file = folder / "escalera.toml"
    keyed = 'model = "m"\napi_key_env = "ABSENT_KEY"'
    file.write_text(file.read_text().replace('model = "m"', keyed, 1))
    return folder


def test_a_broken_project_is_code_2_and_every_finding_is_shown(folder, capsys):
    """The endpoint cannot be asked; what can be said is said all the same."""
    assert run(["doctor", "-p", str(folder)]) == 2
    shown = capsys.readouterr().out
    assert "BAD a: 5 search items, at least 20 are needed" in shown
    assert "ok  a: 10 train, 5 search, 60 confirm, 0 golden" in shown
    assert "BAD environment: ABSENT_KEY: is not set" in shown
    assert "price unknown" in shown


def test_what_passes_with_a_caution_has_a_mark_of_its_own(folder, capsys):
    """What no items here can prove keeps no climb from starting, but is not "ok"."""
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("bar = 0.7", "bar = 0.98"))
    run(["doctor", "-p", str(folder)])
    marks = {line[:3] for line in capsys.readouterr().out.splitlines() if "against 0.98" in line}
    assert marks == {"NB "}


def test_every_lever_of_a_training_is_shown_with_its_reason(write, capsys):
    """Where weights are here; what the file says is told as that."""
    folder = write(local=True)
    file = folder / "escalera.toml"
    file.write_text(file.read_text() + "\n[training]\nepochs = 2\n")
    run(["doctor", "-p", str(folder)])
    shown = capsys.readouterr().out
    assert "  learning_rate  auto       found by short trainings before the long one" in shown
    assert "  epochs         2          as the project file says" in shown
    assert "  method         lora       " in shown


def test_an_endpoint_has_no_levers(folder, capsys):
    """Nothing is trained there."""
    run(["doctor", "-p", str(folder)])
    assert "learning_rate" not in capsys.readouterr().out


def test_json_has_the_same_findings(folder, capsys):
    """For scripts."""
    assert run(["doctor", "-p", str(folder), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    words = "a: 5 search items, at least 20 are needed"
    assert {"passed": False, "words": words, "caution": False} in found["findings"]
    assert [entry["rung"] for entry in found["estimates"]] == ["prompt", "examples"]


@pytest.mark.parametrize("broken", ["{", '{"id": "1"}'])
def test_broken_data_are_named_by_file_and_line(write, capsys, broken):
    """Before anything else is looked at."""
    folder = write()
    (folder / "b.jsonl").write_text(broken)
    assert run(["doctor", "-p", str(folder)]) == 2
    assert "b.jsonl, line 1: is not an item" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (
            (2_500_000, 1.25, 0.0),
            "  900 calls   1.2 min                           $2.5000 (2.0000 to 3.1000)",
        ),
        ((None, 1.25, 3.0), "1.2 min + 3.0 min of training     price unknown"),
        ((None, None, None), "time unknown, with training       price unknown"),
        ((None, None, 0.0), "time unknown                      price unknown"),
    ],
)
def test_an_estimate_says_what_is_known(known, said):
    """Calls, minutes, minutes of training on top, and money."""
    money, minutes, training = known
    entry = Estimate(
        rung="lora",
        calls=900,
        micro_dollars=money,
        micro_dollars_range=None if money is None else (2_000_000, 3_100_000),
        minutes=minutes,
        training_minutes=training,
    )
    assert said in line(entry)
