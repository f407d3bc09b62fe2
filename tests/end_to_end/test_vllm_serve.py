"""`escalera serve` with a vLLM process; a stand-in for the program answers, a process of its own.

What vLLM itself does was not run here: `docs/how-to/serve-with-vllm.md` says so.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.end_to_end import served

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

MODEL = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"
PROGRAM = [sys.executable, "-m", "escalera.testing.upstream.lookalike", "serve"]


def table(*arguments: str, name: str = "v") -> str:
    return f"""
[models.{name}]
path = {json.dumps(str(MODEL))}
engine = "vllm"
[models.{name}.vllm]
command = {json.dumps(PROGRAM)}
arguments = {json.dumps(arguments)}
start_seconds = 20
stop_seconds = 5
"""


def ask(gateway: served.Gateway, text: str, **more: object) -> httpx2.Response:
    body = {"model": "v", "messages": [{"role": "user", "content": text}], **more}
    return httpx2.post(gateway.url + "/chat/completions", json=body, trust_env=False, timeout=60)


def log(folder: Path) -> str:
    return (folder / ".escalera" / "vllm" / "v.log").read_text()


def pids(folder: Path) -> list[int]:
    """The processes that answered, one after the other."""
    return [int(found) for found in re.findall(r"Started server process \[(\d+)\]", log(folder))]


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def standing(folder: Path) -> Any:
    """What the gateway says of itself: its process and its workers."""
    return json.loads(command(folder, "gateway", "status", "--json").stdout)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    called = [sys.executable, "-m", "escalera", *arguments, "-p", str(folder)]
    return subprocess.run(called, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def gateway(folder: Path, *options: str) -> Iterator[served.Gateway]:
    with served.gateway(folder, extra=table(), options=options) as found:
        assert ask(found, "are you there").status_code == 200  # waits until it is loaded
        yield found


def test_all_workers_share_one_process(tmp_path: Path) -> None:
    """It is asked in its own words, streams pass, and it ends with the gateway."""
    folder = tmp_path / "shop"
    with gateway(folder, "--workers", "2") as found:
        for place in range(20):
            said = ask(found, f"word {place}").json()
            assert said["choices"][0]["message"]["content"] == f"v: word {place}"
        stream = ask(found, "one two", stream=True).text
        assert stream.rstrip().endswith("data: [DONE]")
        until(
            lambda: (
                len(json.loads(command(folder, "gateway", "status", "--json").stdout)["workers"])
                == 2
            )
        )
        (pid,) = pids(folder)
        os.kill(standing(folder)["pid"], signal.SIGTERM)
        until(lambda: not lives(pid))
    assert "Finished server process" in log(folder)
    assert "the key is ***" in log(folder)


def test_a_crash_is_an_error_for_who_asked_and_for_nobody_after(tmp_path: Path) -> None:
    """In OpenAI's shape and worth another try; another process answers soon."""
    folder = tmp_path / "shop"
    with gateway(folder) as found:
        assert ask(found, "hello").status_code == 200
        crashed = ask(found, "crash")
        assert crashed.status_code in {502, 503}
        assert crashed.headers["x-should-retry"] == "true"
        assert "message" in crashed.json()["error"]
        until(lambda: ask(found, "hello").status_code == 200)
        first, second = pids(folder)
        assert not lives(first)
        assert lives(second)


def test_a_stream_that_has_begun_is_given_whole_when_the_gateway_ends(tmp_path: Path) -> None:
    """First the gateway drains, then the process behind it."""
    folder = tmp_path / "shop"
    with gateway(folder) as found:
        pid, main = pids(folder)[0], standing(folder)["pid"]
        said: list[httpx2.Response] = []
        slow = "slowly one two three four five six seven"
        caller = threading.Thread(target=lambda: said.append(ask(found, slow, stream=True)))
        caller.start()
        until(lambda: log(folder).count("POST /v1/chat/completions") == 2)
        os.kill(main, signal.SIGTERM)
        caller.join(60)
        assert '" seven"' in said[0].text
        assert said[0].text.rstrip().endswith("data: [DONE]")
        until(lambda: not lives(pid) and not lives(main))
        assert found.process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_gateway_that_is_killed_leaves_no_process(tmp_path: Path, workers: str) -> None:
    """Not even with SIGKILL."""
    folder = tmp_path / "shop"
    with gateway(folder, "--workers", workers) as found:
        assert ask(found, "hello").status_code == 200
        (pid,) = pids(folder)
        os.kill(standing(folder)["pid"], signal.SIGKILL)
        until(lambda: not lives(pid))


def test_a_process_that_does_not_start_keeps_the_gateway_from_serving(tmp_path: Path) -> None:
    """It ends with what the process said last."""
    folder = tmp_path / "shop"
    with served.gateway(folder):
        pass  # writes the project
    file = folder / "escalera.toml"
    file.write_text(file.read_text() + table("--fault", "refuses"))
    done = command(folder, "serve", "--models-only", "--port", "0")
    assert done.returncode == 1
    assert "v: the server cannot be started: it ended with 1" in done.stderr
    assert "No available memory for the cache blocks" in done.stderr
    assert "serving on" not in done.stderr


def test_another_process_needs_another_start(tmp_path: Path) -> None:
    """A configuration that asks for one is refused by every worker; the old one stays."""
    folder = tmp_path / "shop"
    with gateway(folder, "--workers", "2") as found:
        until(lambda: len(standing(folder)["workers"]) == 2)
        file = folder / "escalera.toml"
        file.write_text(file.read_text() + table(name="w"))
        done = command(folder, "gateway", "reload")
        assert done.returncode != 0
        assert "Start the gateway again" in done.stdout + done.stderr
        assert ask(found, "hello").status_code == 200
        assert len(pids(folder)) == 1


def test_a_gateway_that_is_told_to_end_while_it_loads_ends_both(tmp_path: Path) -> None:
    """In order, though nothing answers yet."""
    folder = tmp_path / "shop"
    with served.gateway(folder):
        pass  # writes the project
    file = folder / "escalera.toml"
    mark = f"31.{os.getpid()}"
    file.write_text(file.read_text() + table("--fault", "slow", "--seconds", mark))
    called = [sys.executable, "-m", "escalera", "serve", "--models-only", "--port", "0"]
    process = subprocess.Popen([*called, "-p", str(folder)])
    try:
        until(lambda: (folder / ".escalera" / "vllm" / "v.log").exists() and running(mark) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        until(lambda: running(mark) == 0)
    finally:
        process.kill()
        process.wait()


def test_the_process_of_jobs_is_told_what_runs(tmp_path: Path) -> None:
    """By a line of its pipe, as a gateway writes it; it starts no process of its own."""
    folder = tmp_path / "shop"
    with served.gateway(folder):
        pass  # writes the project
    file = folder / "escalera.toml"
    file.write_text(file.read_text() + table())
    told = json.dumps({"v": {"port": 1, "key": "k", "made_of": "m"}}) + "\n"
    called = [sys.executable, "-m", "escalera", "work", "--once", "--told", "-p", str(folder)]
    done = subprocess.run(called, check=False, input=told, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / ".escalera" / "vllm").exists()


def running(argument: str) -> int:
    """How many processes were given an argument."""
    found = 0
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += argument.encode() in place.read_bytes().split(b"\0")
    return found
