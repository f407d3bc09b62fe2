"""`escalera try` against a server that counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_resume import project

from escalera.apps.gateway.app import application
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

LOUD = """
[[messages]]
role = "system"
content = "Shout."

[[messages]]
role = "user"
content = "{{ input }}"
"""


def reply(request) -> str:
    """The last word of the message; in capitals, and so wrong, where the prompt asks for it."""
    word = request.messages[-1].content.split()[-1]
    return word.upper() if request.messages[0].content == "Shout." else word


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(reply)


@pytest.fixture
def folder(tmp_path: Path, provider: ScriptedProvider) -> Iterator[Path]:
    """A project whose model is served on the loopback address, with a prompt of the user's own."""
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        made = project(tmp_path / "project", url)
        (made / "loud.toml").write_text(LOUD)
        yield made


def task_of(folder: Path) -> str:
    text = (folder / "escalera.toml").read_text()
    return text.partition("[tasks.")[2].partition("]")[0]


def test_a_worse_prompt_is_seen_with_its_flips(folder: Path, provider: ScriptedProvider) -> None:
    """Both prompts on the same twenty items; a second time for nothing."""
    task, file = task_of(folder), str(folder / "loud.toml")
    done = escalera("try", task, file, "-p", str(folder))
    assert done.returncode == 0, done.stderr
    assert "everything told 1.000 -> loud 0.000, -1.000" in done.stdout
    assert len(provider.requests) == 40
    again = json.loads(escalera("try", task, file, "-p", str(folder), "--json").stdout)
    assert len(provider.requests) == 40
    assert (again["items"], len(again["flips"])) == (20, 20)
    flip = again["flips"][0]
    assert (flip["before"], flip["after"]) == (flip["expected"], flip["expected"].upper())


def test_a_prompt_that_is_no_prompt_costs_nothing(folder: Path, provider: ScriptedProvider) -> None:
    """The file, the key and the remedy."""
    (folder / "loud.toml").write_text(LOUD.replace("{{ input }}", "{{ inptu }}"))
    done = escalera("try", task_of(folder), str(folder / "loud.toml"), "-p", str(folder))
    assert done.returncode == 2
    assert "uses 'inptu', which is not in `inputs`" in done.stderr
    assert provider.requests == []


def test_watching_tries_again_when_the_file_is_saved(folder: Path) -> None:
    """Half a prompt in between is told and does not end it."""
    file = folder / "loud.toml"
    command = [sys.executable, "-m", "escalera", "try", task_of(folder), str(file)]
    log = folder / "log"
    with log.open("wb") as out:
        watching = subprocess.Popen(
            [*command, "-p", str(folder), "--watch"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            _until(log, "-1.000")
            file.write_text(LOUD.replace("[[messages]]", "[[messages", 1))
            _until(log, "is not a prompt")
            file.write_text(LOUD.replace("Shout.", "Whisper."))
            _until(log, "no answer's score changed")
        finally:
            watching.kill()
            watching.wait()


def _until(log: Path, said: str) -> None:
    for _ in range(600):
        if said in log.read_text():
            return
        time.sleep(0.1)
    pytest.fail(f"{said!r} was not said: {log.read_text()}")
