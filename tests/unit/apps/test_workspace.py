"""The verbs as a library."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import escalera
from escalera import wiring
from escalera.apps import doctor, workspace
from escalera.apps.cli.main import run
from escalera.domain.event import Observed
from escalera.domain.optimiser import Optimiser
from escalera.errors import EvidenceMissing, InputError, MissingExtra, ProjectError
from escalera.testing.scripted import ScriptedProvider

FIXED = {"a": 0.97, "b": 0.97}
BROKEN = {"a": 0.97, "b": 0.4}


def test_a_project_is_opened_by_its_file_or_its_folder(write):
    """Both are the same project."""
    folder = write()
    by_folder, by_file = workspace.load(folder), workspace.load(str(folder / "escalera.toml"))
    assert by_folder.project == by_file.project
    assert [task.name for task in by_folder.project.tasks] == ["a", "b"]
    assert [task.share for task in by_folder.project.tasks] == [0.5, 0.5]


def test_rungs_that_need_weights_are_left_out_for_an_endpoint(write):
    """They could not be climbed."""
    assert workspace.load(write()).project.policy.rungs == ("prompt", "examples")
    assert len(workspace.load(write(local=True)).project.policy.rungs) == 7


def test_a_cap_on_money_needs_a_price(write):
    """A cap that cannot be kept is no cap."""
    folder = write(extra="\n[budget]\nmoney = 5\n")
    with pytest.raises(InputError, match=r"models\.base\.price: is unknown"):
        workspace.load(folder)
    text = (folder / "escalera.toml").read_text()
    priced = text.replace('model = "m"', 'model = "m"\nprice = { prompt = 0.5, completion = 1 }')
    (folder / "escalera.toml").write_text(priced)
    project = workspace.load(folder).project
    assert project.budget.micro_dollars == 5_000_000
    assert (project.model.price.prompt, project.model.price.completion) == (500_000, 1_000_000)


def test_another_tool_that_searches_is_needed_to_climb_and_for_nothing_else(write, monkeypatch):
    """It is asked for before anything is spent; reports and gateways do without."""
    folder = write(extra='\n[climb.search]\noptimiser = "miprov2"\n')
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("[climb]\n", '[climb]\nproposer = "base"\n'))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    found = workspace.load(folder)
    assert found.project.optimiser == Optimiser(name="miprov2", calls=1000)
    for climb in (found.climb, lambda: found.climb_until("prompt")):
        with pytest.raises(MissingExtra, match=r"'miprov2' needs .* 'escalera\[dspy\]'"):
            climb()


def test_another_engine_that_trains_is_asked_for_before_anything_is_spent(write, monkeypatch):
    """Not when the prompts are paid for, and the doctor says so; an endpoint trains nothing."""
    extra = '\n[training]\nengine = "trl"\n'
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "trl" else real(name)
    )
    remote = wiring.install(write(extra=extra) / "escalera.toml")
    with closing(remote.journal()) as journal:
        assert remote.ports(journal)
    folder = write(local=True, extra=extra)
    with pytest.raises(MissingExtra, match=r"'trl' needs .* 'escalera\[trl\]'"):
        workspace.load(folder).climb()
    told = doctor.examine(wiring.install(folder / "escalera.toml"))
    assert any("escalera[trl]" in one.words for one in told.findings if not one.passed)


def test_without_a_journal_there_is_no_decision(write):
    """And asking for it makes none."""
    folder = write()
    with pytest.raises(EvidenceMissing, match="run `escalera climb`"):
        _ = workspace.load(folder).decision
    assert not (folder / ".escalera").exists()


def test_a_climb_that_has_not_stopped_has_no_decision(write, climb):
    """What is there is not shown as a result."""
    folder = write()
    climb(folder, at_most=100)
    with pytest.raises(EvidenceMissing, match="holds no decision"):
        _ = workspace.load(folder).decision


@pytest.mark.parametrize(
    ("rates", "tuned", "reason", "served", "code"),
    [
        ((0.97, 0.97), None, "adequate", "prompt", 0),
        ((0.72, 0.97), None, "undecided", None, 3),
        ((0.3, 0.97), FIXED, "adequate", "lora", 0),
        ((0.3, 0.3), {"a": 0.4, "b": 0.4}, "inadequate", None, 0),
        ((0.3, 0.97), {"a": 0.97, "b": 0.8}, "adequate", "route", 0),
    ],
)
def test_a_decision_says_how_the_climb_ended(write, climb, rates, tuned, reason, served, code):
    """Reason, sentence, what is served and the exit code, read from the journal alone."""
    folder = write(local=True)
    climbed = climb(folder, *rates, tuned=tuned)
    decision = workspace.load(folder).decision
    assert (decision.reason, decision.served, decision.exit_code) == (reason, served, code)
    assert decision.sentence == climbed.evidence.stopped[0].words


def test_a_changed_project_has_no_decision_yet(write, climb):
    """A decision holds for the project file that it was made for."""
    folder = write()
    climb(folder)
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("bar = 0.7", "bar = 0.75"))
    with pytest.raises(EvidenceMissing, match="project file as it is now"):
        _ = workspace.load(folder).decision


def test_a_stopped_climb_is_not_climbed_again(write, climb):
    """No endpoint is needed, and not an event is added."""
    folder = write()
    events = len(climb(folder).events)
    opened = workspace.load(folder)
    assert opened.climb().reason == "adequate"
    assert opened.evidence().events == events


def test_explain_holds_every_reason_and_every_reversal(write, climb):
    """The verdict first, then why, then each rung, then what would reverse it."""
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned=BROKEN)
    decision = workspace.load(folder).decision
    text, verdict = decision.explain(), decision.document["verdict"]
    assert text.startswith(decision.sentence)
    assert verdict["reasons"]
    assert verdict["reversal"]
    for said in [*verdict["reasons"], *verdict["reversal"]]:
        assert f"  - {said}" in text
    for rung in decision.document["ladder"]:
        assert f"  {rung['title']}: {rung['state']}" in text
    assert decision.sentence.split("[")[0] in decision._repr_html_()


def test_two_systems_are_compared_by_rung_or_digest(write, climb):
    """By task, on common items, in words and in HTML; an unknown name is told with the known."""
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned=BROKEN)
    opened = workspace.load(folder)
    found = opened.compare("lora", "prompt")
    assert [row.task for row in found.tasks] == ["a", "b"]
    assert [row.verdict for row in found.tasks] == ["better", "worse"]
    title, first, *_ = str(found).splitlines()
    assert title == "lora against prompt: a fall by more than the margin is shown"
    assert first.startswith("  a: improved; 0.9")
    assert (found.gate, found.exit_code) == ("regressed", 4)
    assert [row.measure for row in found.outlays] == ["latency", "latency"]
    assert found._repr_html_().count("<li>") == len(found.tasks) + len(found.outlays)
    for shown in (str(found), found._repr_html_()):
        assert "A fixed-sample reading, not a verdict: it does not hold when it is read" in shown
    digest = opened.evidence().nominee("lora").digest
    assert opened.compare(digest[:16], "prompt").tasks == found.tasks
    with pytest.raises(InputError, match=r"'magic': there are the models .* the rungs .*lora"):
        opened.compare("magic", "prompt")


def test_a_task_that_a_system_was_not_asked_keeps_the_gate_open(write, climb):
    """Unless only what both were asked is to count."""
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned=BROKEN)
    opened = workspace.load(folder)
    with closing(opened.installation.journal()) as journal:
        events = [*journal.events()]
    opened.installation.journal_file.unlink()
    kept = [one for one in events if not (isinstance(one, Observed) and one.item[:2] == "b/")]
    with closing(opened.installation.journal()) as journal:
        journal.append(kept)
    found = opened.compare("lora", "lora")
    assert ([row.task for row in found.tasks], found.unread) == (["a"], ("b",))
    assert (found.tasks[0].gate, found.gate, found.exit_code) == ("passed", "undecided", 3)
    assert opened.compare("lora", "lora", common=True).gate == "passed"
    for mode in ("anytime", "finite"):
        assert opened.compare("lora", "lora", mode=mode).unread == ("b",)
        assert opened.compare("lora", "lora", mode=mode, common=True).unread == ()


def test_the_report_is_written_over_no_other_file(write, climb, capsys):
    """Told before a climb spends anything; the project's own files are no place for it either."""
    folder = write()
    (folder / "report.html").write_text("what I wrote")
    assert run(["climb", "-p", str(folder)]) == 2
    assert "holds something, and not a page of an earlier run" in capsys.readouterr().err
    assert not (folder / ".escalera").exists()
    for option in (["report", "-o"], ["curves", "--page"], ["gate", "base", "--junit"]):
        before = (folder / "escalera.toml").read_bytes()
        assert run([*option, str(folder / "escalera.toml"), "-p", str(folder)]) == 2
        assert "is part of the project" in capsys.readouterr().err
        assert (folder / "escalera.toml").read_bytes() == before


def test_the_report_is_one_file(write, climb):
    """Beside the project file, or where it is wanted."""
    folder = write()
    climb(folder)
    opened = workspace.load(folder)
    assert opened.report() == folder / "report.html"
    other = opened.report(folder / "other.html")
    assert other.read_text() == (folder / "report.html").read_text()
    assert opened.decision.sentence.split("[")[0] in other.read_text()


@pytest.mark.parametrize(
    ("into", "said"), [("missing/x.html", "No such file"), (".", "Is a directory")]
)
def test_a_report_that_cannot_be_written_is_told(write, climb, into, said):
    """With the place, the system's own word and the rule."""
    folder = write()
    climb(folder)
    with pytest.raises(InputError) as caught:
        workspace.load(folder).report(folder / into)
    assert f"{str(folder / into)!r} cannot be written: {said}" in str(caught.value)
    assert "Name a file in a folder that exists" in str(caught.value)


@pytest.mark.parametrize("state", ["notes", "notes/deeper", "../{folder}/notes"])
def test_a_state_that_is_a_file_is_refused(write, state):
    """Whatever the command: the key, the file in the way and the remedy."""
    folder = write()
    (folder / "notes").write_text("mine")
    file = folder / "escalera.toml"
    line = f'[project]\nstate = "{state.format(folder=folder.name)}"'
    file.write_text(file.read_text().replace("[project]", line, 1))
    with pytest.raises(ProjectError, match=r"project\.state: .*notes' is a file.*another folder"):
        workspace.load(folder)


@pytest.mark.parametrize("state", ["there", "new/deeper"])
def test_a_state_may_be_a_folder_or_become_one(write, state):
    """It is made when it is needed."""
    folder = write()
    (folder / "there").mkdir()
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("[project]", f'[project]\nstate = "{state}"', 1))
    workspace.load(folder).installation.journal().close()
    assert (folder / state / "journal.sqlite").exists()


def test_json_without_clocks_is_the_same_for_equal_climbs(write, climb):
    """Sorted keys, and no key `clocks` anywhere."""
    folder = write()
    climb(folder)
    document = workspace.load(folder).decision.document
    plain = workspace.as_json(document, clocks=False)
    assert '"clocks"' not in plain
    assert '"clocks"' in workspace.as_json(document)
    assert list(json.loads(plain)) == sorted(json.loads(plain))


def test_a_desk_answers_with_the_decided_system(write, climb):
    """The route of the verdict, under the project's name."""
    folder = write()
    climb(folder)
    assert workspace.load(folder).desk().names()[0].startswith("support")


KEYS = """
[models.{name}]
base_url = "http://127.0.0.1:9/v1"
model = "m"
api_key_env = "ABSENT_KEY"
"""


def test_a_route_whose_model_has_no_key_cannot_be_served(write, climb, monkeypatch):
    """The variable is named, as for a climb; the model is not said to be missing."""
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    folder = write()
    climb(folder)
    file = folder / "escalera.toml"
    keyed = 'model = "m"\napi_key_env = "ABSENT_KEY"'
    file.write_text(file.read_text().replace('model = "m"', keyed, 1))
    with pytest.raises(
        ProjectError, match=r"ABSENT_KEY: is not set, and models\.base\.api_key_env"
    ):
        workspace.load(folder).desk()
    monkeypatch.setenv("ABSENT_KEY", "secret")
    assert "base" in workspace.load(folder).desk().names()


def test_a_model_without_a_key_is_left_out_where_the_route_needs_it_not(write, climb, monkeypatch):
    """It can be in the project file for other purposes."""
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    folder = write(extra=KEYS.format(name="other"))
    climb(folder)
    names = workspace.load(folder).desk().names()
    assert "base" in names
    assert "other" not in names


def test_nothing_promoted_is_nothing_served(write, climb):
    """With the verdict in the message."""
    folder = write()
    climb(folder, 0.72, 0.97)
    with pytest.raises(EvidenceMissing, match=r"nothing was promoted \(Not enough evidence"):
        workspace.load(folder).desk()


def test_the_top_of_the_package_has_exactly_these_names():
    """Sorted, loaded when asked for, and nothing else."""
    assert escalera.__all__ == sorted(escalera.__all__)
    assert escalera.load is workspace.load
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = escalera.magic


def test_strangers_are_lines_of_a_file(write) -> None:
    """Empty lines are none; what cannot be read, or is empty, is told with the key."""
    folder = write()
    file = folder / "escalera.toml"
    (folder / "strangers.txt").write_text("how far is the moon\n\n  tell me a joke \n")
    text = file.read_text().replace(
        'name = "support"\n', 'name = "support"\nstrangers = "strangers.txt"\n'
    )
    file.write_text(text)
    found = workspace.load(folder).project.strangers
    assert found == ("how far is the moon", "tell me a joke")
    (folder / "strangers.txt").write_text("\n")
    with pytest.raises(InputError, match=r"project.strangers.*holds no message"):
        workspace.load(folder)
    (folder / "strangers.txt").unlink()
    with pytest.raises(InputError, match=r"project.strangers.*cannot be read"):
        workspace.load(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(wiring.Installation):
    """An installation whose models are scripted."""

    def provider(self, name):
        """One that says the same to everybody."""
        return ScriptedProvider(lambda _: "x")


def test_the_verbs_work_in_a_notebook(write):
    """There an event loop runs in the thread that calls: it was an error to climb or to measure."""
    found = wiring.install(write() / "escalera.toml")
    made = Offline(file=found.file, tables=found.tables, project=found.project, state=found.state)
    opened = workspace.Workspace(made)

    async def cell():
        decided = opened.climb()
        measured = opened.evaluate("base")
        return decided, measured, opened.compare("prompt", "base", buy=True)

    decided, measured, compared = asyncio.run(cell())
    assert decided.reason == "adequate"
    assert [summary.figure.value for summary in measured.summaries] == [1.0, 1.0]
    assert [contrast.task for contrast in compared.tasks] == ["a", "b"]


class Telling(workspace.Workspace):
    """Says in which thread a verb began, and does nothing."""

    def __init__(self):
        self.began = []

    @property
    def _installation(self):
        self.began.append(threading.current_thread())
        raise InputError("it was only asked where")


@pytest.mark.parametrize(
    "verb",
    [
        lambda opened: opened.climb(),
        lambda opened: opened.data_need("a"),
        lambda opened: opened.pilots("a"),
        lambda opened: opened.sweep("a"),
        lambda opened: opened.evaluate(),
        lambda opened: opened.attempt("a", Path("prompt.toml")),
        lambda opened: opened.compare("prompt", "base", buy=True),
        lambda opened: opened.judge("grader"),
    ],
)
def test_every_verb_that_asks_models_is_done_aside_in_a_notebook(verb):
    """Each of them runs a loop of its own, sooner or later."""
    opened = Telling()

    async def cell():
        verb(opened)

    with pytest.raises(InputError, match="only asked where"):
        asyncio.run(cell())
    assert threading.current_thread() not in opened.began
    assert opened.began
