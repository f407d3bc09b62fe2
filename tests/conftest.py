"""Rules for every test: no network beyond the loopback address, and none at all in unit tests.

No property is held to a time: the machine is shared.
"""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", parent=settings.default, deadline=None)
settings.load_profile("untimed")

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests may open no connection; tests marked `network` may use loopback only."""
    allowed = request.node.get_closest_marker("network") is not None

    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family == socket.AF_UNIX:
            return connect(self, address)  # type: ignore[arg-type]
        host = address[0] if isinstance(address, tuple) else str(address)
        if not allowed or host not in LOOPBACK:
            raise AssertionError(f"a test without the mark `network` connects to {address!r}")
        return connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parents[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests were left out for want of something, and what to install."""
    left_out: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        file, _, reason = report.longrepr
        name = Path(file).name if Path(file).is_absolute() else file
        left_out[(reason.removeprefix("Skipped: "), name)] += 1
    if not left_out:
        return
    terminalreporter.section("LEFT OUT: the suite is NOT complete", sep="!", red=True, bold=True)
    for (reason, name), count in sorted(left_out.items()):
        terminalreporter.write_line(f"{count} in {name}: {reason}", yellow=True, bold=True)
