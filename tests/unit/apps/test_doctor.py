"""Whether a climb can start, and the most that it can cost."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, replace

import pytest

from escalera import wiring
from escalera.apps import doctor
from escalera.domain.dataset import Examples
from escalera.domain.optimiser import Optimiser
from escalera.domain.project import ModelPrice
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


def test_what_a_preference_does_not_teach_is_told(write):
    """Items without a rejected answer are left out of the training, and not in silence."""
    installation = install(write())
    task, other = installation.project.tasks
    first = task.items("train")[0]
    rest = [item for item in task.examples if item != first]
    paired = replace(task, examples=Examples([replace(first, rejected="no"), *rest]))
    policy = replace(installation.project.policy, rungs=("prompt", "lora"))
    project = replace(
        installation.project, tasks=(paired, other), objective="preference", policy=policy
    )
    found = doctor.examine(replace(installation, project=project))
    said = [one.words for one in found.findings if "rejected" in one.words]
    assert said[0] == "a: 9 of 10 train items have no rejected answer, and are not taught"
    bought = replace(project, policy=replace(policy, rungs=("prompt",)))
    found = doctor.examine(replace(installation, project=bought))
    assert not any("rejected" in one.words for one in found.findings)


@pytest.mark.parametrize("installed", [True, False])
def test_a_tool_that_searches_must_be_installed(write, monkeypatch, installed):
    """What is missing is told with how to get it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: installed or None)
    installation = install(write())
    project = replace(installation.project, optimiser=Optimiser(name="gepa", calls=100))
    diagnosis = doctor.examine(replace(installation, project=project))
    said = [finding.words for finding in diagnosis.findings if "gepa" in finding.words]
    if installed:
        assert said == ["packages: the base install is enough (remote model); gepa is installed"]
        assert bad(diagnosis) == []
    else:
        assert said == bad(diagnosis)
        assert "pip install 'escalera[gepa]'" in said[0]


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
    cautions = [one for one in doctor.examine(install(folder)).findings if one.caution]
    assert all(one.passed for one in cautions)
    said = "\n".join(one.words for one in cautions)
    assert "a: with 50 confirm items no score can be proved against 0.98" in said
    assert "even where every answer is right, or a lower bar" in said


@pytest.mark.parametrize(("more", "proved"), [(-1, False), (0, True)])
def test_as_many_items_as_are_said_to_be_needed_prove_something(write, more, *, proved):
    """One fewer proves nothing; with all of them a score of 1 is proved."""
    needed = int(re.search(r"takes (\d+) items", power_of(write, confirm=50))[1])
    assert ("a true score of 1.00 is proved" in power_of(write, confirm=needed + more)) is proved


def power_of(write, *, confirm):
    """What so many items can prove against a bar of .95."""
    folder = write(splits={"train": 10, "search": 20, "confirm": confirm})
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("bar = 0.7", "bar = 0.95"))
    findings = doctor.examine(install(folder)).findings
    return next(one.words for one in findings if "against 0.95" in one.words)


def test_nearly_equal_inputs_in_two_splits_are_found(write):
    """Case and spacing do not hide a leak."""
    folder = write()
    file = folder / "a.jsonl"
    leaked = '{"id": "z", "split": "confirm", "input": "A  TRAIN 0", "target": "x"}'
    file.write_text(file.read_text() + "\n" + leaked)
    words = bad(doctor.examine(install(folder)))
    assert words == ["a: 1 inputs stand in two splits but for case and spacing"]


def rewrite(file, change):
    """The rows of a data file, each after *change*."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("\n".join(json.dumps(row | change(row)) for row in rows))


@pytest.mark.parametrize("split", ["train", "search"])
def test_a_cluster_on_both_sides_of_a_verdict_is_found(write, split):
    """What is learned of a customer is confirmed on the same customer: named, with the remedy."""
    folder = write()
    shared = {f"{split}/3": "customer-7", "confirm/5": "customer-7", "confirm/6": "customer-8"}
    rewrite(folder / "b.jsonl", lambda row: {"cluster": shared.get(row["id"])})
    (said,) = bad(doctor.examine(install(folder)))
    assert said.startswith("b: clusters stand in confirm and in train or search (1, such as")
    assert f"'customer-7' in confirm and {split})" in said
    assert "give all items of a cluster the same split" in said


def test_a_cluster_on_one_side_of_verdicts_is_fine(write):
    """Items of one split may share a cluster, and so may those that teach and those that choose."""
    folder = write()
    side = {"train": "one", "search": "one", "confirm": "other"}
    rewrite(folder / "a.jsonl", lambda row: {"cluster": side[row["split"]]})
    assert bad(doctor.examine(install(folder))) == []


def test_what_can_be_proved_rests_on_clusters(write):
    """Four items each of 25 customers prove what 25 items would, and the words say so."""
    folder = write()
    rewrite(
        folder / "a.jsonl",
        lambda row: {"cluster": f"{row['split']}-{int(row['id'].split('/')[1]) % 25}"},
    )
    clustered, alone = (
        next(f.words for f in doctor.examine(install(folder)).findings if f" {text} " in f.words)
        for text in ("25 clusters", "100 confirm items a")
    )
    assert clustered.startswith("a: with 100 confirm items in 25 clusters ")
    assert clustered.endswith("each cluster counted as one item)")
    assert alone.startswith("b: with 100 confirm items a true score")
    assert alone.endswith("items taken as independent)")

    def proved(words):
        return float(words.split("a true score of ")[1].split()[0])

    few = write(splits={"train": 10, "search": 20, "confirm": 25})
    said = [
        f.words for f in doctor.examine(install(few)).findings if "25 confirm items a" in f.words
    ]
    assert proved(clustered) == proved(said[0]) > proved(alone)


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


@pytest.mark.parametrize(("unit", "concurrency"), [(1, 1), (1, 4), (4, 2), (48, 1)])
def test_ten_items_of_all_lengths_are_asked_at_the_most(write, unit, concurrency):
    """In whole units; short prompts and long ones, of every task, and each once."""
    folder = write()
    rewrite(
        folder / "b.jsonl",
        lambda row: {"input": row["input"] + " please" * (10 * int(row["id"].split("/")[1]))},
    )
    given = ScriptedProvider(
        lambda _: "x",
        price=ModelPrice(prompt=10**6, completion=10**6),
        unit=unit,
        concurrency=concurrency,
    )
    diagnosis = doctor.examine(install(folder, given))
    asked = [request.messages[-1].content for request in given.requests]
    assert len(asked) == len(set(asked)) == (8 if unit == 4 else 10)
    words = sorted(text.count("please") for text in asked)
    assert words[:4] == [0] * 4
    assert words[-1] > 800
    assert given.closed == 1
    low, high = diagnosis.estimates[0].micro_dollars_range
    assert low <= diagnosis.estimates[0].micro_dollars <= high


def test_answers_of_one_length_cost_what_all_prompts_do(write):
    """Prompts are known before they are sent: their lengths leave the price no interval."""
    folder = write()
    rewrite(
        folder / "b.jsonl",
        lambda row: {"input": row["input"] + " please" * (10 * int(row["id"].split("/")[1]))},
    )
    installation = install(folder)
    project = installation.project
    priced = replace(project.model, price=ModelPrice(prompt=10**6, completion=10**6))
    diagnosis = doctor.examine(replace(installation, project=replace(project, model=priced)))
    first = diagnosis.estimates[0]
    low, high = first.micro_dollars_range
    assert high - low < 0.02 * first.micro_dollars
