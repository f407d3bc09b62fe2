"""The bench of the gateway's own code measures what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bench.gateway import in_process

pytestmark = pytest.mark.usefixtures("closed_stores")


@pytest.mark.parametrize("kind", in_process.KINDS)
def test_every_kind_is_answered(kind: str, tmp_path: Path) -> None:
    """At small sizes: every answer is of status 200, and both times are there."""
    with asyncio.Runner(loop_factory=in_process.Loop) as runner:
        (cost,) = runner.run(in_process.costs(kind, tmp_path, rounds=1, requests=64))
    assert 0 < cost.loop <= cost.all


def test_an_answer_that_is_none_is_told(tmp_path: Path) -> None:
    """What is measured are answers: errors would be quicker."""

    async def asked_wrongly() -> None:
        async with in_process.Gateway("json", tmp_path).open(connections=2) as crowd:
            crowd.sent = crowd.sent.replace(b'"model"', b'"muddle"')
            await crowd.ask(4)

    with (
        asyncio.Runner(loop_factory=in_process.Loop) as runner,
        pytest.raises(RuntimeError, match="answers are none of status 200"),
    ):
        runner.run(asked_wrongly())


def test_functions_are_told(tmp_path: Path) -> None:
    """By the profiler, of the gateway's own code."""
    with asyncio.Runner(loop_factory=in_process.Loop) as runner:
        found = runner.run(in_process.profiled("json", tmp_path, requests=32))
    assert "escalera/apps/gateway/lane.py" in " ".join(file for file, _, _ in found.stats)
