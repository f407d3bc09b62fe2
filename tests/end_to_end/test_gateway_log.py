"""The request log of `escalera serve`: bodies where asked for, and no record lost by a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import closing
from pathlib import Path

import openai
import pytest
from tests.end_to_end import served

from escalera.apps import logged
from escalera.apps.cli.main import run
from escalera.core.serving import transcripts
from escalera.domain.call_log import CallQuery
from escalera.wiring import stores

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

MESSAGES = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "Hello"}]
SAID = "a word1 word2 word3 word4"
BODIES = """
[gateway.log]
bodies = true
"""
SYNC = """
[gateway.log]
sync = true
"""


def logged_calls(folder: Path) -> list:
    with closing(stores.of(folder).calls()) as log:
        return list(log.read(CallQuery()))


def test_bodies_are_logged_exported_and_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole and streamed; traffic becomes items; a replay gives the same answer."""
    with served.gateway(tmp_path, extra=BODIES) as gateway:
        with gateway.client() as client:
            for stream in (False, True):
                found = client.chat.completions.create(model="a", messages=MESSAGES, stream=stream)
                list(found)
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="none", messages=MESSAGES)
        deadline = time.monotonic() + 20
        while len(logged_calls(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        calls = logged_calls(tmp_path)
        assert [call.stream for call in calls] == [False, True]
        for call in calls:
            assert transcripts.chat(call) == [*MESSAGES, {"role": "assistant", "content": SAID}]
        words = ["--base-url", gateway.url, "-p", str(tmp_path), "--json"]
        assert run(["log", "replay", calls[0].id, *words]) == 0
        again = json.loads(json.loads(capsys.readouterr().out)["answer"])
        assert again["choices"] == json.loads(calls[0].answer)["choices"]
    into = tmp_path / "traffic.jsonl"
    found = logged.export(tmp_path, CallQuery(), into, split="golden", form="items")
    assert (found.calls, found.rows) == (3, 3)
    assert run(["data", "check", str(into)]) == 0


def test_without_being_asked_no_body_is_kept(tmp_path: Path) -> None:
    """The record is."""
    with served.gateway(tmp_path) as gateway, gateway.client() as client:
        client.chat.completions.create(model="a", messages=MESSAGES)
    (call,) = logged_calls(tmp_path)
    assert (call.request, call.answer, call.status) == ("", "", 200)


def test_with_sync_an_answer_that_ended_is_in_the_log(tmp_path: Path) -> None:
    """kill -9 in the middle of calls: every answer that a caller has is there, streamed or not."""
    ended: list[str] = []
    with served.gateway(tmp_path, extra=SYNC) as gateway:

        async def ask(client: openai.AsyncOpenAI) -> None:
            stream = len(ended) % 2 == 1
            while True:
                raw = await client.chat.completions.with_raw_response.create(
                    model="a", messages=MESSAGES, stream=stream
                )
                parsed = raw.parse()
                if stream:
                    async for _ in parsed:
                        pass
                ended.append(raw.headers["x-escalera-request"])

        async def story() -> None:
            async with openai.AsyncOpenAI(
                base_url=gateway.url, api_key="unused", max_retries=0
            ) as client:
                asking = [asyncio.create_task(ask(client)) for _ in range(8)]
                while len(ended) < 60:  # noqa: ASYNC110  killed in the middle, wherever that is
                    await asyncio.sleep(0.001)
                os.kill(gateway.process.pid, signal.SIGKILL)
                await asyncio.gather(*asking, return_exceptions=True)

        asyncio.run(story())
    assert len(ended) >= 60
    found = {call.id for call in logged_calls(tmp_path)}
    assert set(ended) <= found
