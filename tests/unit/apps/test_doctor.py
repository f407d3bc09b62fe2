"""Whether a climb can start, and the most that it can cost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pytest

from escalera import wiring
from escalera.apps import doctor
from escalera.core.ladder import steps
from escalera.domain.project import ModelPrice
from escalera.testing.playbook import luck, simulate
from escalera.testing.scripted import Faults, ScriptedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(wiring.Installation):
    """An installation whose provider was handed in."""

    given: ScriptedProvider

    def provider(self, name):
        """The scripted one, whatever the project file says."""
        return self.given


def install(folder, provider=None):
    found = wiring.install(folder / "escalera.toml")
    provider = provider or ScriptedProvider(
        lambda _: "x", price=ModelPrice(prompt=10**6, completion=10**6)
    )
    return Offline(
        file=found.file,
        tables=found.tables,
        project=found.project,
        state=found.state,
        given=provider,
    )


def bad(diagnosis):
    return [finding.words for finding in diagnosis.findings if not finding.passed]


def test_a_good_project_is_healthy(write):
    """Data, packages and model are in order; what can be proved is told."""
    installation = install(write())
    diagnosis = doctor.examine(installation)
    assert bad(diagnosis) == []
    assert diagnosis.healthy
    said = "\n".join(finding.words for finding in diagnosis.findings)
    assert "a: 10 train, 20 search, 100 confirm, 0 golden" in said
    assert "a: with 100 confirm items a true score of 0.8" in said
    assert "model base: answers (revision scripted-1)" in said
    assert installation.given.closed == 1


def test_too_few_items_are_told_per_split(write):
    """With how many there are and how many it takes."""
    diagnosis = doctor.examine(install(write(splits={"train": 2, "search": 5, "confirm": 20})))
    assert not diagnosis.healthy
    words = bad(diagnosis)
    assert "a: 5 search items, at least 20 are needed" in words
    assert "b: 20 confirm items, at least 50 are needed" in words
    assert "a: 2 train items, at least 8 are needed" in words
    assert len(words) == 6


def test_what_is_too_little_to_prove_anything_is_said(write):
    """A bar near 1 and few items: no score can be shown to be above it."""
    folder = write(splits={"train": 10, "search": 20, "confirm": 50})
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("bar = 0.7", "bar = 0.98"))
    said = "\n".join(finding.words for finding in doctor.examine(install(folder)).findings)
    assert "no score can be proved against 0.98" in said


def test_nearly_equal_inputs_in_two_splits_are_found(write):
    """Case and spacing do not hide a leak."""
    folder = write()
    file = folder / "a.jsonl"
    leaked = '{"id": "z", "split": "confirm", "input": "A  TRAIN 0", "target": "x"}'
    file.write_text(file.read_text() + "\n" + leaked)
    words = bad(doctor.examine(install(folder)))
    assert words == ["a: 1 inputs stand in two splits but for case and spacing"]


@pytest.mark.parametrize("kind", ["unavailable", "rejected"])
def test_a_model_that_does_not_answer_is_told(write, kind):
    """In the endpoint's words; costs are unknown then, and the provider is closed."""
    provider = ScriptedProvider(lambda _: "x", faults=Faults(first=99, kind=kind))
    diagnosis = doctor.examine(install(write(), provider))
    (said,) = bad(diagnosis)
    assert said.startswith("scripted: scripted ")
    assert {estimate.micro_dollars for estimate in diagnosis.estimates} == {None}
    assert provider.closed == 1


def test_an_unknown_price_is_not_zero(write):
    """Calls are told, money is not."""
    diagnosis = doctor.examine(install(write(), ScriptedProvider(lambda _: "x")))
    assert diagnosis.healthy
    assert {estimate.micro_dollars for estimate in diagnosis.estimates} == {None}
    assert all(estimate.calls > 0 for estimate in diagnosis.estimates)


@pytest.mark.parametrize("tuned", [0.3, 0.96])
def test_no_rung_costs_more_calls_than_was_told(write, tuned):
    """At most means at most: held against simulated climbs through every rung."""
    installation = install(write(local=True))
    told = {estimate.rung: estimate.calls for estimate in doctor.examine(installation).estimates}

    def answers(system, item):
        rates = {"a": 0.3, "b": 0.96} if system.adapter is None else {"a": tuned, "b": 0.8}
        return float(luck(item) < rates[item.task])

    asked, seen = defaultdict(set), set()
    for step in simulate(installation.project, answers).steps:
        if isinstance(step, steps.Evaluate):
            new = {(call.system, call.item) for call in step.calls} - seen
            seen |= new
            asked[step.rung] |= new
    assert set(asked) <= set(told)
    assert len(told) == 6
    for rung, calls in asked.items():
        assert len(calls) <= told[rung]
