"""What is measured: each system as a process that serves the same model folder over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.gateway.processes import Running, free_port

ESCALERA, NAIVE = "Escalera", "one at a time"
SERVE, BATCHING = "`transformers serve`", "`transformers serve --continuous-batching`"
PATIENCE = 300.0
ITEMS = {"train": 8, "search": 60, "confirm": 100}


class Served(Running):
    """A system; `url` is its base URL, and `model` what it calls the model."""

    model = "base"

    def __init__(self, command: Sequence[str], port: int, *, ready: str, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        where = f"http://127.0.0.1:{port}{ready}"
        offline = {"HF_HUB_OFFLINE": "1"}
        super().__init__(
            command=command, ready=where, log=log, environment=offline, patience=PATIENCE
        )


def escalera(folder: Path, place: Path, *, threads: int) -> Served:
    """`escalera serve` of a project whose model is *folder*."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "escalera.toml").write_text(project(folder, threads), encoding="utf-8")
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"{split} {n}", "target": f"{n}"}
        for split, many in ITEMS.items()
        for n in range(many)
    ]
    (place / "echo.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "escalera", "serve", "-p", str(place), "--models-only"]
    return Served([*command, "--port", str(port)], port, ready="/healthz", log=place / "log")


def project(folder: Path, threads: int) -> str:
    """A project file: the model, and a task, because there has to be one."""
    return f"""[project]
name = "bench"
[models.base]
path = {json.dumps(str(folder.resolve()))}
threads = {threads}
[climb]
model = "base"
[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
[gateway.timeouts]
first_byte = 900.0
idle = 900.0
total = 900.0
"""


def naive(folder: Path, place: Path) -> Served:
    """`model.generate` behind a lock."""
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "bench.engine.naive", str(folder), "--port", str(port)]
    return Served(command, port, ready="/", log=place / "log")


def transformers(folder: Path, place: Path, *, batching: bool) -> Served:
    """`transformers serve`, with and without continuous batching."""
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", "cpu", "--dtype", "float32"]
    if batching:
        command += ["--continuous-batching", *BATCHED]
    found = Served(command, port, ready="/health", log=place / "log")
    found.model = str(folder)
    return found


BATCHED = (
    *("--attn-implementation", "sdpa"),
    *("--cb-block-size", "32", "--cb-num-blocks", "512", "--cb-max-batch-tokens", "1024"),
)
"""Settings with which continuous batching of Transformers 5.23 runs on a CPU: the others that were
tried (eager attention, larger blocks, compilation) were as fast within the noise, or slower; with
blocks of the default size the cache of the larger model takes 11 GB."""
