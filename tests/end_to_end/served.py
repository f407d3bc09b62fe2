"""`escalera serve` as a process before mock upstreams: `a`, which falls back to `b`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import openai

from escalera.testing.upstream import Mock, Pace, serving

PROJECT = """
[project]
name = "shop"

[models.a]
base_url = "{a}"
model = "model-a"

[models.b]
base_url = "{b}"
model = "model-b"

[climb]
model = "a"

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8

[gateway.fallbacks]
a = ["b"]

[gateway.timeouts]
first_byte = 1.0
idle = 1.0
total = 3.0

[gateway.breaker]
hold = 0.01
longest = 0.01
"""


@dataclass(kw_only=True)
class Gateway:
    """A running gateway, the folder of its project, and what stands behind it."""

    url: str
    a: Mock
    b: Mock
    folder: Path
    process: subprocess.Popen[bytes]
    command: list[str]

    def restart(self) -> None:
        """Start it again on its port, once it has ended."""
        self.process = subprocess.Popen(self.command)
        _listens(self.process, urlsplit(self.url).port or 0)

    def end(self) -> None:
        """As an operator ends it."""
        self.process.terminate()
        self.process.wait(20)

    def client(self) -> openai.OpenAI:
        """OpenAI's own client, without its retries."""
        return openai.OpenAI(base_url=self.url, api_key="unused", max_retries=0)


@contextmanager
def gateway(
    folder: Path,
    *,
    extra: str = "",
    options: tuple[str, ...] = (),
    prepare: Callable[[Path], None] = lambda _: None,
    pace: Pace | None = None,
) -> Iterator[Gateway]:
    """Start everything, once the folder is prepared, and end it."""
    with ExitStack() as stack:
        pace = pace or Pace(tokens=5)
        a = stack.enter_context(serving(Mock(name="a", pace=pace)))
        b = stack.enter_context(serving(Mock(name="b", pace=pace)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "escalera.toml").write_text(PROJECT.format(a=a.url, b=b.url) + extra)
        (folder / "echo.jsonl").write_text(_items())
        prepare(folder)
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        command = [sys.executable, "-m", "escalera", "serve", "-p", str(folder), "--models-only"]
        command += ["--port", str(port), *options]
        process = subprocess.Popen(command)
        url = f"http://127.0.0.1:{port}/v1"
        found = Gateway(url=url, a=a, b=b, folder=folder, process=process, command=command)
        stack.callback(found.end)
        _listens(process, port)
        yield found


def _listens(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a gateway listens."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.05)


def _items() -> str:
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"word {split} {n}", "target": f"{n}"}
        for split, many in (("train", 8), ("search", 60), ("confirm", 100))
        for n in range(many)
    ]
    return "\n".join(json.dumps(row) for row in rows)
