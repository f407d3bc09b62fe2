"""Rows that a model writes, against a real server: killed and resumed, then measured for real."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera, small_example
from tests.end_to_end.test_resume import CONCURRENCY, project

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytest.importorskip("rensa")
pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]

WANTED = 24
LETTERS = str.maketrans("0123456789", "ghijklmnop")


def written(request: Request) -> str:
    """One new row in each reply, by what is shown: other calls, other words."""
    made = hashlib.sha256(request.messages[-1].content.encode()).hexdigest()
    text = " ".join(made[at : at + 6].translate(LETTERS) for at in range(0, 30, 6))
    return json.dumps({"input": text, "target": "x"})


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_kill_costs_only_the_calls_in_flight(tmp_path: Path) -> None:
    """Three kills, and the rows are those of a run that nobody killed."""
    provider = ScriptedProvider(written)
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        killed, whole = (project(tmp_path / name, url) for name in ("killed", "whole"))
        wish = ["data", "generate", "echo", "--by", "remote", "-n", str(WANTED), "--rows", "1"]

        def arguments(folder: Path) -> list[str]:
            return [*wish, "-p", str(folder), "--into", str(folder / "new.jsonl")]

        for calls in (5, 12, 20):
            kill_after(arguments(killed), provider, calls)
        assert escalera(*arguments(killed)).returncode == 0
        paid = len(provider.requests)
        assert escalera(*arguments(whole)).returncode == 0
        needed = len(provider.requests) - paid
    assert paid <= needed + 3 * CONCURRENCY
    assert rows(killed / "new.jsonl") == rows(whole / "new.jsonl")
    assert len(rows(whole / "new.jsonl")) == WANTED


def kill_after(arguments: list[str], provider: ScriptedProvider, calls: int) -> None:
    """Start a command and kill it once the server has seen so many calls in all."""
    command = [sys.executable, "-m", "escalera", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting = threading.Event()
    while process.poll() is None and len(provider.requests) < calls:
        waiting.wait(0.002)
    process.kill()
    process.wait()


@pytest.mark.local
def test_the_effect_is_measured_and_costs_nothing_the_second_time(tmp_path: Path) -> None:
    """The example's own small model writes and answers; what it is worth comes with an interval."""
    folder = small_example(tmp_path / "shop", epochs="1", seed="3")
    new = folder / "new.jsonl"
    asked = ["--style", "inputs", "--answers", "base", "--calls", "24"]
    wish = ["data", "generate", "order_changes", "--by", "base", "-n", "8", "--into", str(new)]
    done = escalera(*wish, *asked, "-p", str(folder), "--json")
    assert done.returncode in (0, 3), done.stderr
    assert json.loads(done.stdout)["written"] == len(rows(new)) > 0
    effect = ["data", "effect", "order_changes", str(new), "-p", str(folder), "--seeds", "2"]
    first, second = (escalera(*effect, "--confirm", "--json") for _ in range(2))
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert json.loads(second.stdout) == found
    figure = found["effect"]["difference"]
    assert figure["lower"] <= figure["value"] <= figure["upper"]
    assert (figure["n"], found["train"], found["rows"]) == (32, 240, len(rows(new)))
    (confirmed,) = found["confirmed"]["tasks"]
    assert confirmed["difference"]["n"] > 0
