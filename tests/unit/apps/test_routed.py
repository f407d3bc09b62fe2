"""From evidence to a route by difficulty: the command, what it records and what it says."""

from __future__ import annotations

import json

import pytest

from escalera import wiring
from escalera.apps import routed, workspace
from escalera.apps.cli.main import run
from escalera.domain.message import Request
from escalera.domain.project import ModelPrice
from escalera.engine import proving
from escalera.engine.proving import Wish
from escalera.errors import EvidenceMissing, InputError
from escalera.testing.scripted import ScriptedProvider

LARGE = """
[models.large]
base_url = "http://127.0.0.1:9/v1"
model = "l"
price = { prompt = 1000.0, completion = 1000.0 }
"""
SPLITS = {"train": 4, "search": 60, "confirm": 300}


def hard(request: Request) -> bool:
    """Messages of task b are hard, and look so."""
    return request.messages[-1].content.startswith("b ")


def providers(_, name: str) -> ScriptedProvider:
    """The large model is always right, the small one on easy messages; it stutters on hard ones."""

    def small(request: Request) -> str:
        return "well er" if hard(request) else "x"

    rate = 1_000_000_000 if name == "large" else 1_000_000
    price = ModelPrice(prompt=rate, completion=rate)
    return ScriptedProvider((lambda _: "x") if name == "large" else small, price=price)


@pytest.fixture
def folder(write, monkeypatch):
    """A project with two models; nothing was climbed."""
    monkeypatch.setattr(wiring.Installation, "provider", providers)
    return write(extra=LARGE, splits=SPLITS)


@pytest.mark.parametrize("ask", ["before", "after"])
def test_a_route_that_pays_is_recorded_with_all_that_it_rests_on(folder, capsys, ask) -> None:
    """Exit code 0; the event has the systems, the threshold, the bound and the figures."""
    arguments = ["route", "base", "large", "--project", str(folder), "--ask", ask]
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    opened = workspace.load(folder)
    evidence = opened.evidence()
    found = evidence.quality[told["decision"]]
    assert found.route.weak == opened.route("base", evidence)
    assert found.route.strong == opened.route("large", evidence)
    assert (found.name, found.worth, found.expense) == ("base-or-large", "gain", "micro-dollars")
    assert (found.route.bound.n, found.gain.n, found.learned) == (300, 300, 120)
    assert found.share == pytest.approx(0.5, abs=0.02)
    assert (found.gain.value, found.single) == (pytest.approx(0.0, abs=0.02), "strong")
    assert found.saved.lower > 0
    judge = proving.load(opened.installation.artifacts(), found.route)
    if ask == "before":
        assert judge.signal("a confirm 7") > found.route.threshold > judge.signal("b confirm 7")
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert "a gain is shown" in said
    assert "at most 0.05 of the score is lost, with probability 0.95" in said


def test_no_gain_is_not_claimed(write, monkeypatch, capsys) -> None:
    """Two systems that are right alike on what looks alike: exit code 3."""

    def lucky(_, name: str) -> ScriptedProvider:
        offset = 0.0 if name == "base" else 0.37

        def answer(request: Request) -> str:
            number = int(request.messages[-1].content.split()[-1])
            return "x" if (number * 0.6180339887498949 + offset) % 1 < 0.8 else "y"

        return ScriptedProvider(answer, price=ModelPrice(prompt=1_000_000, completion=0))

    monkeypatch.setattr(wiring.Installation, "provider", lucky)
    folder = write(extra=LARGE, splits=SPLITS)
    assert run(["route", "base", "large", "--project", str(folder)]) == 3
    assert "no gain is shown" in capsys.readouterr().out
    assert [one.worth for one in workspace.load(folder).evidence().quality.values()] == ["no gain"]


def test_nothing_to_route_is_said(write, monkeypatch) -> None:
    """Where the weak system is always enough there is nothing to learn."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(lambda _: "x"))
    opened = workspace.load(write(extra=LARGE, splits=SPLITS))
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    with pytest.raises(InputError, match="one model is enough here"):
        routed.make(opened, wish)
    assert opened.evidence().quality == {}


def test_too_few_items_are_said(write, monkeypatch) -> None:
    """Twenty `search` items per type are enough to learn from, eleven `confirm` items are not."""
    monkeypatch.setattr(wiring.Installation, "provider", providers)
    opened = workspace.load(write(extra=LARGE, splits={"search": 20, "confirm": 11}))
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    with pytest.raises(EvidenceMissing, match="12 items to calibrate on"):
        routed.make(opened, wish)
