"""From evidence to a route by difficulty: the command, what it records and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from escalera import wiring
from escalera.apps import routed, workspace
from escalera.apps.cli.main import run
from escalera.domain.message import Embeddings, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.domain.verdict import Figure
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
    # Half of the messages are hard; of them the bound lets at most one in twenty of all go wrong.
    assert 0.45 <= found.share <= 0.52
    assert (found.gain.value, found.single) == (pytest.approx(0.0, abs=0.05), "strong")
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


@pytest.mark.parametrize(
    ("gain", "blind", "said"),
    [
        ((-0.03, 0.01), (-0.01, 0.02), "a coin may do as well at the same price"),
        ((-0.06, 0.01), (0.2, 0.3), "it may score worse than large alone by more than the margin"),
        ((-0.03, 0.01), (0.2, 0.3), "large alone may do as well at the same price"),
    ],
)
def test_what_a_gain_wants_is_said(folder, gain, blind, said) -> None:
    """Of the figures below it, the one that keeps a gain from being claimed."""
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    tested = routed.make(workspace.load(folder), wish).tested

    def figure(ends: tuple[float, float]) -> Figure:
        return replace(tested.gain, value=sum(ends) / 2, lower=ends[0], upper=ends[1])

    other = replace(tested, gain=figure(gain), blind=figure(blind), worth="no gain", margin=0.05)
    title = str(routed.Routed(tested=other)).splitlines()[0]
    assert f"no gain is shown: {said}" in title


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (50, "on 50 items (a cluster counts as one), and at least 59 are needed to show it: large"),
        (59, "no threshold keeps the loss at 0.05 or less on 59 items: large answers everything"),
    ],
)
def test_a_bound_that_cannot_be_shown_says_how_many_items_it_takes(folder, n, said) -> None:
    """Without a loss at all 0.95^58 is above 0.05: it is the items that are lacking."""
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    tested = routed.make(workspace.load(folder), wish).tested
    bound = replace(tested.route.bound, n=n)
    route = replace(tested.route, threshold=None, bound=bound)
    assert said in str(routed.Routed(tested=replace(tested, route=route)))


def test_nothing_to_route_is_said(write, monkeypatch) -> None:
    """Where the weak system is always enough there is nothing to learn."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(lambda _: "x"))
    opened = workspace.load(write(extra=LARGE, splits=SPLITS))
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    with pytest.raises(InputError, match="one model is enough here"):
        routed.make(opened, wish)
    assert opened.evidence().quality == {}


def test_one_system_by_two_names_is_refused_before_it_is_asked(folder) -> None:
    """Nothing is bought for what cannot be chosen between."""
    opened = workspace.load(folder)
    wish = Wish(name="same", weak="base", strong="base", asking="before")
    with pytest.raises(InputError, match="'base' and 'base' are one system"):
        routed.make(opened, wish)
    assert not opened.evidence().quality
    assert not opened.evidence().spent.calls


def test_too_few_items_are_said(write, monkeypatch) -> None:
    """Twenty `search` items per type are enough to learn from, eleven `confirm` items are not."""
    monkeypatch.setattr(wiring.Installation, "provider", providers)
    opened = workspace.load(write(extra=LARGE, splits={"search": 20, "confirm": 11}))
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    with pytest.raises(EvidenceMissing, match="12 items to calibrate on"):
        routed.make(opened, wish)


class Adding:
    """Embeddings that know whether the digits of a message add up to an odd number."""

    async def embed(self, texts) -> Embeddings:
        usage = Usage(prompt_tokens=len(texts), completion_tokens=0)
        vectors = tuple((1.0, float(odd(text)), float(not odd(text))) for text in texts)
        return Embeddings(vectors=vectors, usage=usage, micro_dollars=0, seconds=0.0)

    async def close(self) -> None:
        """Nothing is held."""


def odd(text: str) -> bool:
    """No n-gram tells it."""
    return sum(int(one) for one in text if one.isdigit()) % 2 == 1


@pytest.mark.parametrize("seen", ["by words too", "by embeddings alone"])
def test_embeddings_are_read_where_they_show_what_is_hard(write, monkeypatch, capsys, seen) -> None:
    """They are weighed on the `search` items: beside words that say all of it, they add nothing."""

    def made(_, name: str) -> ScriptedProvider:
        def small(request: Request) -> str:
            fails = hard(request) if seen == "by words too" else odd(request.messages[-1].content)
            return "well er" if fails else "x"

        rate = 1_000_000_000 if name == "large" else 1_000_000
        price = ModelPrice(prompt=rate, completion=rate)
        return ScriptedProvider((lambda _: "x") if name == "large" else small, price=price)

    monkeypatch.setattr(wiring.Installation, "provider", made)
    monkeypatch.setattr(wiring.models, "embedder", lambda *_: Adding())
    folder = write(extra=LARGE, splits=SPLITS)
    file = folder / "escalera.toml" if folder.is_dir() else folder
    told = file.read_text()
    assert "[climb]\n" in told
    file.write_text(told.replace("[climb]\n", '[climb]\nrouter_embedding = "large"\n'))
    assert run(["route", "base", "large", "--project", str(folder)]) == 0
    (found,) = workspace.load(folder).evidence().quality.values()
    assert found.worth == "gain"
    assert found.embeddings is not None
    assert (found.embeddings.share > 0) == (seen == "by embeddings alone")
    judge = proving.load(workspace.load(folder).installation.artifacts(), found.route)
    assert (judge.router.sense is not None) == (found.embeddings.share > 0)
    said = capsys.readouterr().out
    words = "are read" if seen == "by embeddings alone" else "are not read"
    assert f"of the items told: {words}" in said
