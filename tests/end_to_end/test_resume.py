"""Resuming against a real server that counts: what was paid for is not asked again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

CONCURRENCY = 4
PROJECT = """
[project]
name = "shop"
query_type = "declared"

[models.remote]
base_url = "{url}/v1"
model = "scripted"
price = {{ prompt = 1.0, completion = 2.0 }}
concurrency = 4

[climb]
model = "remote"
rungs = ["prompt"]

[budget]
money = 5.0

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
max_tokens = 8

[tasks.echo.prompt]
role = "You are an echo."
instruction = "Repeat the message."
output = "One word."
"""


def project(folder: Path, url: str) -> Path:
    """A project with one task whose right answer is the message itself."""
    folder.mkdir()
    rows = [
        {
            "id": f"{split}-{n}",
            "split": split,
            "input": f"word{split}{n}",
            "target": f"word{split}{n}",
        }
        for split, many in (("train", 8), ("search", 60), ("confirm", 100))
        for n in range(many)
    ]
    (folder / "echo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "escalera.toml").write_text(PROJECT.format(url=url))
    return folder


def last_word(request: Request) -> str:
    """What the echo answers: right for nine messages in ten."""
    word = request.messages[-1].content.split()[-1]
    return "wrong" if word.endswith("7") else word


def test_killed_climbs_ask_only_what_was_in_flight_again(tmp_path: Path) -> None:
    """Five kills cost at most five times the calls in flight, and the reports are equal."""
    provider = ScriptedProvider(last_word)
    desk = Desk(
        label="none",
        route=None,
        models={"scripted": Served(revision="r", provider=provider)},
        infer=None,
    )
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        whole = project(tmp_path / "whole", url)
        assert escalera("climb", "-p", str(whole)).returncode == 0
        asked = len(provider.requests)
        provider.requests.clear()

        killed = project(tmp_path / "killed", url)
        for kill in range(1, 6):
            kill_after(killed, provider, kill * asked // 6)
        assert escalera("climb", "-p", str(killed)).returncode == 0
        assert asked <= len(provider.requests) <= asked + 5 * CONCURRENCY
    reports = [
        escalera("report", "-p", str(folder), "--json", "--no-clocks").stdout
        for folder in (whole, killed)
    ]
    assert reports[0] == reports[1]
    assert json.loads(reports[0])["verdict"]["reason"] == "adequate"


def kill_after(folder: Path, provider: ScriptedProvider, calls: int) -> None:
    """Start a climb and kill it once the server has seen so many calls in all."""
    climb = subprocess.Popen(
        [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waiting = threading.Event()
    while climb.poll() is None and len(provider.requests) < calls:
        waiting.wait(0.005)
    climb.kill()
    climb.wait()
