"""What routes rest on: decisions that are there, young enough, and show something."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.apps.test_routed import LARGE, SPLITS, providers

from escalera import wiring
from escalera.apps import routed, workspace
from escalera.apps.cli.main import run
from escalera.apps.gateway import boards, desks
from escalera.apps.gateway.resting import DAY
from escalera.domain.identity import digest_of
from escalera.engine.proving import Wish
from escalera.errors import ProjectError
from escalera.testing.scripted import ScriptedProvider

ROUTE = """
[gateway.routes.smart]
decision = "{decision}"
"""


@pytest.fixture
def project(write, monkeypatch):
    """A function that writes the project with a gateway table; the route is decided before."""
    monkeypatch.setattr(wiring.Installation, "provider", providers)
    opened = workspace.load(write(extra=LARGE, splits=SPLITS))
    wish = Wish(name="r", weak="base", strong="large", asking="before")
    decision = routed.make(opened, wish).tested.decision

    def project(table="", **found):
        text = table + ROUTE.format(decision=found.get("decision", decision[:12]))
        return workspace.load(write(extra=LARGE + text + found.get("more", ""), splits=SPLITS))

    project.decision = decision
    return project


def nothing_forced(forced):
    raise AssertionError(forced)


def test_a_route_is_served_by_the_decision_that_it_names(project) -> None:
    """Twelve characters tell it; the names are those of the weak system's tasks too."""
    opened = project()
    counter = desks.opened(opened, models_only=True, audit=nothing_forced)
    assert counter.proven["smart"].tested.decision == project.decision
    board = boards.build(counter, opened.installation.tables.gateway, wall=lambda: 0.0, file="f")
    assert set(board.plans) == {"base", "large", "smart/a", "smart/b"}  # types are declared


@pytest.mark.parametrize("decision", ["5e5e5e5e5e5e", "5e"])
def test_a_missing_decision_is_refused(project, decision) -> None:
    """There is nothing to serve, so nobody can force it."""
    opened = project(decision=decision, more='force = "please"\n')
    with pytest.raises(ProjectError, match=f"names '{decision}', and the journal holds no such"):
        desks.opened(opened, models_only=True, audit=nothing_forced)


def later(monkeypatch, days):
    now = wiring.wall_clock()()
    monkeypatch.setattr(wiring, "wall_clock", lambda: lambda: now + days * DAY)


def test_an_expired_decision_is_refused(project, monkeypatch) -> None:
    """The message says how old it is and what may be done."""
    opened = project("\n[gateway]\nevidence_days = 30\n")
    desks.opened(opened, models_only=True, audit=nothing_forced)
    later(monkeypatch, 31)
    with pytest.raises(ProjectError, match=r"is 31.0 days old, and evidence counts for 30"):
        desks.opened(opened, models_only=True, audit=nothing_forced)


def test_what_is_forced_is_told_before_it_is_served(project, monkeypatch) -> None:
    """Name, decision, problem and reason; and by default the audit log has them."""
    opened = project("\n[gateway]\nevidence_days = 30\n", more='force = "until Monday"\n')
    later(monkeypatch, 40)
    told = []
    desks.opened(opened, models_only=True, audit=told.append)
    (forced,) = told
    assert (forced.name, forced.reason) == ("smart", "until Monday")
    assert forced.decision == project.decision
    assert "40.0 days old" in forced.problem
    desks.opened(opened, models_only=True)
    log = opened.installation.state / "gateway" / "audit.jsonl"
    assert "route-forced" in log.read_text()
    assert "until Monday" in log.read_text()


def test_a_decision_that_shows_no_gain_is_refused(project, monkeypatch) -> None:
    """Evidence that speaks against a route is none for it."""
    opened = project()
    evidence = opened.evidence()
    weaker = replace(evidence.quality[project.decision], worth="no gain")
    evidence.quality = {project.decision: weaker}
    monkeypatch.setattr(workspace.Workspace, "evidence", lambda _: evidence)
    with pytest.raises(ProjectError, match="behind 'smart' shows no gain"):
        desks.opened(opened, models_only=True, audit=nothing_forced)


def test_a_decision_about_another_model_is_refused(project, write) -> None:
    """What stands behind the name now was never measured, and answers would say that it was."""
    opened = project()
    desks.opened(opened, models_only=True, audit=nothing_forced)
    other = LARGE.replace('model = "l"', 'model = "l2"')
    table = ROUTE.format(decision=project.decision[:12])
    opened = workspace.load(write(extra=other + table, splits=SPLITS))
    with pytest.raises(ProjectError, match="'smart' rests on the model 'large' as it was"):
        desks.opened(opened, models_only=True, audit=nothing_forced)
    forced = workspace.load(write(extra=other + table + 'force = "it moved"\n', splits=SPLITS))
    told = []
    desks.opened(forced, models_only=True, audit=told.append)
    assert [(one.name, one.reason) for one in told] == [("smart", "it moved")]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('models = ["base"]\n', "names systems already"),
        ("hedge = { after = 1.0 }\n", "names systems already"),
    ],
)
def test_a_decision_leaves_no_room_for_other_models(project, more, problem) -> None:
    """What was not measured is not part of it."""
    with pytest.raises(ProjectError, match=problem):
        project(more=more)


def test_a_reason_without_a_decision_forces_nothing(write) -> None:
    """And is told."""
    table = '\n[gateway.routes.smart]\nmodels = ["base"]\nforce = "x"\n'
    with pytest.raises(ProjectError, match="forces nothing"):
        workspace.load(write(extra=table))


def test_the_system_in_service_rests_on_what_put_it_there(write, climb, monkeypatch) -> None:
    """A climb that was not dated is refused once evidence expires; a reason serves it."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(lambda _: "x"))
    folder = write(splits={"train": 10, "search": 20, "confirm": 100})
    climb(folder)
    opened = workspace.load(folder)
    evidence = opened.evidence()
    counter = desks.opened(opened, audit=nothing_forced)
    assert counter._decision == digest_of(evidence.served_by)
    opened = workspace.load(write(extra="\n[gateway]\nevidence_days = 90\n"))
    with pytest.raises(ProjectError, match="is not dated, and evidence counts for 90 days"):
        desks.opened(opened, audit=nothing_forced)
    table = '\n[gateway]\nevidence_days = 90\nforce = "old climb"\n'
    told = []
    desks.opened(workspace.load(write(extra=table)), audit=told.append)
    assert told[0].reason == "old climb"


def test_the_system_in_service_rests_on_the_model_that_was_measured(
    write, climb, monkeypatch
) -> None:
    """Another one of the same name is not served in its place, unless for a reason."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(lambda _: "x"))
    folder = write(splits={"train": 10, "search": 20, "confirm": 100})
    climb(folder)
    file = folder / "escalera.toml"
    text = file.read_text()
    for extra, reasons in (("", []), ('\n[gateway]\nforce = "it moved"\n', ["it moved"])):
        file.write_text(text.replace("127.0.0.1:9/", "127.0.0.1:10/") + extra)
        told = []
        if reasons:
            desks.opened(workspace.load(folder), audit=told.append)
        else:
            with pytest.raises(ProjectError, match="rests on the model 'base' as it was"):
                desks.opened(workspace.load(folder), audit=told.append)
        assert [one.reason for one in told] == reasons
    desks.opened(workspace.load(folder), models_only=True, audit=nothing_forced)


def test_serving_says_what_is_wrong_before_it_listens(project, capsys) -> None:
    """Exit code 2 with the key."""
    opened = project(decision="5e5e5e5e")
    folder = opened.installation.file.parent
    assert run(["serve", "--project", str(folder), "--models-only", "--port", "0"]) == 2
    assert "gateway.routes.smart.decision" in capsys.readouterr().err


def test_texts_of_pairs_pass_the_guards_before_they_are_kept(write) -> None:
    """What is redacted is so in them too, whichever side it is looked for; blocked texts go."""
    tables = (
        '\n[gateway.shadows.try]\nof = "base"\nto = "large"\nshare = 0.5\n'
        '\n[gateway.guards.mail]\nkinds = ["email"]\naction = "redact"\n'
        '\n[gateway.guards.project]\npatterns = ["Blue ?bird"]\naction = "block"\n'
    )
    counter = desks.opened(workspace.load(write(extra=LARGE + tables)), models_only=True)
    redact = counter.trials.redact
    assert redact("write to ana@example.com, please") == "write to [EMAIL_1], please"
    assert redact("all about Bluebird") == ""
    assert redact("nothing in it") == "nothing in it"
    counter.trials.book.close()
