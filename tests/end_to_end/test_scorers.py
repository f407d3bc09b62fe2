"""Scorers with options in a project file: what is refused, what is scored, and scored anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_resume import last_word, project

from escalera import wiring
from escalera.apps.gateway.app import application
from escalera.domain.event import Observed, Rescored
from escalera.edges.scoring import sandbox
from escalera.engine.serve import Desk, Served
from escalera.errors import InputError
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

SCORER = """
def score(reply, target, *, item, seconds, micro_dollars):
    assert item["input"] == target and seconds > 0 and micro_dollars > 0
    return reply == target
"""


PROGRAMS = {"good": "def f(x): return x + 1", "bad": "f = abs", "slow": "while True: pass"}


@pytest.fixture
def provider() -> ScriptedProvider:
    """Right for nine messages in ten; some messages ask for a program."""
    return ScriptedProvider(
        lambda request: PROGRAMS.get(request.messages[-1].content.split()[-1], last_word(request))
    )


@pytest.fixture
def folder(tmp_path: Path, provider: ScriptedProvider) -> Iterator[Path]:
    """A project whose model is served on the loopback address."""
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        yield project(tmp_path / "project", url)


def scored_by(folder: Path, scorer: str) -> None:
    """Write another scorer into the project file."""
    file = folder / "escalera.toml"
    lines = file.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("scorer = "))
    lines[at] = f"scorer = {scorer}"
    file.write_text("\n".join(lines))


def evaluated(folder: Path) -> Any:
    done = escalera("eval", "-p", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["systems"][0]


def test_a_function_of_the_users_own(folder: Path, provider: ScriptedProvider) -> None:
    """One file and one line; a change of the file scores every reply anew, and buys none."""
    (folder / "mine.py").write_text(SCORER)
    scored_by(folder, '{ kind = "function", function = "mine.py:score" }')
    first = evaluated(folder)
    assert first["figure"]["n"] == 100
    assert 0.85 < first["figure"]["value"] < 0.95
    asked = len(provider.requests)
    (folder / "mine.py").write_text(SCORER.replace("reply == target", "0.25"))
    again = evaluated(folder)
    assert again["figure"]["value"] == 0.25
    assert len(provider.requests) == asked == 100
    (folder / "mine.py").write_text(SCORER.replace("reply == target", "1 / 0"))
    failed = evaluated_with_reasons(folder)
    assert failed == {"the function raised ZeroDivisionError: division by zero"}
    assert len(provider.requests) == asked


def evaluated_with_reasons(folder: Path) -> set[str | None]:
    """The reasons of the last scores; every answer has one, and none is a 0."""
    escalera("eval", "-p", str(folder), "--json")
    with closing(wiring.install(folder / "escalera.toml").journal()) as journal:
        last = {
            (event.system, event.item_digest, event.repeat): event
            for event in journal.events()
            if isinstance(event, (Observed, Rescored))
        }
    assert {event.score for event in last.values()} == {None}
    return {event.reason for event in last.values()}


def test_a_climb_by_a_scorer_with_options(folder: Path, provider: ScriptedProvider) -> None:
    """The journal says by which options every answer was scored; others score it anew."""
    scored_by(folder, '{ kind = "regex", pattern = "^{target}$" }')
    assert escalera("climb", "-p", str(folder)).returncode == 0
    with closing(wiring.install(folder / "escalera.toml").journal()) as journal:
        found = {event.scorer for event in journal.events() if isinstance(event, Observed)}
    assert found == {'regex {"case":false,"pattern":"^{target}$"}'}
    asked = len(provider.requests)
    scored_by(folder, '{ kind = "regex", pattern = "^{target}$", case = true }')
    assert escalera("climb", "-p", str(folder)).returncode == 0
    assert len(provider.requests) == asked


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        ('"exakt"', "tasks.echo.scorer: 'exakt' is not a scorer. Choose one of exact, "),
        ('{ kind = "regex", patern = "x" }', "tasks.echo.scorer.patern: is no option"),
        ('{ kind = "sql" }', "tasks.echo.scorer.script: is missing, and 'sql' needs it"),
        ('{ kind = "sql", script = "none.sql" }', "tasks.echo.scorer.script: names the file"),
        ('{ kind = "function", function = "none.py:score" }', "there is no file of that name"),
        ('{ kind = "semantic", model = "other" }', "'other' is not under [models]"),
        ('"slot_f1"', "line 1: the target is no JSON object of slots"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_spent(
    folder: Path, provider: ScriptedProvider, scorer: str, said: str
) -> None:
    """With the file, and with key or line."""
    scored_by(folder, scorer)
    with pytest.raises(InputError) as caught:
        wiring.install(folder / "escalera.toml")
    assert said in str(caught.value)
    assert str(folder) in str(caught.value)
    assert provider.requests == []


def test_code_is_run(folder: Path) -> None:
    """Replies are programs that the items' tests judge; two are right, and one never ends."""
    if not set(sandbox.NEEDS["full"]) <= sandbox.measures():
        pytest.skip("the kernel lacks a measure")
    rows = [
        {
            "id": f"{split}{n}",
            "split": split,
            "input": f"{split} {n} {word}",
            "target": "assert f(1) == 2",
        }
        for split, words in (("search", ["good"]), ("confirm", ["good", "bad", "good", "slow"]))
        for n, word in enumerate(words)
    ]
    (folder / "echo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    scored_by(folder, '{ kind = "python", seconds = 1 }')
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("max_tokens = 8", "max_tokens = 64"))
    found = evaluated(folder)
    assert (found["figure"]["n"], found["figure"]["value"]) == (4, 0.5)
