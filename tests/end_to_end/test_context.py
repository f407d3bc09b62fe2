"""Documents and embeddings over the wire: a climb that needs them, its kills, and what is served.

The right answer stands in a document and nowhere else, so that wording cannot reach the bar.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.end_to_end.example import escalera

import escalera as library
from escalera.apps.gateway.app import application
from escalera.domain.event import Observed
from escalera.domain.selection import Embedded
from escalera.testing.loopback import serving
from escalera.testing.retrieval import vector

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PROJECT = """
[project]
name = "shop"
query_type = "declared"

[models.remote]
base_url = "{url}/v1"
model = "reader"
price = {{ prompt = 1.0, completion = 2.0 }}
concurrency = 4

[models.vectors]
base_url = "{url}/v1"
model = "embedder"
price = {{ prompt = 0.1, completion = 0.0 }}

[climb]
model = "remote"
rungs = ["prompt", "examples"]
embedding = "vectors"
operators = ["role", "instruction", "contract"]

[budget]
money = 50.0

[tasks.shelf]
data = "shelf.jsonl"
scorer = "exact"
bar = 0.8
max_tokens = 8

[tasks.shelf.prompt]
role = "You know a warehouse."
instruction = "Say the shelf of the article."
output = "One word."

[tasks.shelf.context]
documents = ["docs/*.md"]
methods = ["bm25", "embedding"]
chunk = 24
overlap = 6
top = 4
tokens = 1500
"""
ARTICLES = [
    f"{colour}{thing}"
    for colour in ("red", "blue", "green", "black", "white", "grey", "pink", "tan", "gold", "teal")
    for thing in ("lamp", "mug", "rug", "coat", "hat", "sofa", "bowl", "vase", "desk", "belt",
                  "sock", "fork", "bell", "tent", "harp", "kite", "oar", "pot")
]  # fmt: skip
PLACES = {name: f"S{number}" for number, name in enumerate(ARTICLES, start=100)}


class Reader:
    """Answers with what its material says of the article, and gives vectors of words."""

    def __init__(self) -> None:
        self.chats: list[Any] = []
        self.embedded: list[str] = []

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.chats.append(body["messages"])
        said = body["messages"][-1]["content"]
        article = re.findall(r"where is the (\w+)", said)[-1]
        place = re.search(rf"\b{article} lies on shelf (\w+)", said)
        message = {"role": "assistant", "content": place[1] if place else "nowhere"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(said.split()), "completion_tokens": 1}
        return JSONResponse({"model": "reader", "choices": [choice], "usage": usage})

    async def embeddings(self, request: Request) -> Response:
        texts = (await request.json())["input"]
        self.embedded += texts
        data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
        words = sum(len(text.split()) for text in texts)
        return JSONResponse({"data": data, "usage": {"prompt_tokens": words}})


@contextmanager
def endpoint() -> Iterator[tuple[Reader, str]]:
    """A server that answers and embeds, and its URL."""
    reader = Reader()
    routes = [
        Route("/v1/chat/completions", reader.chat, methods=["POST"]),
        Route("/v1/embeddings", reader.embeddings, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as url:
        yield reader, url


def project(folder: Path, url: str) -> Path:
    """A project whose answers stand in documents only; three pages are made from `search` items."""
    (folder / "docs").mkdir(parents=True)
    counts = {"train": 20, "search": 60, "confirm": 100}
    splits = [split for split, count in counts.items() for _ in range(count)]
    rows = [
        {"id": name, "split": split, "input": f"Please, where is the {name} in our house kept now?",
         "target": PLACES[name]}
        for name, split in zip(ARTICLES, splits, strict=True)
    ]  # fmt: skip
    (folder / "shelf.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for start in range(0, len(ARTICLES), 10):
        said = [
            f"The {name} lies on shelf {PLACES[name]}." for name in ARTICLES[start : start + 10]
        ]
        (folder / "docs" / f"hall{start}.md").write_text("\n".join(said))
    for row in rows[20:23]:
        (folder / "docs" / f"faq-{row['id']}.md").write_text(
            f"Q: {row['input']} A: {row['target']}"
        )
    (folder / "escalera.toml").write_text(PROJECT.format(url=url))
    return folder


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, str, Path]]:
    """The endpoint, and a project that was climbed without disturbance."""
    with endpoint() as (reader, url):
        folder = project(tmp_path_factory.mktemp("context") / "whole", url)
        done = escalera("climb", "-p", str(folder))
        assert done.returncode == 0, done.stderr
        yield reader, url, folder


def report(folder: Path) -> Any:
    """The report without clocks."""
    return json.loads(escalera("report", "-p", str(folder), "--json", "--no-clocks").stdout)


def test_documents_do_what_wording_cannot(climbed: tuple[Reader, str, Path]) -> None:
    """The rung is adequate by passages; leaks, tokens and the price of embeddings are told."""
    _, _, folder = climbed
    found = report(folder)
    assert (found["verdict"]["reason"], found["verdict"]["served"]) == ("adequate", "examples")
    (prompt,) = found["prompts"]
    kinds = {one["kind"] for one in prompt["chosen"]}
    assert "passages" in kinds
    (shown,) = [one for one in prompt["chosen"] if one["kind"] == "passages"]
    assert 0 < shown["tokens"] <= shown["most_tokens"]
    doctor = escalera("doctor", "-p", str(folder)).stdout
    assert "passages of 21 documents, 3 made from search or confirm items" in doctor


def test_every_text_is_embedded_once(climbed: tuple[Reader, str, Path]) -> None:
    """Passages, train items and tested items; the journal knows what it cost."""
    reader, _, folder = climbed
    journal = library.load(folder).installation.journal()
    events = list(journal.events())
    journal.close()
    texts = [text for event in events if isinstance(event, Embedded) for text in event.texts]
    assert len(texts) == len(set(texts)) == len(reader.embedded) == len(set(reader.embedded))
    bought = [
        e for e in events if isinstance(e, Embedded) or (isinstance(e, Observed) and e.bought)
    ]
    spent = library.load(folder).evidence().spent
    assert spent.calls == len(bought)
    assert spent.micro_dollars == sum(event.micro_dollars or 0 for event in bought)


def test_no_prompt_shows_the_answer_of_its_own_item(climbed: tuple[Reader, str, Path]) -> None:
    """A page that was made from an item is shown with others, and never with that one."""
    reader, _, folder = climbed
    shown, leaked = 0, []
    for turns in reader.chats:
        passages, _, message = turns[-1]["content"].rpartition("</passage>")
        article = re.findall(r"where is the (\w+) in", message)
        if passages and article:
            pages = re.findall(r'id="docs/([\w-]+)\.md#', passages)
            shown += any(page.startswith("faq-") for page in pages)
            leaked += [page for page in pages if page == f"faq-{article[0]}"]
    assert shown
    assert leaked == []
    kept_out = {
        (event.item, leak)
        for event in library.load(folder).evidence().selected.values()
        for leak in event.leaks
    }
    assert {(f"shelf/{name}", f"docs/faq-{name}.md#1") for name in ARTICLES[20:23]} <= kept_out


def test_a_served_answer_says_what_it_was_shown(climbed: tuple[Reader, str, Path]) -> None:
    """By the ids of the passages; the answer is right for an article that no item names."""
    _, _, folder = climbed
    desk = library.load(folder).desk()
    asked = {"model": "shop", "messages": [{"role": "user", "content": "where is the tealpot"}]}
    with TestClient(application(desk, api_key=None, now=lambda: 0.0)) as client:
        answer = client.post("/v1/chat/completions", json=asked)
    assert answer.json()["choices"][0]["message"]["content"] == PLACES["tealpot"]
    sources = answer.headers["x-escalera-sources"].split(",")
    assert all(re.fullmatch(r"docs/[\w-]+\.md%23\d+", source) for source in sources)


def test_a_killed_climb_buys_no_embedding_twice(
    climbed: tuple[Reader, str, Path], tmp_path: Path
) -> None:
    """Three kills with -9: at most the calls in flight are asked again, and the report is equal."""
    reader, url, whole = climbed
    killed = project(tmp_path / "killed", url)
    texts, chats = len(set(reader.embedded)), len(reader.chats)
    reader.embedded.clear()
    reader.chats.clear()
    for kill in range(1, 4):
        kill_after(killed, reader, kill * chats // 4)
    assert escalera("climb", "-p", str(killed)).returncode == 0
    assert len(reader.embedded) <= texts + 3 * 64
    assert len(reader.chats) <= chats + 3 * 4
    assert report(killed) == report(whole)


def kill_after(folder: Path, reader: Reader, calls: int) -> None:
    """Start a climb and kill it once the server has seen so many calls in all."""
    climb = subprocess.Popen(
        [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waiting = threading.Event()
    while climb.poll() is None and len(reader.chats) + len(reader.embedded) < calls:
        waiting.wait(0.005)
    climb.kill()
    climb.wait()


def test_rephrasings_are_told_by_embeddings_that_are_kept(
    climbed: tuple[Reader, str, Path], tmp_path: Path
) -> None:
    """Only what the climb did not read is bought; a question taught in other words is suspected."""
    reader, url, _ = climbed
    folder = project(tmp_path / "rephrased", url)
    rows = [json.loads(line) for line in (folder / "shelf.jsonl").read_text().splitlines()]
    tested = rows[25]
    said = f"In our house, where is the {rows[25]['id']} kept now, please?"
    rows.append({"id": "again", "split": "train", "input": said, "target": tested["target"]})
    (folder / "shelf.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    before = len(reader.embedded)
    options = ["data", "stats", str(folder), "--rephrasings", "0.9"]
    done = escalera(*options, "--json")
    assert done.returncode == 0, done.stderr
    (pair,) = json.loads(done.stdout)["rephrased"]["pairs"]
    assert (pair["id"], pair["like"]["id"]) == ("shelf/again", f"shelf/{tested['id']}")
    assert pair["cosine"] >= 0.9
    assert len(reader.embedded) == before + len(rows)
    again = escalera(*options)
    assert "rephrasings: 1 train items may mean what a tested item means" in again.stdout
    assert len(reader.embedded) == before + len(rows)
    assert escalera("data", "stats", str(folder / "shelf.jsonl"), *options[3:]).returncode == 2
