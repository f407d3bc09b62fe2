"""On which addresses `escalera serve` and `escalera label` ask for more."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from escalera.apps.cli import label, serve
from escalera.apps.gateway import starting
from escalera.apps.label import serving


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_alone_needs_no_key(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its address is called; nor does the page of labels need a name."""
    hosts = []
    monkeypatch.setattr(starting, "serve", lambda wanted, _: hosts.append(wanted.host))
    monkeypatch.setattr(serving, "serve", lambda *given, **_: hosts.append(given[2].host))
    run = CliRunner().invoke
    assert run(serve.command, ["--host", host], standalone_mode=False).exit_code == 0
    assert run(label.command, ["--host", host], standalone_mode=False).exit_code == 0
    assert hosts == [host, host]


def test_what_others_reach_needs_one(tmp_path: Path) -> None:
    """Before anything is served."""
    given = ["--host", "0.0.0.0", "--project", str(tmp_path)]
    for command in (serve.command, label.command):
        said = CliRunner().invoke(command, given)
        assert said.exit_code == 2
        assert "reachable from outside" in said.output
