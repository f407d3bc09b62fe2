"""`escalera placebo` against a server that counts: scores are real and bought once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera
from tests.end_to_end.test_resume import last_word, project

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]


class Voice:
    """Right for nine messages in ten; when it wavers, also wrong every third time."""

    def __init__(self) -> None:
        self.wavers = False
        self._calls = count()

    def __call__(self, request: Request) -> str:
        if self.wavers and next(self._calls) % 3 == 0:
            return "wrong"
        return last_word(request)


@pytest.fixture
def voice() -> Voice:
    """What the server answers with."""
    return Voice()


@pytest.fixture
def provider(voice: Voice) -> ScriptedProvider:
    """Keeps what it was asked."""
    return ScriptedProvider(voice)


@pytest.fixture
def folder(tmp_path: Path, provider: ScriptedProvider) -> Iterator[Path]:
    """A project whose model is served on the loopback address."""
    models = {"scripted": Served(revision="r", provider=provider)}
    desk = Desk(label="none", route=None, models=models, infer=None)
    with serving(application(desk, api_key=None, now=lambda: 0.0)) as url:
        yield project(tmp_path / "project", url)


def test_the_maximum_claims_a_gain_and_escalera_does_not(
    folder: Path, provider: ScriptedProvider
) -> None:
    """Sixty search and a hundred confirm items are bought once; equal seeds, equal bytes."""
    done = escalera("placebo", "-p", str(folder))
    assert done.returncode == 0, done.stderr
    assert "remote on echo: 16 copies of the same system" in done.stdout
    assert "would claim +0.0" in done.stdout
    assert "tie on common items by construction" in done.stdout
    asked = len(provider.requests)
    assert asked == 160
    first, again = (escalera("placebo", "-p", str(folder), "--json").stdout for _ in range(2))
    assert first == again
    assert len(provider.requests) == asked
    (task,) = json.loads(first)["tasks"]
    found = task["placebo"]
    assert found["copying"] == "resampled"
    assert found["best_of_minibatches"]["gain"] > 0.04
    assert found["best_of_minibatches"]["better"] > 0.8
    assert found["confirmed"]["better"] <= 0.05
    assert abs(found["confirmed"]["excess"]) < 0.01


def test_answers_that_differ_are_drawn_from(
    folder: Path, provider: ScriptedProvider, voice: Voice
) -> None:
    """Three answers per item, some of them wrong: copies show those."""
    voice.wavers = True
    options = ("--repeats", "3", "--candidates", "4", "--minibatch", "10", "--repetitions", "50")
    done = escalera("placebo", "remote", "-t", "echo", "-p", str(folder), "--json", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["tasks"][0]["placebo"]
    assert (found["copying"], found["repeats"], found["minibatch"]) == ("sampled", 3, 10)
    assert (found["candidates"], found["repetitions"]) == (4, 50)
    assert len(provider.requests) == 480


def test_a_cap_ends_it_and_says_so(folder: Path, provider: ScriptedProvider) -> None:
    """Exit code 3, with what the bought answers show; too few show nothing."""
    file = folder / "escalera.toml"
    whole = file.read_text()
    file.write_text(whole.replace("money = 5.0", "calls = 50"))
    done = escalera("placebo", "-p", str(folder))
    assert done.returncode == 3
    assert "too few items with a score for a placebo" in done.stdout
    assert "110 calls were not made: a cap of [budget] is reached" in done.stdout
    assert len(provider.requests) == 50
    file.write_text(whole.replace("money = 5.0", "calls = 100"))
    done = escalera("placebo", "-p", str(folder), "--repetitions", "20")
    assert done.returncode == 3
    assert "Escalera, on 40 fresh items" in done.stdout
    assert "60 calls were not made" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("magic",), "there is no system 'magic'"),
        (("-t", "magic"), "there is no task 'magic'"),
        (("--candidates", "1"), "is not in the range"),
    ],
)
def test_bad_input_buys_nothing(
    folder: Path, provider: ScriptedProvider, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 2, with what there is."""
    done = escalera("placebo", "-p", str(folder), *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert provider.requests == []
