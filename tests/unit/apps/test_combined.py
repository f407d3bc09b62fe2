"""The alternatives side by side: the table, the verdict, and the command."""

from __future__ import annotations

import json
from contextlib import closing

from escalera.apps import workspace
from escalera.apps.cli.main import run
from escalera.apps.combined import Tournament
from escalera.domain.promotion import Promoted
from escalera.wiring import stores

SERVICE = """
[service]
calls = 1000
artefact_month = 5
"""


def test_every_confirmed_system_has_a_row(write, climb) -> None:
    """What was measured of it in words; what nobody told is said to be unknown."""
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned={"a": 0.97, "b": 0.3})
    found = Tournament(decision=workspace.load(folder).decision)
    head, *rows = found.table
    assert head[:3] == ("system", "a", "b")
    of = {row[0].split()[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert list(of) == ["prompt", "examples", "lora", "mixture", "merge", "route"]
    assert of["prompt"]["a"].endswith("below the bar")
    assert of["lora"]["b"].endswith("regressed")
    assert rows[-1][0] == "route (in service)"
    assert (of["route"]["models"], of["merge"]["artefacts"]) == ("2", "3")
    assert of["route"]["training"] == "0.1 min"
    assert {row[-1] for row in rows} == {"no [service]"}
    assert {of[name]["$ per 1,000 calls"] for name in of} == {"unknown"}
    text = str(found)
    assert "What would reverse it" in text
    assert found.decision.sentence in text


def test_with_terms_a_month_is_told(write, climb, capsys) -> None:
    """The command prints the table of a climb that has ended without asking anything."""
    folder = write(local=True, extra=SERVICE)
    climb(folder, 0.3, 0.97, tuned={"a": 0.97, "b": 0.3})
    assert run(["combine", "--project", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[-1].strip() == "a month"
    route = next(line for line in lines if line.startswith("route"))
    assert route.split()[-1] == "-5.00"
    assert run(["combine", "--project", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"]["served"] == "route"
    month = next(c["clocks"]["month"] for c in told["candidates"] if c["label"] == "route")
    assert (month["upkeep"], month["net"]) == (5.0, -5.0)


def test_what_was_promoted_by_hand_is_what_is_in_service(write, climb) -> None:
    """Whatever the climb decided."""
    folder = write(local=True)
    climbed = climb(folder, 0.3, 0.97, tuned={"a": 0.97, "b": 0.3})
    lora = climbed.evidence.nominee("lora")
    event = Promoted(
        name="lora", route=lora, incumbent="0" * 64, gate="regressed", tasks=(), override="a day"
    )
    opened = workspace.load(folder)
    with closing(opened.installation.journal()) as journal:
        journal.append([event])
    rows = [row[0] for row in Tournament(decision=opened.decision).table]
    assert "lora (in service)" in rows
    kept = stores.of(folder / "escalera.toml")
    assert kept.evidence().serves(lora.branches[0].system.adapter)
    assert not kept.evidence().serves("f" * 64)
    assert "route" in rows
