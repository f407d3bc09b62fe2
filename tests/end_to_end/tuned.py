"""`escalera serve` as a process over a tiny model that callers may finetune."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from escalera.testing.tiny import tiny_model

PROJECT = """
[project]
name = "shop"

[models.small]
path = "model"
threads = 1

[climb]
model = "small"

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
max_tokens = 8

[training]
learning_rate = 0.01

[training.full]
learning_rate = 0.001

[gateway.jobs]
checkpoint_seconds = 0.2
price_per_hour = 3.6
"""
ENDED = ("succeeded", "failed", "cancelled")


def project(folder: Path, extra: str = "") -> Path:
    """A project with a tiny model; its file."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model").exists():
        tiny_model(folder / "model")
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"word {split} {n}", "target": f"{n}"}
        for split, many in (("train", 8), ("search", 20), ("confirm", 20))
        for n in range(many)
    ]
    (folder / "echo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "escalera.toml").write_text(PROJECT + extra)
    return folder / "escalera.toml"


def chats(many: int, *, word: str = "") -> bytes:
    """Lines of a training file."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{word}{n}"},
                {"role": "assistant", "content": f"{n % 7}"},
            ]
        }
        for n in range(many)
    ]
    return "\n".join(json.dumps(row) for row in rows).encode()


@dataclass(kw_only=True)
class Server:
    """A gateway that runs, or did, over a project."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, key: str = "unused") -> openai.OpenAI:
        """OpenAI's own client, without its retries."""
        return openai.OpenAI(base_url=self.url, api_key=key, max_retries=0)

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "escalera", "serve", "-p", str(self.folder)]
        command += ["--models-only", "--port", str(self.port), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, env=environment)
        for _ in range(1200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self.process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the gateway does not answer")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(40)
            self.process = None

    def trainers(self) -> list[int]:
        """The processes that work on this project's jobs."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if b"work" in words and str(self.folder / "escalera.toml").encode() in words:
                        found.append(int(entry.name))
        return found


@contextmanager
def server(folder: Path, extra: str = "", *options: str) -> Iterator[Server]:
    """A gateway over a project in *folder*."""
    project(folder, extra)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    made = Server(folder=folder, port=port)
    made.start(*options)
    try:
        yield made
    finally:
        made.stop()


def upload(client: openai.OpenAI, lines: bytes) -> str:
    """The id of an uploaded file."""
    return client.files.create(file=("data.jsonl", lines), purpose="fine-tune").id


def wait(until: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What *until* returns once it is anything."""
    for _ in range(int(seconds / 0.05)):
        if found := until():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def ended(client: openai.OpenAI, id_: str, seconds: float = 240.0) -> Any:
    """The job once it has ended."""

    def look() -> Any:
        job = client.fine_tuning.jobs.retrieve(id_)
        return job if job.status in ENDED else None

    return wait(look, seconds)


def messages(client: openai.OpenAI, id_: str) -> list[str]:
    """What the events of a job say, in the order in which they came."""
    found = client.fine_tuning.jobs.list_events(id_, limit=100)
    return [event.message for event in found][::-1]
