"""A server that is kept running, with a stand-in for vLLM as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.unit.edges.vllm.servers import KEY, kept_server

from escalera.edges.vllm import kept
from escalera.errors import InputError, ProviderUnavailable

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

HEADERS = {"Authorization": f"Bearer {KEY}"}


def ask(port: int, text: str, **more: object) -> httpx2.Response:
    body = {"model": "base", "messages": [{"role": "user", "content": text}], **more}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    return httpx2.post(url, json=body, headers=HEADERS, trust_env=False, timeout=30)


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_starts_answers_and_ends(tmp_path):
    """With the key alone, which its log does not show; afterwards no process is left."""
    with kept_server(tmp_path) as (server, port):
        server.start()
        assert server.state == "ready"
        assert server.starts == 1
        assert ask(port, "hello there").json()["choices"][0]["message"]["content"] == (
            "base: hello there"
        )
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx2.get(url, trust_env=False).status_code == 401
        pid, keeper = server.pid, server.keeper
        server.stop()
        assert not lives(pid)
        assert not lives(keeper)
    said = (tmp_path / "log" / "base.log").read_text()
    assert "the key is ***" in said
    assert KEY not in said


def test_a_slow_start_is_waited_for(tmp_path):
    """`start` returns when it answers, not before."""
    with kept_server(tmp_path, "--fault", "slow", "--seconds", "1.5") as (server, port):
        server.start()
        assert ask(port, "hello").status_code == 200


def test_a_start_that_fails_tells_the_end_of_the_log(tmp_path):
    """At once: what is wrong with a command stays wrong."""
    with kept_server(tmp_path, "--fault", "refuses") as (server, _):
        with pytest.raises(ProviderUnavailable) as caught:
            server.start()
        assert server.starts == 1
    said = str(caught.value)
    assert "cannot be started: it ended with 1" in said
    assert "No available memory for the cache blocks" in said
    assert KEY not in said


def test_an_argument_that_there_is_not_is_told(tmp_path):
    """In the words of the program."""
    said = pytest.raises(ProviderUnavailable, match="No such option '--dtipe'")
    with kept_server(tmp_path, "--dtipe", "bfloat16") as (server, _), said:
        server.start()


def test_a_program_that_is_not_there_is_told(tmp_path):
    """With its name."""
    said = pytest.raises(ProviderUnavailable, match="'vllm-that-is-not-there' cannot be run")
    with kept_server(tmp_path, program=("vllm-that-is-not-there", "serve")) as (server, _), said:
        server.start()


def test_one_that_never_is_healthy_is_given_up(tmp_path):
    """After the time that it has to start; its process is ended."""
    with kept_server(tmp_path, "--fault", "never-healthy", start_seconds=1.5) as (server, port):
        with pytest.raises(ProviderUnavailable, match="did not answer /health within"):
            server.start()
        with pytest.raises(httpx2.ConnectError):
            ask(port, "hello")


def test_one_that_crashes_is_started_again(tmp_path):
    """On the same port; its owner is told why, and when it answers again."""
    told: list[str] = []
    with kept_server(tmp_path, tell=told.append, order={"pause": 0.1}) as (server, port):
        server.start()
        first = server.pid
        with pytest.raises(httpx2.HTTPError):
            ask(port, "crash")
        until(lambda: server.state == "ready" and server.pid != first)
        assert ask(port, "hello").status_code == 200
        assert server.starts == 2
    assert "it ended with SIGKILL; it is started again in 0.1 s" in told[0]
    assert told[1] == "base: the server answers again"


def test_one_that_keeps_crashing_is_given_up(tmp_path):
    """After so many tries in a row, and its owner is told."""
    told: list[str] = []
    order = {"pause": 0.05, "tries": 2}
    with kept_server(tmp_path, tell=told.append, order=order) as (server, port):
        server.start()
        for lives_left in (True, True, False):
            until(lambda: server.state == "ready")
            pid = server.pid
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: server.pid != pid or server.state == "failed")
            assert (server.state != "failed") == lives_left
        assert "the server is given up: it ended with SIGKILL" in told[-1]
        assert "is given up" in server.trouble()
        with pytest.raises(httpx2.ConnectError):
            ask(port, "hello")


def test_one_that_falls_ill_is_started_again(tmp_path):
    """A process that is there and answers 503 serves nobody."""
    told: list[str] = []
    order = {"pause": 0.1, "probe_seconds": 0.1}
    with kept_server(tmp_path, tell=told.append, order=order) as (server, port):
        server.start()
        first = server.pid
        assert ask(port, "fall ill").status_code == 200
        until(lambda: server.state == "ready" and server.pid != first)
        assert "its /health failed 3 times in a row" in told[0]


def test_an_answer_that_is_under_way_ends_before_the_server_does(tmp_path):
    """It is told to end, not killed."""
    with kept_server(tmp_path) as (server, port):
        server.start()
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        body = {"model": "base", "stream": True}
        body["messages"] = [{"role": "user", "content": "slowly one two three four five"}]
        with httpx2.stream("POST", url, json=body, headers=HEADERS, trust_env=False) as answer:
            lines = answer.iter_lines()
            assert "base:" in next(lines)
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            said = "\n".join(lines)
            stopping.join()
        assert '" five"' in said
        assert "[DONE]" in said
        assert server.state == "ended"


def test_one_that_does_not_hear_is_killed(tmp_path):
    """After the time that it has to end."""
    with kept_server(tmp_path, "--fault", "hangs-on-end", stop_seconds=1) as (server, _):
        server.start()
        pid = server.pid
        server.stop()
        assert not lives(pid)


OWNER = """
import sys, time
from pathlib import Path
from tests.unit.edges.vllm.servers import kept_server
with kept_server(Path(sys.argv[1])) as (server, port):
    server.start()
    print(server.pid, server.keeper, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("victim", ["owner", "keeper"])
def test_nothing_outlives_a_kill(tmp_path, victim):
    """Neither of the owner nor of the keeper: the server ends as well."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        pid, keeper = map(int, owner.stdout.readline().split())
        assert lives(pid)
        assert lives(keeper)
        os.kill(owner.pid if victim == "owner" else keeper, signal.SIGKILL)
        until(lambda: not lives(pid) and not lives(keeper))
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def test_a_killed_keeper_is_told(tmp_path):
    """The owner knows that nobody keeps the server any more."""
    told: list[str] = []
    with kept_server(tmp_path, tell=told.append) as (server, _):
        server.start()
        os.kill(server.keeper, signal.SIGKILL)
        until(lambda: server.state == "failed")
        assert "its keeper was killed" in server.trouble()
    assert "its keeper was killed" in told[0]


def test_a_port_that_is_taken_is_refused():
    """Before anything is started; a free one is found for 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="cannot be listened on"):
            kept.free_port(port)
    assert kept.free_port(0) > 0
