"""`escalera compare` and `export` on files: real logs of other tools, and our own."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_eval import folder, provider  # noqa: F401  fixtures

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
    assert "passed (equivalent)" in same.stdout


def test_a_file_that_is_none_of_it(tmp_path: Path) -> None:
    """Exit code 2, with the formats that there are."""
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"\x00\x01")
    done = escalera("compare", str(odd), str(odd))
    assert done.returncode == 2
    assert "promptfoo" in done.stderr


def test_junit_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder is a message, not a traceback."""
    log = str(LOGS / "openai_evals/mock_weak.jsonl")
    done = escalera("compare", log, log, "--junit", str(tmp_path / "no" / "junit.xml"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
