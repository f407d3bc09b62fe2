"""`transformers serve` as a real third-party server for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

STARTING = 120
"""Seconds within which the server must answer; loading torch takes most of them."""


@dataclass(frozen=True)
class Running:
    """Where the server is, and the folder that is its model's name."""

    url: str
    folder: Path


@contextmanager
def served(folder: Path, home: Path) -> Iterator[Running]:
    """`transformers serve` on the model in *folder*, offline; *home* keeps its log and cache.

    Its output is shown when it fails to start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        Path(sys.executable).with_name("transformers"), "serve", folder,
        "--host", "127.0.0.1", "--port", str(port), "--device", "cpu",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "hf")}
    with (home / "log").open("w+b") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, home / "log")
            yield Running(f"http://127.0.0.1:{port}/v1", folder)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    with httpx2.Client(trust_env=False) as client:
        for _ in range(STARTING * 4):
            if process.poll() is not None:
                pytest.fail(f"the server ended: {log.read_text()}")
            try:
                if client.get(url).is_success:
                    return
            except httpx2.TransportError:
                time.sleep(0.25)
    pytest.fail(f"the server did not answer: {log.read_text()}")
