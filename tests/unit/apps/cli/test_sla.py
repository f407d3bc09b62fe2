"""`escalera sla`: exit codes, JSON and CSV."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.apps.cli.test_keys import PROJECT
from tests.unit.apps.test_kept import CALLS, PROMISED

from escalera.apps import kept
from escalera.apps.cli.main import run
from escalera.wiring import stores


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project with a promise, whose gateway served twelve calls."""
    (tmp_path / "escalera.toml").write_text(PROJECT + PROMISED)
    with closing(stores.of(tmp_path).calls()) as log:
        log.write(CALLS)
    return str(tmp_path)


WHEN = ["--since", "2027-01-01", "--until", "2027-01-15T08:00"]


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
    assert table.read_text().splitlines()[1].startswith("example.org,2027-01-01T00:00:00")


def test_an_account_that_does_not_add_up_is_an_error(
    project: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1."""
    monkeypatch.setattr(kept.Kept, "reconciled", property(lambda _: False))
    assert run(["sla", *WHEN, "-p", project]) == 1
    assert "NOT reconciled" in capsys.readouterr().out
