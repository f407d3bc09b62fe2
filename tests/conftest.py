"""Rules for every test: no network beyond the loopback address, and none at all in unit tests.

No property is held to a time: the machine is shared.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from escalera.edges.gateway_store.opening import Store

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
def closed_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Store]]:
    """The stores that a test opens; those that it leaves open are closed at its end."""
    opened: list[Store] = []
    begin = Store.__init__

    def remembered(self: Store, *rest: Any, **more: Any) -> None:
        begin(self, *rest, **more)
        opened.append(self)

    monkeypatch.setattr(Store, "__init__", remembered)
    yield opened
    for store in opened:
        store.close()


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
