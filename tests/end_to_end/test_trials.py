"""Shadows, canaries, promotions and rollbacks before a gateway that runs with two workers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.end_to_end import served
from tests.end_to_end.test_gateway_runs import asked, escalera

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

SHADOW = """
[gateway.shadows.try]
of = "a"
to = "b"
share = 1.0
"""
CANARY = """
[gateway.canaries.few]
of = "a"
to = "b"
share = 0.5
"""
TWO = ("--workers", "2")


def status(folder: Path, trial: str) -> dict[str, Any]:
    """What the command says of a trial."""
    found = escalera(folder, "shadow", "status", trial, "--json")
    assert found.stderr == ""
    return dict(json.loads(found.stdout)["trials"][0])


def until(done: Callable[[], bool]) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)


def deployments(gateway: served.Gateway, count: int) -> set[str]:
    return {asked(gateway).headers["x-escalera-deployment"] for _ in range(count)}


def test_a_shadow_sees_every_call_and_no_caller_sees_it(tmp_path: Path) -> None:
    """JSON and streams through two workers: a pair each, recorded once; then promoted and back."""
    folder = tmp_path / "shop"
    with served.gateway(folder, extra=SHADOW, options=TWO) as gateway:
        for n in range(30):
            found = asked(gateway, stream=bool(n % 2))
            assert found.status_code == 200
            assert found.headers["x-escalera-deployment"] == "a"
        until(lambda: status(folder, "try")["pairs"] == 30)
        assert gateway.b.counts["chat"] == 30
        told = status(folder, "try")
        assert (told["word"], told["in_service"]) == ("open", False)
        metrics = escalera(folder, "gateway", "metrics").stdout
        assert "escalera_mirrors_total" in metrics

        refused = escalera(folder, "promote", "try")
        assert refused.returncode == 2
        assert "is not shown to be fit" in refused.stderr
        done = escalera(folder, "promote", "try", "--override", "a goes away")
        assert done.returncode == 0, done.stderr
        assert deployments(gateway, 8) == {"b"}
        done = escalera(folder, "rollback", "try", "--reason", "it stays")
        assert done.returncode == 0, done.stderr
        assert deployments(gateway, 8) == {"a"}
        acts = escalera(folder, "audit", "list").stdout
        assert "promoted" in acts
        assert "rolled-back" in acts
        assert escalera(folder, "audit", "verify").returncode == 0


def test_a_canary_that_fails_is_rolled_back_in_every_worker(tmp_path: Path) -> None:
    """No caller gets an error; after the veto the candidate gets no call any more."""
    folder = tmp_path / "shop"
    with served.gateway(folder, extra=CANARY, options=TWO) as gateway:
        gateway.b.fault = "status-500"
        codes = set()
        with httpx2.Client(trust_env=False, timeout=20) as client:
            url = gateway.url + "/chat/completions"
            body = {"model": "a", "messages": [{"role": "user", "content": "hello"}]}
            for _ in range(400):
                codes.add(client.post(url, json=body).status_code)
        assert codes == {200}
        until(lambda: status(folder, "few")["word"] == "broken")
        assert status(folder, "few")["guards"][-1]["name"] == "failures"
        done = escalera(folder, "gateway", "reload")  # every worker reads what all have found
        assert done.returncode == 0, done.stderr
        before = gateway.b.counts["chat"]
        assert deployments(gateway, 20) == {"a"}
        assert gateway.b.counts["chat"] == before
        assert escalera(folder, "audit", "list").stdout.count("rolled-back") == 1
