"""`escalera sla`: exit codes, JSON and CSV."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.apps.cli.test_keys import PROJECT
from tests.unit.apps.test_kept import CALLS, PROMISED

from escalera.apps import kept
from escalera.apps.cli.main import run
from escalera.domain.traffic import ServedCall
from escalera.wiring import stores


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project with a promise, whose gateway served twelve calls."""
    (tmp_path / "escalera.toml").write_text(PROJECT + PROMISED)
    with closing(stores.of(tmp_path).calls()) as log:
        log.write([earlier(call) for call in CALLS])
    return str(tmp_path)


def earlier(call: ServedCall) -> ServedCall:
    """The same call a year before."""
    attempts = tuple(replace(one, started=one.started - YEAR) for one in call.attempts)
    return replace(call, started=call.started - YEAR, attempts=attempts)


YEAR = 365 * 86_400
WHEN = ["--since", "2026-01-01", "--until", "2026-01-15T08:00"]


def test_the_last_line_accounts_for_every_call(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """After one account per model."""
    assert run(["sla", *WHEN, "-p", project]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if line[0] != " "] == ["m", "n", "Reconciled"]


def test_it_is_written_for_scripts(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON on the terminal, a table in a file."""
    table = tmp_path / "sla.csv"
    words = ["--json", "--csv", str(table), "--by", "provider"]
    assert run(["sla", *WHEN, *words, "-p", project]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["ledgers"]] == ["example.org"]
    assert table.read_text().splitlines()[1].startswith("example.org,2026-01-01T00:00:00")


def test_an_outage_that_lasts_does_not_last_into_the_future(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account ends now at the latest, whatever is asked for."""
    began = stores.wall_clock()() - 60
    attempts = [one for call in CALLS for one in call.attempts if one.fault]
    failed = [replace(one, deployment="m", started=began) for one in attempts[:3]]
    with closing(stores.of(Path(project)).calls()) as log:
        log.write([replace(CALLS[0], id="last", started=began, attempts=tuple(failed))])
    assert run(["sla", "--since", "1h", "--until", "2999-01-01", "--json", "-p", project]) == 0
    (found, *_) = json.loads(capsys.readouterr().out)["ledgers"]
    assert found["outages"][0]["until"] is None
    assert 60 <= found["outage_seconds"] < 600
    assert run(["sla", "--since", "2026-01-02", "--until", "2026-01-01", "-p", project]) == 2
    assert "nothing lies between --since" in capsys.readouterr().err


def test_an_account_that_does_not_add_up_is_an_error(
    project: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1."""
    monkeypatch.setattr(kept.Kept, "reconciled", property(lambda _: False))
    assert run(["sla", *WHEN, "-p", project]) == 1
    assert "NOT reconciled" in capsys.readouterr().out
