"""Caps that never bind leave no trace: the decision is the same, call by call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_resume import last_word, project

import escalera as library
from escalera.apps.gateway.app import application
from escalera.core.ladder.planner import project_digest
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

CAP = "money = 5.0"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A model that is right for nine messages in ten, on the loopback address."""
    provider = ScriptedProvider(last_word)
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as found:
        yield found


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory, url: str) -> Path:
    """A project without a cap, climbed."""
    return climbed(tmp_path_factory.mktemp("caps") / "free", url, "")


def climbed(folder: Path, url: str, caps: str) -> Path:
    """The project with *caps* for its budget, climbed to its decision."""
    file = project(folder, url) / "escalera.toml"
    text = file.read_text()
    assert CAP in text
    file.write_text(text.replace(CAP, caps))
    done = escalera("climb", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def report(folder: Path) -> str:
    return escalera("report", "-p", str(folder), "--json", "--no-clocks").stdout


@pytest.mark.parametrize("cap", ["money", "calls", "exactly the calls", "tokens", "minutes", "all"])
def test_a_cap_that_never_binds_changes_no_byte_but_the_digest_of_the_project(
    tmp_path: Path, url: str, free: Path, cap: str
) -> None:
    """The caps are a part of the project that the journal commits to, so its digest is another.

    It must be: a raised cap has to open a climb anew that a lower one had ended. Every other byte
    of the report is that of the climb without a cap, even where the last call just fits.
    """
    caps = {
        "money": "money = 5.0",
        "calls": "calls = 100_000",
        "exactly the calls": f"calls = {library.load(free).evidence().spent.calls}",
        "tokens": "tokens = 100_000_000",
        "minutes": "minutes = 600.0",
    }
    asked = caps.get(cap) or "\n".join(
        caps[name] for name in ("money", "calls", "tokens", "minutes")
    )
    folder = climbed(tmp_path / "capped", url, asked)
    digests = [project_digest(library.load(one).project) for one in (free, folder)]
    without, found = report(free), report(folder)
    assert digests[0] != digests[1]
    assert without.count(digests[0]) == found.count(digests[1]) == 1
    assert found.replace(digests[1], digests[0]) == without
    assert json.loads(found)["journal"]["project_digest"] == digests[1]
    assert json.loads(found)["verdict"]["reason"] == "adequate"


def test_two_climbs_without_a_cap_are_equal_to_the_byte(
    tmp_path: Path, url: str, free: Path
) -> None:
    """So that a difference under a cap would be the cap's."""
    assert report(climbed(tmp_path / "again", url, "")) == report(free)
