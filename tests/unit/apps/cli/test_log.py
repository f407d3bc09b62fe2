"""`escalera log`: what is printed, and the exit codes."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.apps.cli.test_keys import PROJECT
from tests.unit.apps.test_logged import CALL, CALLS
from tests.unit.apps.test_logged import NOW as LATER

from escalera.apps.cli.main import run
from escalera.domain.traffic import Attempt
from escalera.wiring import stores

NOW = 1_700_000_000.0
"""A time that has been, 22:13:20 on 14 November 2023: what has not been is not asked for."""

ATTEMPTS = (
    Attempt(deployment="d", purpose="first", started=NOW, seconds=0.1, fault="cut", blame="server"),
    Attempt(deployment="e", purpose="fallback", started=NOW, seconds=0.2, status=200, cost=13),
)


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project whose gateway served five calls, and lost two for want of room."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    steering = replace(
        CALL, id="req_5ab8c3f2d10000002a", model="m\x1b[2J[red]", attempts=ATTEMPTS, started=NOW + 9
    )
    with closing(stores.of(tmp_path).calls()) as log:
        calls = [replace(call, started=call.started - LATER + NOW) for call in CALLS]
        log.write([*calls, steering], lost=2, at=NOW)
    return str(tmp_path)


def test_calls_are_listed_and_accounted_for(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Newest first; every call of the log and every one that it lacks is in the last line."""
    assert run(["log", "list", "-n", "2", "-p", project]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["req_5ab8c3f2d10000002a", "req_4"]
    assert "m\\x1b[2J[red]" in lines[1]
    assert lines[3].startswith("2 of 5 calls with 2 attempts; the log takes ")
    assert lines[3].endswith("2 calls were lost for want of room, 0 went by retention")


def test_calls_are_found_by_what_is_asked(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Times, statuses, errors; as JSON lines without bodies."""
    words = ["--since", "2023-11-14T22:13:21", "--until", "2023-11-14T22:13:23", "--json"]
    assert run(["log", "list", *words, "-p", project]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [call["id"] for call in found] == ["req_3", "req_2"]
    assert "request" not in found[0]
    assert run(["log", "list", "--failed", "--status", "5", "--json", "-p", project]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "req_3"


def test_a_call_is_shown_with_its_attempts(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its bodies; nothing in them steers the terminal."""
    assert run(["log", "show", "req_5ab8c3f2d10000002a", "-p", project]) == 0
    said = capsys.readouterr().out
    assert "attempt   first: d cut, server's fault, status 0, 0.100 s" in said
    assert "attempt   fallback: e answered, status 200" in said
    assert "cost      $0.000013" in said
    assert "how are you?" in said
    assert "\x1b" not in said
    assert run(["log", "show", "req_5ab8c3f2d10000002a", "--json", "-p", project]) == 0
    assert json.loads(capsys.readouterr().out)["micro_dollars"] == 13
    assert run(["log", "show", "nothing", "-p", project]) == 2
    assert "no call 'nothing'" in capsys.readouterr().err


def test_an_export_says_what_it_left_out(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the rows pass the check of data."""
    into = str(tmp_path / "rows.jsonl")
    assert run(["log", "export", into, "--split", "golden", "-p", project]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"5 calls: 2 rows in {into}",
        "2 left out: its bodies were not logged",
        "1 left out: it was not answered in full",
    ]
    assert run(["data", "check", into]) == 0


def test_a_time_that_is_none_is_refused(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read."""
    assert run(["log", "list", "--since", "soon", "-p", project]) == 2
    assert "'soon' is no time" in capsys.readouterr().err


@pytest.mark.network
def test_nobody_to_replay_to_is_an_error(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Told with the address's name."""
    words = ["log", "replay", "req_1", "--base-url", "http://127.0.0.1:1/v1", "-p", project]
    assert run(words) == 1
    assert "escalera: gateway: " in capsys.readouterr().err
