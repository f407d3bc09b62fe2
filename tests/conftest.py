"""Rules for every test: no network beyond the loopback address, and none at all in unit tests."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

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
