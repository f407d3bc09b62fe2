"""A task that embeddings score, over the wire: caps, kills, and one client for all embeddings."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.end_to_end.example import escalera

import escalera as library
from escalera.domain.event import Observed
from escalera.domain.selection import Embedded
from escalera.testing.loopback import serving
from escalera.testing.retrieval import vector

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PROJECT = """
[project]
name = "echo"
query_type = "declared"

[models.remote]
base_url = "{url}/v1"
model = "echo"
price = {{ prompt = 1.0, completion = 2.0 }}
concurrency = 4

[models.vectors]
base_url = "{url}/v1"
model = "embedder"
price = {{ prompt = 3.0, completion = 0.0 }}

[climb]
model = "remote"
rungs = ["prompt"]

[budget]
money = {money}

[tasks.echo]
data = "echo.jsonl"
bar = 0.6
max_tokens = 8
scorer = {{ kind = "semantic", model = "vectors" }}

[tasks.echo.prompt]
role = "You are an echo."
instruction = "Repeat the message."
"""


class Echo:
    """Repeats the last word, and gives vectors of words; a token is a word."""

    def __init__(self) -> None:
        self.chats = 0
        self.embedded: list[str] = []
        self.micro_dollars = 0

    async def chat(self, request: Request) -> Response:
        said = (await request.json())["messages"][-1]["content"]
        self.chats += 1
        words = len(said.split())
        self.micro_dollars += words + 2
        message = {"role": "assistant", "content": said.split()[-1]}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": words, "completion_tokens": 1}
        return JSONResponse({"model": "echo", "choices": [choice], "usage": usage})

    async def embeddings(self, request: Request) -> Response:
        texts = (await request.json())["input"]
        self.embedded += texts
        words = sum(len(text.split()) for text in texts)
        self.micro_dollars += 3 * words
        data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
        return JSONResponse({"data": data, "usage": {"prompt_tokens": words}})


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def url(echo: Echo) -> Iterator[str]:
    """Where it is served."""
    routes = [
        Route("/v1/chat/completions", echo.chat, methods=["POST"]),
        Route("/v1/embeddings", echo.embeddings, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as found:
        yield found


def project(folder: Path, url: str, *, money: float = 5.0) -> Path:
    """One task; the right answer says a word more than the echo does."""
    folder.mkdir()
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"say {split}{n}",
         "target": f"said {split}{n}"}
        for split, many in (("train", 8), ("search", 30), ("confirm", 80))
        for n in range(many)
    ]  # fmt: skip
    (folder / "echo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "escalera.toml").write_text(PROJECT.format(url=url, money=money))
    return folder


def bought(folder: Path) -> tuple[list[Any], Any]:
    """The events of calls, and what they add up to."""
    loaded = library.load(folder)
    journal = loaded.installation.journal()
    events = list(journal.events())
    journal.close()
    calls = [e for e in events if isinstance(e, Embedded) or (isinstance(e, Observed) and e.bought)]
    return calls, loaded.evidence().spent


def test_killed_climbs_read_no_text_twice(tmp_path: Path, echo: Echo, url: str) -> None:
    """But those in flight; the reports are equal, and the journal has every call and its price."""
    whole = project(tmp_path / "whole", url)
    assert escalera("climb", "-p", str(whole)).returncode == 0
    calls, spent = bought(whole)
    assert len(echo.embedded) == len(set(echo.embedded))
    assert spent.calls == len(calls)
    assert spent.micro_dollars == echo.micro_dollars
    asked = len(echo.embedded)

    echo.embedded.clear()
    killed = project(tmp_path / "killed", url)
    for kill in range(1, 4):
        kill_after(killed, echo, kill * asked // 4)
    assert escalera("climb", "-p", str(killed)).returncode == 0
    batches = [e.texts for e in bought(killed)[0] if isinstance(e, Embedded)]
    assert asked <= len(echo.embedded) <= asked + 3 * max(map(len, batches))
    assert sorted(t for batch in batches for t in batch) == sorted(
        t for e in calls if isinstance(e, Embedded) for t in e.texts
    )
    reports = [
        escalera("report", "-p", str(folder), "--json", "--no-clocks").stdout
        for folder in (whole, killed)
    ]
    assert reports[0] == reports[1]
    assert json.loads(reports[0])["verdict"]["reason"] == "adequate"


def kill_after(folder: Path, echo: Echo, texts: int) -> None:
    """Start a climb and kill it once the server has read so many texts in all."""
    climb = subprocess.Popen(
        [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waiting = threading.Event()
    while climb.poll() is None and len(echo.embedded) < texts:
        waiting.wait(0.005)
    climb.kill()
    climb.wait()


@pytest.mark.parametrize("money", [0.0003, 0.0006, 0.0009])
def test_a_cap_holds_for_answers_and_embeddings_together(
    tmp_path: Path, echo: Echo, url: str, money: float
) -> None:
    """As the endpoint counts it; a raised cap goes on, and nothing is paid twice."""
    folder = project(tmp_path / "capped", url, money=money)
    first = escalera("eval", "-p", str(folder), "--json")
    assert echo.micro_dollars <= money * 1e6
    assert json.loads(first.stdout)["missing_calls"] > 0
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace(f"money = {money}", "money = 5.0"))
    again = escalera("eval", "-p", str(folder), "--json")
    found = json.loads(again.stdout)
    assert (found["missing_calls"], found["systems"][0]["figure"]["n"]) == (0, 80)
    # One word of two is shared, but for pairs of words in one bucket.
    assert found["systems"][0]["figure"]["value"] == pytest.approx(0.7071, abs=0.02)
    assert echo.chats == 80
    assert len(echo.embedded) == len(set(echo.embedded)) == 160
    assert bought(folder)[1].micro_dollars == echo.micro_dollars
