"""The benchmark of the runner in small: it must not rot while nobody looks at it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

RUNNER = Path(__file__).resolve().parents[2] / "bench" / "runner"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of the benchmark, which must end well."""
    command = [sys.executable, str(RUNNER / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def test_the_job_runs_with_ours_and_says_who_is_left_out(tmp_path: Path) -> None:
    """Cost at 25 and 50 items, kills at 400, faults, and the page with their tables."""
    small = ("--sizes", "25", "50", "--more", "--runs", "1", "--latency", "0.01")
    questions = ("--questions", "cost", "kills", "starts")
    done = run("run.py", "--into", str(tmp_path), *small, *questions)
    for peer in ("inspect_ai", "promptfoo", "lm-eval", "dspy"):
        assert f"LEFT OUT: {peer}" in done.stderr
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["kills"]["escalera"]["scores"] == [1.0, 1.0, 1.0]
    assert max(found["kills"]["escalera"]["wasted"]) <= 100
    assert found["cost"]["escalera"]["sizes"].keys() == {"25", "50"}
    page = tmp_path / "runner.md"
    run("table.py", "--from", str(tmp_path), "--date", "2026-01-01", "--output", str(page))
    assert "| escalera | 50 |" in page.read_text()


def test_kills_caps_and_folding_run_and_make_a_page(tmp_path: Path) -> None:
    """Each script in small; their own exit codes say whether what they check holds."""
    into = ("--into", str(tmp_path))
    run("random_kills.py", *into, "--kills", "3", "--each", "2", "--items", "300")
    run("caps.py", *into, "--caps", "1", "--items", "300")
    run("folding.py", *into, "--events", "2000")
    page = tmp_path / "runner.md"
    run("table.py", "--from", str(tmp_path), "--date", "2026-01-01", "--output", str(page))
    assert "| eval, seed 0 | 3 |" in page.read_text()
    assert "Overshoot:\n0 micro-dollars" in page.read_text()
