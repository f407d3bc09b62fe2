"""Into service behind the gate, or past it with a reason; the command's words and exit codes."""

from __future__ import annotations

import json

import pytest

from escalera import wiring
from escalera.apps import promoted, workspace
from escalera.apps.cli.main import run
from escalera.apps.report import page
from escalera.core.serving import audit
from escalera.domain.message import Request
from escalera.domain.promotion import Promoted
from escalera.errors import EvidenceMissing, InputError
from escalera.testing.scripted import ScriptedProvider
from escalera.wiring import stores

BROKEN = 0.3
"""What the adapter leaves of the other task."""


def said(request: Request) -> str:
    """What the model of the climb says, asked again."""
    task, _, number = request.messages[-1].content.split()[-3:]
    rates = {"a": 0.3, "b": 0.97} if request.adapter is None else {"a": 0.97, "b": BROKEN}
    return "x" if int(number) * 0.6180339887498949 % 1 < rates[task] else "y"


@pytest.fixture
def climbed(write, climb, monkeypatch):
    """Task a failed and LoRA cures it, but breaks b: the route is in service."""
    monkeypatch.setattr(wiring.Installation, "provider", lambda *_: ScriptedProvider(said))
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned={"a": 0.97, "b": BROKEN})
    return folder


def promotions(folder) -> list[Promoted]:
    """Those in the journal."""
    return workspace.load(folder).evidence().promoted


def test_what_fails_the_gate_stays_out_of_service(climbed) -> None:
    """Nothing is recorded but the looks, and what was in service stays."""
    opened = workspace.load(climbed)
    before = opened.evidence().serving
    found = promoted.promote(opened, "lora")
    assert (found.done, found.exit_code, found.comparison.gate) == (False, 4, "regressed")
    assert "lora stays out of service: the gate is regressed" in str(found)
    assert promotions(climbed) == []
    assert workspace.load(climbed).evidence().serving == before


def test_an_override_is_recorded_with_its_reason_and_the_gate(climbed) -> None:
    """From then on it is what serves, what `served` means, and what the report shows."""
    opened = workspace.load(climbed)
    lora = opened.evidence().nominee("lora")
    found = promoted.promote(opened, "lora", override="b is <switched off>")
    assert (found.done, found.exit_code) == (True, 0)
    (event,) = promotions(climbed)
    assert (event.name, event.route, event.gate) == ("lora", lora, "regressed")
    assert event.override == "b is <switched off>"
    words = {row.task: row.word for row in event.tasks}
    assert words["b"] == "regressed"
    lost = next(row.lost for row in event.tasks if row.task == "b")
    assert 0.3 < lost.lower < lost.value < lost.upper
    opened = workspace.load(climbed)
    assert opened.route("served", opened.evidence()) == lora
    text = page.render(opened.decision.document)
    assert "b is &lt;switched off&gt;" in text
    assert "a fall was shown, and overridden" in text


def test_a_promotion_is_an_administrative_act(climbed) -> None:
    """In the audit log with its gate and its reason; what stayed out of service is none."""
    promoted.promote(workspace.load(climbed), "lora")
    promoted.promote(workspace.load(climbed), "lora", override="b is switched off")
    data = stores.of(climbed).audit_file.read_bytes()
    (entry,) = audit.checked(data).entries
    assert (entry.act.kind, entry.act.subject) == ("promoted", "lora")
    assert entry.act.details["gate"] == "regressed"
    assert entry.act.details["override"] == "b is switched off"


def test_what_passes_needs_no_reason(climbed) -> None:
    """The route again, against what it replaced; an override that was not needed is none."""
    opened = workspace.load(climbed)
    promoted.promote(opened, "prompt", override="back to the start")
    found = promoted.promote(workspace.load(climbed), "route", override="not needed")
    assert (found.done, found.override, found.comparison.gate) == (True, None, "passed")
    assert [one.override for one in promotions(climbed)] == ["back to the start", None]
    assert "route is in service: it passed the gate" in str(found)


def test_a_new_climb_decides_anew_but_what_was_promoted_stays_until_then(climbed) -> None:
    """A changed project forgets the old decision, not what somebody put into service."""
    opened = workspace.load(climbed)
    lora = opened.evidence().nominee("lora")
    promoted.promote(opened, "lora", override="for a day")
    evidence = workspace.load(climbed).evidence()
    evidence.apply(evidence.opened[-1].__class__(project="another", name="n", version="v"))
    assert evidence.stopped == []
    assert evidence.serving == lora.digest


@pytest.mark.parametrize(("reason", "error"), [("", InputError), (" ", InputError)])
def test_an_empty_reason_is_none(climbed, reason, error) -> None:
    """Refused before anything is asked."""
    with pytest.raises(error, match="the reason for an override is empty"):
        promoted.promote(workspace.load(climbed), "lora", override=reason)


def test_without_anything_in_service_the_incumbent_is_named(write) -> None:
    """A gate needs something to be held against."""
    opened = workspace.load(write())
    opened.installation.journal().close()
    with pytest.raises(EvidenceMissing, match="name one as INCUMBENT"):
        promoted.promote(opened, "base")


def test_the_command_has_words_and_exit_codes_for_pipelines(climbed, capsys, tmp_path) -> None:
    """Per query type a word; JSON and JUnit; promotion only where it is asked for."""
    junit = tmp_path / "gate.xml"
    arguments = ["--project", str(climbed)]
    assert run(["gate", "lora", "prompt", *arguments, "--junit", str(junit), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert {row["task"]: row["word"] for row in told["tasks"]} == {
        "a": "improved",
        "b": "regressed",
    }
    assert "promoted" not in told
    assert 'failures="1"' in junit.read_text()
    assert run(["gate", "route", "prompt", *arguments]) == 0
    assert "a: improved" in capsys.readouterr().out
    assert run(["gate", "lora", *arguments, "--promote"]) == 4
    assert "stays out of service" in capsys.readouterr().out
    assert promotions(climbed) == []
    assert run(["gate", "lora", *arguments, "--promote", "--override", "asked for"]) == 0
    assert "past a gate that is regressed: asked for" in capsys.readouterr().out
    assert run(["gate", "lora", *arguments, "--override", "x"]) == 2
    assert "--override needs --promote" in capsys.readouterr().err


def test_what_was_in_service_before_comes_back_with_a_reason(climbed, capsys) -> None:
    """A rollback is a promotion past an open gate; a second one goes forward again."""
    opened = workspace.load(climbed)
    first = opened.evidence().serving
    with pytest.raises(EvidenceMissing, match="nothing was in service before"):
        promoted.roll_back(opened, reason="x")
    promoted.promote(opened, "lora", override="asked for")
    lora = opened.evidence().serving
    with pytest.raises(InputError, match="reason for a rollback is empty"):
        promoted.roll_back(opened, reason=" ")
    assert run(["rollback", "--project", str(climbed), "--reason", "b is broken"]) == 0
    assert f"the system before, {first[:12]}, is in service again" in capsys.readouterr().out
    evidence = workspace.load(climbed).evidence()
    assert evidence.serving == first
    event = evidence.promoted[-1]
    assert (event.override, event.incumbent, event.gate) == ("b is broken", lora, "undecided")
    assert promoted.roll_back(workspace.load(climbed), reason="after all") == lora
    assert "b is broken" in page.render(workspace.load(climbed).decision.document)
