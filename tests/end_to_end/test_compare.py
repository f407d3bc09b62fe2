"""`escalera compare` and `export` on files: real logs of other tools, and our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_eval import folder, provider  # noqa: F401  fixtures
from tests.end_to_end.test_resume import last_word, project

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

LOGS = Path(__file__).parents[1] / "data" / "scores"

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("strong", "weak"),
    [
        ("lm_eval/mock-strong", "lm_eval/mock-weak"),
        ("openai_evals/mock_strong.jsonl", "openai_evals/mock_weak.jsonl"),
    ],
)
def test_logs_of_other_tools_are_a_gate(strong: str, weak: str, tmp_path: Path) -> None:
    """The weak model against the strong one falls; the other way round nothing falls."""
    strong, weak = str(LOGS / strong), str(LOGS / weak)
    junit = tmp_path / "junit.xml"
    fell = escalera("compare", weak, strong, "--junit", str(junit))
    assert fell.returncode in (3, 4), fell.stderr
    assert "against" in fell.stdout
    assert ET.parse(junit).getroot().get("tests") >= "1"
    rose = escalera("compare", strong, weak, "--json")
    assert json.loads(rose.stdout)["tasks"][0]["difference"]["value"] > 0
    assert rose.returncode in (0, 3)


def test_what_a_project_measured_can_be_exported_and_compared(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """A system against itself: nothing falls, and the file reads as it was written."""
    assert escalera("eval", "-p", str(folder)).returncode == 0
    out = tmp_path / "scores.csv"
    assert "100 rows of 1 systems" in escalera("export", str(out), "-p", str(folder)).stdout
    same = escalera("compare", str(out), str(out), "--margin", "0.1")
    assert same.returncode == 0
    assert ": equivalent; " in same.stdout


def test_a_file_that_is_none_of_it(tmp_path: Path) -> None:
    """Exit code 2, with the formats that there are."""
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"\x00\x01")
    done = escalera("compare", str(odd), str(odd))
    assert done.returncode == 2
    assert "promptfoo" in done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Not taken for a system of a project that nobody spoke of, whichever of the two it is."""
    there = tmp_path / "old.csv"
    there.write_text("item,score\n1,1\n")
    for names in ((str(there), "new.csv"), ("new.csv", f"{there}::old")):
        done = escalera("compare", *names)
        assert done.returncode == 2
        assert "there is no file 'new.csv', and" in done.stderr


def test_junit_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder is a message, not a traceback."""
    log = str(LOGS / "openai_evals/mock_weak.jsonl")
    done = escalera("compare", log, log, "--junit", str(tmp_path / "no" / "junit.xml"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


SECOND = """
[models.second]
base_url = "{url}/v1"
model = "second"
price = {{ prompt = 2.0, completion = 2.0 }}
"""


def often_wrong(request: Request) -> str:
    """Right for four messages in ten."""
    word = request.messages[-1].content.split()[-1]
    return last_word(request) if word[-1] in "0123" else "wrong"


@pytest.fixture
def served() -> dict[str, ScriptedProvider]:
    """A model, and one that falls far behind it."""
    return {"scripted": ScriptedProvider(last_word), "second": ScriptedProvider(often_wrong)}


@pytest.fixture
def two(tmp_path: Path, served: dict[str, ScriptedProvider]) -> Iterator[Path]:
    """A project with both models on the loopback address."""
    models = {name: Served(revision="r", provider=one) for name, one in served.items()}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        made = project(tmp_path / "two", url)
        file = made / "escalera.toml"
        file.write_text(file.read_text() + SECOND.format(url=url))
        yield made


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("anytime", "Holds whenever it is read"),
        ("finite", "agrees with the verdict on the full set of 100 items"),
    ],
)
def test_a_mode_that_may_stop_at_any_time_buys_as_little_as_it_can(
    mode: str, said: str, two: Path, served: dict[str, ScriptedProvider], tmp_path: Path
) -> None:
    """A fall is shown with part of the items; reading again buys nothing and says the same."""
    junit = tmp_path / "junit.xml"
    asked = ("compare", "second", "remote", "-p", str(two), "--mode", mode)
    bought = escalera(*asked, "--buy", "--junit", str(junit))
    assert bought.returncode == 4, bought.stderr
    assert said in bought.stdout
    calls = {name: len(one.requests) for name, one in served.items()}
    assert calls["scripted"] == calls["second"] < 100
    read = json.loads(escalera(*asked, "--json").stdout)
    assert {name: len(one.requests) for name, one in served.items()} == calls
    (row,) = read["tasks"]
    assert (read["mode"], read["gate"], row["gate"]) == (mode, "regressed", "regressed")
    assert row["difference"]["n"] == calls["second"]
    assert row["population"] == (100 if mode == "finite" else None)
    suite = ET.parse(junit).getroot()
    kept = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert (kept["mode"], kept["reading"]) == (mode, read["reading"])
    assert said in ET.tostring(suite, encoding="unicode")


def test_cost_and_latency_stand_beside_the_scores(two: Path) -> None:
    """Rows that decide nothing: money where prices are known, seconds of both on the same items."""
    done = escalera("compare", "second", "remote", "-p", str(two), "--buy")
    assert done.returncode == 4, done.stderr
    assert "echo: cost $" in done.stdout
    assert "echo: latency " in done.stdout
    assert "Latency depends on the load when it was measured" in done.stdout
    found = json.loads(escalera("compare", "second", "remote", "-p", str(two), "--json").stdout)
    assert [row["measure"] for row in found["outlays"]] == ["cost", "latency"]
    assert found["outlays"][0]["difference"] > 0
    assert (found["mode"], found["gate"]) == ("fixed-sample", "regressed")


def test_files_are_read_in_a_mode(tmp_path: Path) -> None:
    """The gate of the mode, labelled; a file against itself is equivalent and passes."""
    log = str(LOGS / "lm_eval/mock-strong")
    found = json.loads(escalera("compare", log, log, "--mode", "finite", "--json").stdout)
    assert (found["mode"], found["gate"], found["exit_code"]) == ("finite", "passed", 0)
    assert all(row["population"] == row["difference"]["n"] for row in found["tasks"])
    done = escalera("compare", log, log, "--mode", "anytime", "--margin", "0.9")
    assert done.returncode in (0, 3)
    assert "Holds whenever it is read" in done.stdout
