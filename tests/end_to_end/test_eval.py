"""`escalera eval` against a server that counts: what is bought, what is shown, where it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_resume import last_word, project

from escalera.apps.gateway.app import application
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import Faults, ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]


@pytest.fixture
def provider() -> ScriptedProvider:
    """Right for nine messages in ten; refuses one."""
    return ScriptedProvider(
        last_word,
        faults=Faults(
            when=lambda request: request.messages[-1].content.endswith("m42"), kind="rejected"
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, provider: ScriptedProvider) -> Iterator[Path]:
    """A project whose model is served on the loopback address."""
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        yield project(tmp_path / "project", url)


def test_it_shows_figures_and_buys_nothing_twice(folder: Path, provider: ScriptedProvider) -> None:
    """A hundred items, a second time for nothing, and then the climb uses what it can."""
    done = escalera("eval", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    row = done.stdout.splitlines()[1].split()
    assert row[:2] == ["remote", "echo"]
    assert 0.85 < float(row[2]) < 0.95
    asked = len(provider.requests)
    assert asked == 100
    again = json.loads(escalera("eval", "-p", str(folder), "--json").stdout)
    assert len(provider.requests) == asked
    (system,) = again["systems"]
    assert system["figure"]["n"] + system["unscored"] == 100
    assert escalera("climb", "-p", str(folder)).returncode in (0, 3, 4)


def test_it_loads_what_it_needs(folder: Path) -> None:
    """Most of the memory of a run is modules: none of those that other verbs need."""
    others = (
        "escalera.apps.compared",
        "escalera.apps.report.document",
        "escalera.core.ladder.planner",
        "escalera.engine.climb",
        "html.entities",
        "importlib.metadata",
        "jinja2",
        "xml.etree",
        "zipfile",
    )
    program = (
        "import sys\nfrom escalera.apps.cli.main import run\n"
        f"assert run(['eval', '-p', {str(folder)!r}, '--json']) == 0\n"
        f"print('LOADED', [name for name in {others!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("LOADED []\n")
    assert json.loads(done.stdout.rpartition("LOADED")[0])["systems"][0]["figure"]["n"] == 99


def test_what_the_endpoint_refuses_is_missing_and_not_wrong(
    folder: Path, provider: ScriptedProvider
) -> None:
    """The bounds say what it could be worth."""
    done = escalera("eval", "-p", str(folder), "--json")
    (system,) = json.loads(done.stdout)["systems"]
    assert system["unscored"] == 1
    assert system["figure"]["n"] == 99
    assert system["best"] - system["worst"] == pytest.approx(0.01)


def test_a_cap_ends_it_and_says_so(folder: Path, provider: ScriptedProvider) -> None:
    """Exit code 3: what was wanted is not all there."""
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("money = 5.0", "calls = 30"))
    done = escalera("eval", "-p", str(folder))
    assert done.returncode == 3
    assert "70 calls were not made: a cap of [budget] is reached" in done.stdout
    assert len(provider.requests) == 30
