"""A router that reads embeddings: climbed over the wire, served, and served without them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.end_to_end.example import escalera

import escalera as library
from escalera.apps.gateway import desks
from escalera.apps.gateway.metrics import Metrics
from escalera.domain.message import Message
from escalera.engine.serve import Answering, Overrides
from escalera.errors import ProjectError
from escalera.testing.loopback import serving

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PROJECT = """
[project]
name = "letters"

[models.remote]
base_url = "{url}/v1"
model = "m"
price = {{ prompt = 1.0, completion = 1.0 }}
concurrency = 8

[models.vectors]
base_url = "{url}/v1"
model = "{called}"
price = {{ prompt = 3.0, completion = 0.0 }}

[climb]
model = "remote"
rungs = ["prompt"]
router_embedding = "vectors"

[gateway.timeouts]
embedding = 2.0

[tasks.low]
data = "low.jsonl"
scorer = "exact"
bar = 0.6
[tasks.low.prompt]
instruction = "Say low."

[tasks.high]
data = "high.jsonl"
scorer = "exact"
bar = 0.6
[tasks.high.prompt]
instruction = "Say high."
"""


class Letters:
    """Says yes to all; its embeddings know which half of the alphabet a message is from."""

    def __init__(self) -> None:
        self.down = False

    async def chat(self, request: Request) -> Response:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "yes"},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        return JSONResponse({"model": "m", "choices": [choice], "usage": usage})

    async def embeddings(self, request: Request) -> Response:
        if self.down:
            return JSONResponse({"error": {"message": "gone"}}, status_code=404)
        texts = (await request.json())["input"]
        data = [
            {"index": n, "embedding": [1.0, float(text[0] < "n"), float(text[0] >= "n")]}
            for n, text in enumerate(texts)
        ]
        return JSONResponse({"data": data, "usage": {"prompt_tokens": len(texts)}})


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def url(letters: Letters) -> Iterator[str]:
    """Where it is served."""
    routes = [
        Route("/v1/chat/completions", letters.chat, methods=["POST"]),
        Route("/v1/embeddings", letters.embeddings, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as found:
        yield found


def written(folder: Path, url: str, called: str = "embedder") -> None:
    """Messages whose n-grams tell nothing: a first letter, and others by chance."""
    chance = np.random.default_rng(4)
    for task, half in (("low", "abcdefghijklm"), ("high", "nopqrstuvwxyz")):
        rows = [
            {
                "id": f"{task}-{split}-{n}",
                "split": split,
                "input": chance.choice(list(half))
                + "".join(chance.choice(list("abcdefghijklmnopqrstuvwxyz"), 11)),
                "target": "yes",
            }
            for split, many in (("train", 40), ("search", 60), ("confirm", 80))
            for n in range(many)
        ]
        (folder / f"{task}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "escalera.toml").write_text(PROJECT.format(url=url, called=called))


def ask(folder: Path, text: str, metrics: Metrics) -> Answering:
    """What the gateway would send for a message."""
    desk = desks.opened(library.load(folder), worker=desks.AtWorker(metrics=metrics))

    async def resolve() -> Answering:
        try:
            message = Message(role="user", content=text)
            return await desk.resolve("letters", [message], Overrides())
        finally:
            await desk.close()

    return asyncio.run(resolve())


def told_while_down(folder: Path) -> list[str]:
    """What the operator is told over four messages."""
    told: list[str] = []
    desk = desks.opened(library.load(folder), worker=desks.AtWorker(tell=told.append))

    async def resolve() -> None:
        for _ in range(4):
            message = Message(role="user", content="bzzzyyyzzz")
            await desk.resolve("letters", [message], Overrides())
        await desk.close()

    asyncio.run(resolve())
    return told


def test_what_a_message_means_tells_its_type_in_service(
    tmp_path: Path, letters: Letters, url: str
) -> None:
    """While the endpoint is there; when it is gone the router abstains and somebody answers; and a
    model that is another one is refused before anything is served."""
    written(tmp_path, url)
    done = escalera("climb", "-p", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (fitted,) = library.load(tmp_path).evidence().routers
    assert fitted.embeddings is not None
    assert fitted.embeddings.share > 0
    assert fitted.accuracy.value > 0.95
    metrics = Metrics()
    for text, task in (("bzzzyyyzzz", "low"), ("yaaabbbaaa", "high")):
        found = ask(tmp_path, text, metrics)
        assert found.task == task
        assert found.refusal != "unread"
    letters.down = True
    found = ask(tmp_path, "bzzzyyyzzz", metrics)
    assert found.refusal == "unread"
    assert "unread" in found.why
    assert metrics.cell("unread_total", ("vectors",)).value == 1
    assert sum(metrics.histogram("reading_seconds", ("vectors",)).counts) == 3
    told = told_while_down(tmp_path)
    assert told == [
        "'vectors': 3 messages in a row could not be read for their router, which abstains until "
        "they can: it refuses whatever is asked: the key, its rights or the model's name is wrong"
    ]
    written(tmp_path, url, called="another")
    with pytest.raises(ProjectError, match=r"not the model whose embeddings.*climb again"):
        ask(tmp_path, "bzzzyyyzzz", metrics)
