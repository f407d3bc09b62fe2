"""What came of a finetuning job: gate, diagnosis, cost; recorded once, and promoted or not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from escalera import wiring
from escalera.apps import concluded, promoted, workspace
from escalera.apps.concluded import Conclusions
from escalera.core.evidence import Evidence
from escalera.domain.finetuned import Finetuned
from escalera.domain.job import Job, JobWish, Origin, Published
from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Message, Request
from escalera.domain.recipe import Ingredient, TrainingPair, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.errors import InputError
from escalera.testing import training
from escalera.testing.scripted import ScriptedProvider
from escalera.wiring import stores

pytestmark = pytest.mark.usefixtures("closed_stores")
GOOD, BAD = "a" * 64, "b" * 64
PAIRS = [
    TrainingPair(messages=(Message(role="user", content=f"teach {n}"),), target="x")
    for n in range(3)
]
RUN = training.told([2.0, 1.0, 0.5, 0.2, 0.1, 0.05] * 4, examples=3)
RATES = {None: {"a": 0.3, "b": 0.97}, GOOD: {"a": 0.97, "b": 0.97}, BAD: {"a": 0.97, "b": 0.3}}


def said(request: Request) -> str:
    """What the model says: right at the rate of its adapter."""
    task, _, number = request.messages[-1].content.split()[-3:]
    rate = RATES[request.adapter][task]
    return "x" if int(number) * 0.6180339887498949 % 1 < rate else "y"


@pytest.fixture
def project(write, climb, monkeypatch):
    """Both tasks are served by the base with a prompt; a is poor, so a model can improve on it."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(said))
    folder = write(local=True)
    climb(folder)  # prompting was adequate when it was measured
    return folder


def job(folder, *gate: str, id_: str = "ftjob-1") -> Job:
    base = workspace.load(folder).project.model
    part = Ingredient(task="", prompt=Prompt(), examples=3, data="d" * 64)
    recipe = TrainingRecipe(
        model=base.name,
        revision=base.revision,
        ingredients=(part,),
        trainable=Trainable(),
        levers=Levers(),
    )
    wish = JobWish(model=base.name, training_file="file-1", suffix="polite", gate=gate)
    return Job(id=id_, wish=wish, created=1.0, recipe=recipe, seconds=90.0, owner="team")


def conclude(folder, adapter: str, *gate: str, **more):
    asked = job(folder, *gate)
    opened = workspace.load(folder)
    return Conclusions(opened=opened, **more)(asked, RUN, pairs=PAIRS, adapter=adapter)


def events(folder) -> list[Finetuned]:
    with closing(workspace.load(folder).installation.journal()) as journal:
        return [event for event in journal.events() if isinstance(event, Finetuned)]


def evidence(folder) -> Evidence:
    return workspace.load(folder).evidence()


def test_a_job_without_a_gate_states_what_it_took(project) -> None:
    """Time, money at the rate of a minute, tokens; nothing is asked of any model."""
    before = evidence(project).spent.calls
    found = conclude(project, GOOD, rate=40_000, joules=lambda _: 12.5)
    assert (found.minutes, found.micro_dollars, found.joules) == (1.5, 60_000, 12.5)
    assert found.trained_tokens == 10 * RUN.steps
    assert (found.gate, found.verdicts) == ("none", ())
    assert found.diagnosis
    taken, _ = concluded.told(found)[0]
    assert taken == (
        f"it took 1.50 minutes, {found.trained_tokens} tokens; $0.060000; 12 J by the whole machine"
    )
    assert evidence(project).spent.calls == before
    bare = conclude(project, GOOD)
    assert bare.micro_dollars is None
    for said in ("money unknown", "energy unknown: the machine does not tell it"):
        assert said in concluded.told(bare)[0][0]


def test_licences_are_what_base_and_job_declare(project) -> None:
    """The base in the project file, the data in the job's metadata; without, it is a question."""
    assert "serving it: ASK-COUNSEL" in conclude(project, GOOD).licence
    file = project / "escalera.toml"
    file.write_text(file.read_text().replace('path = "model"', 'path = "model"\nlicence = "MIT"'))
    asked = job(project)
    asked = replace(asked, wish=replace(asked.wish, metadata={"license": "own"}))
    opened = workspace.load(project)
    found = Conclusions(opened=opened)(asked, RUN, pairs=PAIRS, adapter=GOOD).licence
    assert "serving it: OK-with-duties" in found
    assert "base 'base', MIT, second paragraph" in found


def test_a_job_answers_for_what_was_taught_before(project) -> None:
    """The data of the models that it goes on from are its own as well; the journal names them."""
    file = project / "escalera.toml"
    file.write_text(file.read_text().replace('path = "model"', 'path = "model"\nlicence = "MIT"'))
    opened = workspace.load(project)
    queue = stores.at(opened.installation.state).jobs()

    def further(id_: str, before: str, licence: str) -> Job:
        origin = Origin(base="base", revision="r", adapter=GOOD, job=before)
        made = job(project, id_=id_)
        wish = replace(
            made.wish, model=f"ft:{before}", origin=origin, metadata={"licence": licence}
        )
        return replace(made, wish=wish)

    def licence(asked: Job) -> str:
        return Conclusions(opened=opened)(asked, RUN, pairs=PAIRS, adapter=BAD).licence

    first = replace(job(project), wish=replace(job(project).wish, metadata={"licence": "own"}))
    queue.add(first)
    queue.add(further("ftjob-2", "ftjob-1", "CC-BY-NC-4.0"))
    assert "serving it: OK-with-duties" in licence(further("ftjob-3", "ftjob-1", "own"))
    assert "serving it: NOT-OK" in licence(further("ftjob-4", "ftjob-2", "own"))
    assert "serving it: ASK-COUNSEL" in licence(further("ftjob-5", "ftjob-9", "own"))
    assert events(project)[-1].origin == "ft:ftjob-9"
    assert evidence(project).finetuned[BAD].origin == "ft:ftjob-9"


def test_a_gate_that_is_passed_says_so_for_every_task(project) -> None:
    """Words, sentences and figures, under the policy's looks."""
    found = conclude(project, GOOD, "a", "b")
    assert found.gate == "passed"
    assert [one.task for one in found.verdicts] == ["a", "b"]
    first = found.verdicts[0]
    assert first.word == "improved"
    assert "against" in first.said
    assert first.figures["difference"] == pytest.approx(
        first.figures["candidate"] - first.figures["incumbent"]
    )
    assert first.figures["lower"] > 0
    words = [line for line, _ in concluded.told(found)]
    assert "the gate is passed: no task falls by its margin or more" in words
    figures = [data for _, data in concluded.told(found) if data]
    assert [data["task"] for data in figures] == ["a", "b"]


def test_only_the_tasks_of_the_gate_are_taken_over_and_asked(project) -> None:
    """What it would break elsewhere is no matter where it would not serve."""
    found = conclude(project, BAD, "a")
    assert found.gate == "passed"
    known = evidence(project)
    route = workspace.load(project).route(BAD[:8], known)
    assert [branch.system.adapter for branch in route.branches] == [BAD, None]
    assert {look.question.task for look in known.looks if look.question.kind == "regression"} >= {
        "a"
    }


def test_a_fall_fails_the_gate_and_is_promoted_only_past_it(project) -> None:
    """By its name; the reason is in journal and audit log, and the shelf says it."""
    found = conclude(project, BAD, "a", "b")
    assert found.gate == "failed"
    assert found.verdicts[1].word == "regressed"
    name = events(project)[-1].name
    with closing(stores.of(project).shelf()) as shelf:
        shelf.publish(
            Published(
                name=name, base="base", adapter=BAD, job="ftjob-1", created=1.0, gate="failed"
            )
        )
    opened = workspace.load(project)
    asked = opened.evidence().spent.calls
    refused = promoted.promote(opened, name)
    assert not refused.done
    assert opened.evidence().spent.calls == asked  # the same question, which was settled
    done = promoted.promote(opened, name, override="b is switched off")
    assert done.done
    assert {branch.system.adapter for branch in evidence(project).promoted[-1].route.branches} == {
        BAD
    }
    assert "b is switched off" in stores.of(project).audit_file.read_text()
    with closing(stores.of(project).shelf()) as shelf:
        assert [model.gate for model in shelf.all()] == ["overridden"]


def test_a_conclusion_is_recorded_once_whatever_was_cut_off(project) -> None:
    """Before the gate, so that its name means something, and after it with what came of it."""
    first = conclude(project, GOOD, "a")
    again = conclude(project, GOOD, "a")
    assert again == first
    one, two = events(project)
    assert (one.outcome, two.outcome) == (None, first)
    assert two.name == "ft:base:polite:1"
    assert two.files == ("file-1",)
    known = evidence(project)
    assert two.candidate == workspace.load(project).route(two.name, known).digest
    assert two.incumbent == known.serving


def test_a_gate_that_a_cap_cuts_off_is_open_and_says_what_is_missing(write, climb, monkeypatch):
    """The project's budget holds for gates of jobs as for everything."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(said))
    folder = write(local=True)
    climb(folder)
    calls = evidence(folder).spent.calls
    file = folder / "escalera.toml"
    file.write_text(file.read_text() + f"\n[budget]\ncalls = {calls + 5}\n")
    found = conclude(folder, GOOD, "a")
    assert found.gate == "inconclusive"
    assert found.verdicts[0].word == "inconclusive"
    assert "a cap of [budget]" in found.verdicts[0].said


def test_a_task_that_there_is_none_of_is_refused_before_anything(project) -> None:
    """And before anything is recorded."""
    with pytest.raises(InputError, match="there is no task 'c'"):
        conclude(project, GOOD, "c")
    assert events(project) == []


def test_examples_that_are_test_items_in_disguise_are_found(project) -> None:
    """The diagnosis knows the project's items: a gate on what was taught would prove nothing."""
    opened = workspace.load(project)
    taught = [
        TrainingPair(messages=(Message(role="user", content=item.input),), target=item.target)
        for item in opened.project.tasks[0].items("confirm")[:12]
    ]
    run = training.told([2.0, 1.0, 0.5, 0.2] * 6, examples=len(taught))
    found = Conclusions(opened=opened)(job(project), run, pairs=taught, adapter=GOOD)
    assert found.diagnosis[0].startswith("leakage: 12 items of `search` and `confirm`")


def test_weights_that_are_not_those_of_the_job_are_refused(project) -> None:
    """An adapter over another base is another model."""
    asked = job(project, "a")
    assert asked.recipe is not None
    stale = replace(asked, recipe=replace(asked.recipe, revision="0" * 64))
    with pytest.raises(InputError, match="other weights now"):
        Conclusions(opened=workspace.load(project))(stale, RUN, pairs=PAIRS, adapter=GOOD)
