"""Trainings by name, with what went wrong in them: the library and the command."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import msgspec
import pytest

from escalera import wiring
from escalera.apps import diagnosed, workspace
from escalera.apps.cli.main import run
from escalera.core.evidence import Evidence
from escalera.core.ladder import training
from escalera.domain.recipe import Rewind
from escalera.domain.training import Trained
from escalera.errors import EvidenceMissing, InputError
from escalera.testing import records
from escalera.testing.playbook import luck, simulate

BAD = 3


def curve(step: int, place: int) -> float:
    """One of the ten examples is never learned."""
    return 9.0 if place == BAD else 2 / step**2


@pytest.fixture
def trained(write):
    """A project whose type b was trained, with a log in which an example is bad."""
    folder = write(local=True)
    installation = wiring.install(folder / "escalera.toml")

    def answers(system, item):
        rates = {"a": 0.97, "b": 0.3 if system.adapter is None else 0.97}
        return float(luck(item) < rates[item.task])

    artifacts = installation.artifacts()
    kept = artifacts.scratch()
    signals = records.record(curve, examples=10, epochs=12).signals
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in signals)
    (kept / "steps.jsonl").write_bytes(lines)
    log = artifacts.put(kept)
    events = [
        replace(event, log=log) if isinstance(event, Trained) else event
        for event in simulate(installation.project, answers).events
    ]
    with closing(installation.journal()) as journal:
        journal.append(events)
    return folder


def bad(opened: workspace.Workspace) -> str:
    """The id of the example that is bad."""
    return opened.project.task("b").items("train")[BAD].id


def test_a_training_is_found_by_rung_digest_or_as_the_last(trained) -> None:
    """All of them the same one here."""
    opened = workspace.load(trained)
    (last,) = opened.diagnose()
    digest = last.recipe.digest
    assert [opened.diagnose(name) for name in ("lora", "route", digest, digest[:6])] == [
        (last,)
    ] * 4
    assert last.findings[0].cause == "spikes"
    assert last.findings[0].items[0] == bad(opened)
    assert not last.healthy


@pytest.mark.parametrize("name", ["prompt", "abc", "no training", ""])
def test_a_name_that_means_no_training_is_refused_with_those_that_do(trained, name) -> None:
    """A rung that trains nothing, too little of a digest."""
    with pytest.raises(InputError, match="first characters of one of these recipes"):
        workspace.load(trained).diagnose(name)


def test_a_rung_that_the_project_does_not_climb_is_refused_in_words(trained, capsys) -> None:
    """Its levers are unknown, so it means no training; the command does not break."""
    file = trained / "escalera.toml"
    text = file.read_text(encoding="utf-8")
    rungs = 'rungs = ["prompt", "lora"]'
    file.write_text(text.replace("[climb]", f"[climb]\n{rungs}"), encoding="utf-8")
    assert run(["diagnose", "full", "--project", str(file)]) == 2
    assert "there is no training 'full'" in capsys.readouterr().err


def test_without_a_training_there_is_nothing_to_diagnose(write) -> None:
    """It says what to run."""
    with pytest.raises(EvidenceMissing, match="escalera climb"):
        workspace.load(write()).diagnose()


def test_the_command_tells_figures_remedy_and_setting(trained, capsys) -> None:
    """And ends with 4, because something is wrong."""
    assert run(["diagnose", "lora", "-p", str(trained)]) == 4
    said = capsys.readouterr().out
    assert "spikes: the loss jumps" in said
    opened = workspace.load(trained)
    (found,) = opened.diagnose("lora")
    back = f'rewind = {{ recipe = "{found.recipe.digest[:12]}", after = '
    assert f"under [training] in the project file: {back}" in said
    assert f'without = ["{bad(opened)}"] }}' in said
    assert "then: escalera climb" in said


def test_the_command_prints_json(trained, capsys) -> None:
    """The same for programs."""
    assert run(["diagnose", "-p", str(trained), "--json"]) == 4
    (found,) = json.loads(capsys.readouterr().out)["trainings"]
    assert found["findings"][0]["cause"] == "spikes"
    assert found["findings"][0]["figures"]["largest jump"] > 1


def test_what_the_command_says_makes_another_training(trained) -> None:
    """The line of the project file is taken, and names what it leaves out."""
    file = trained / "escalera.toml"
    (found,) = workspace.load(trained).diagnose()
    file.write_text(
        file.read_text() + "\n[training]\n" + found.findings[0].setting.partition(".")[2]
    )
    opened = workspace.load(trained)
    back = opened.project.rewind
    assert back is not None
    assert back.items == (bad(opened),)
    again = training.rewound(opened.project, found.recipe)
    assert again.rewound == replace(back, recipe=found.recipe.digest)
    assert again.digest != found.recipe.digest


def test_a_rewind_that_changed_nothing_is_told(trained) -> None:
    """Such as of a training whose levers were changed at the same time: it was ignored."""
    file, whole = trained / "escalera.toml", (trained / "escalera.toml").read_text()
    opened = workspace.load(trained)
    (found,) = opened.diagnose()
    assert diagnosed.unrewound(opened.project, opened.evidence()) is None
    back = f'after = 0, without = ["{bad(opened)}"] }}\n'
    file.write_text(f'{whole}\n[training]\nrewind = {{ recipe = "deadbeef", {back}')
    asked = workspace.load(trained)
    said = diagnosed.unrewound(asked.project, asked.evidence())
    assert said is not None
    assert "no training here goes by 'deadbeef'" in said
    assert found.recipe.digest[:12] in said
    assert diagnosed.unrewound(asked.project, Evidence()) is None
    last = asked.evidence().trained[found.recipe.digest][-1]
    made = Rewind(recipe="deadbeef" * 8, after=0, items=asked.project.rewind.items)
    rewound = replace(last, recipe=replace(last.recipe, rewound=made))
    evidence = replace(asked.evidence(), trained={rewound.recipe.digest: (rewound,)})
    assert diagnosed.unrewound(asked.project, evidence) is None


def test_a_rewind_that_no_training_can_do_is_refused_before_a_climb(trained, capsys) -> None:
    """Another digest, a step that was never made, examples of another task: nothing is spent."""
    file, whole = trained / "escalera.toml", (trained / "escalera.toml").read_text()
    opened = workspace.load(trained)
    (found,) = opened.diagnose()
    before, digest, item = opened.evidence().events, found.recipe.digest[:12], bad(opened)
    others = (task for task in opened.project.tasks if not item.startswith(f"{task.name}/"))
    other = next(one.id for task in others for one in task.items("train"))
    for recipe, after, left, said in (
        ("deadbeef", 0, item, f"no training here begins with 'deadbeef' (there are {digest})"),
        (digest, found.planned, item, f"it cannot go back to step {found.planned}"),
        (digest, 0, other, f"was not taught [{other!r}]"),
    ):
        back = f'rewind = {{ recipe = "{recipe}", after = {after}, without = ["{left}"] }}\n'
        file.write_text(f"{whole}\n[training]\n{back}")
        assert run(["climb", "-p", str(trained)]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Copy the line that `escalera diagnose` shows" in told
    asked = workspace.load(trained)
    assert asked.evidence().events == before
    diagnosed.require_rewind(asked.project, Evidence())


def test_the_report_has_the_findings_of_every_training(trained) -> None:
    """In short."""
    for one in workspace.load(trained).decision.document["trainings"]:
        assert one["diagnosis"]["unknown"] is None
        assert one["diagnosis"]["findings"][0]["cause"] == "spikes"


def test_the_report_says_why_a_training_is_not_diagnosed(write, climb) -> None:
    """Its log is gone."""
    folder = write(local=True)
    climb(folder, a=0.97, b=0.3, tuned={"a": 0.97, "b": 0.97})
    for one in workspace.load(folder).decision.document["trainings"]:
        assert one["diagnosis"]["findings"] == []
        assert "is not stored" in one["diagnosis"]["unknown"]
