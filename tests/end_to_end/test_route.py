"""From measured answers to a served route: endpoints, command, gateway and client over sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import openai
import pytest

from escalera.apps.gateway.app import application
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

PROJECT = """
[project]
name = "shop"

[models.small]
base_url = "{small}/v1"
model = "m"
price = {{ prompt = 1.0, completion = 1.0 }}

[models.large]
base_url = "{large}/v1"
model = "m"
price = {{ prompt = 100.0, completion = 100.0 }}

[climb]
model = "small"

[tasks.answers]
data = "answers.jsonl"
scorer = "exact"
bar = 0.8
margin = 0.1

[tasks.answers.prompt]
instruction = "Answer with one word."
"""
ROUTE = """
[gateway]
evidence_days = 30

[gateway.routes.smart]
decision = "{decision}"
"""


def small(request: Request) -> str:
    """The weak model: right on sums, at a loss with proofs."""
    return "yes" if request.messages[-1].content.startswith("sum") else "well hm er"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A project before two endpoints."""
    with ExitStack() as stack:
        urls = {}
        for name, answer in (("small", small), ("large", lambda _: "yes")):
            models = {"m": Served(revision="r", provider=ScriptedProvider(answer))}
            desk = Desk(label="none", route=None, infer=None, models=models)
            app = application(desk, api_key=None, now=lambda: 5.0)
            urls[name] = stack.enter_context(serving(app))
        (tmp_path / "escalera.toml").write_text(PROJECT.format(**urls))
        rows = [
            {
                "id": f"{split}-{n}",
                "split": split,
                "input": f"{'proof of lemma' if n % 2 else 'sum of numbers'} {split} {n}",
                "target": "yes",
            }
            for split, many in (("train", 4), ("search", 80), ("confirm", 300))
            for n in range(many)
        ]
        (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
        yield tmp_path


def escalera(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "escalera", *arguments, "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_cascade_is_measured_decided_and_served(shop: Path) -> None:
    """The client gets right answers to all; half of them come from the model at a hundredth of the
    price, and every answer says by which decision and for what signal."""
    done = escalera(shop, "route", "small", "large", "--ask", "after", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["worth"] == "gain"
    file = shop / "escalera.toml"
    file.write_text(file.read_text() + ROUTE.format(decision=told["decision"][:16]))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "escalera", "serve", "-p", str(shop), "--models-only"]
    process = subprocess.Popen([*command, "--port", str(port)])
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused")
        for text, side, deployment in (
            ("sum of numbers 999", "weak", "small"),
            ("proof of lemma 998", "strong", "large"),
        ):
            asked = {"model": "smart", "messages": [{"role": "user", "content": text}]}
            raw = client.chat.completions.with_raw_response.create(**asked)
            assert raw.parse().choices[0].message.content == "yes"
            assert raw.headers["x-escalera-decision"] == told["decision"]
            assert raw.headers["x-escalera-why"].startswith(f"first; {side}: ")
            assert raw.headers["x-escalera-deployment"] == deployment
            chunks = client.chat.completions.create(**asked, stream=True)
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
            assert "".join(pieces) == "yes"
        client.close()
    finally:
        process.terminate()
        process.wait(30)
    served = escalera(shop, "log", "list", "--json")
    assert served.returncode == 0, served.stderr
    assert told["decision"] in served.stdout


def test_a_missing_decision_is_not_served(shop: Path) -> None:
    """Nothing listens, and the message says what to do."""
    file = shop / "escalera.toml"
    file.write_text(file.read_text() + ROUTE.format(decision="5e5e5e5e5e5e"))
    done = escalera(shop, "serve", "--models-only", "--port", "0")
    assert done.returncode == 2
    assert "the journal holds no such decision" in done.stderr
    assert "escalera route" in done.stderr
