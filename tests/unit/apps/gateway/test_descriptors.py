"""How many connections a process of the gateway may have."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from escalera.apps.gateway import descriptors
from escalera.apps.gateway.metrics import Metrics


@pytest.fixture
def hard() -> Iterator[int]:
    """What the system grants; the limit of the tests is as it was afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_as_many_as_are_granted_and_children_too(hard: int) -> None:
    """Up to what is asked for."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    descriptors.raised(512)
    assert soft() == 512
    told = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    assert subprocess.check_output([sys.executable, "-c", told], text=True).strip() == "512"
    descriptors.raised(1 << 62)
    assert soft() == hard


def test_nothing_is_taken_away(hard: int) -> None:
    """Where there is more than is asked for."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    descriptors.raised(256)
    assert soft() == 512


def test_a_system_that_refuses_is_left_alone(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with few connections is better than none."""

    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    monkeypatch.setattr(descriptors.resource, "setrlimit", refuse)
    descriptors.raised()
    monkeypatch.undo()
    assert soft() == 256


def test_whoever_is_one_too_many_is_counted_and_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The operator needs the word, not one for each caller."""
    now, full, said, metrics = [0.0], [False], [], Metrics()
    monkeypatch.setattr(descriptors.time, "monotonic", lambda: now[0])
    fullness = descriptors.Fullness(lambda: full[0], metrics, said.append)
    assert not fullness()
    assert said == []
    full[0] = True
    for now[0] in (1.0, 2.0, 60.0, 61.0):
        assert fullness()
    assert said == [descriptors.FULL] * 2
    assert "escalera_turned_away_total 4" in metrics.text()
