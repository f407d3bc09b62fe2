"""`escalera serve` as an operator lives with it: workers, configurations, keys, the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end import served

from escalera.testing.upstream import Pace

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

BODY = {"model": "a", "messages": [{"role": "user", "content": "hello"}]}


def escalera(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the project."""
    command = [sys.executable, "-m", "escalera", *arguments, "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def asked(gateway: served.Gateway, **more: object) -> httpx2.Response:
    url = gateway.url + "/chat/completions"
    return httpx2.post(url, json={**BODY, **more}, trust_env=False, timeout=20)


@contextmanager
def traffic(gateway: served.Gateway) -> Iterator[Counter[int]]:
    """Requests one after the other, from several callers, as long as the block runs."""
    seen: Counter[int] = Counter()
    ends = threading.Event()

    def call() -> None:
        with httpx2.Client(trust_env=False, timeout=20) as client:
            while not ends.is_set():
                found = client.post(gateway.url + "/chat/completions", json=BODY)
                seen[found.status_code] += 1

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        ends.set()
        for caller in callers:
            caller.join()


def test_configurations_change_under_traffic(tmp_path: Path) -> None:
    """A new one is taken up by every worker and an old one again, a broken one by none; no request
    fails, and every act is in a record that holds."""
    folder = tmp_path / "shop"
    with served.gateway(folder, options=("--workers", "2")) as gateway:
        file = folder / "escalera.toml"
        good = file.read_text()
        with traffic(gateway) as seen:
            while sum(seen.values()) < 20:
                time.sleep(0.05)
            file.write_text(good.replace('a = ["b"]', 'b = ["a"]'))
            done = escalera(folder, "gateway", "reload")
            assert done.returncode == 0, done.stderr
            assert "configuration 2 is in use instead of 1" in done.stdout
            file.write_text(good.replace('a = ["b"]', 'a = ["nobody"]'))
            done = escalera(folder, "gateway", "reload")
            assert done.returncode == 2
            assert "'nobody'" in done.stderr
            status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
            assert [one["version"] for one in status["workers"]] == [2, 2]
            done = escalera(folder, "gateway", "rollback")  # while the file is still broken
            assert done.returncode == 0, done.stderr
            assert "configuration 1 is in use instead of 2" in done.stdout
            before = sum(seen.values())
            while sum(seen.values()) < before + 20:
                time.sleep(0.05)
        assert set(seen) == {200}
        assert "1  in use" in escalera(folder, "gateway", "versions").stdout
        acts = escalera(folder, "audit", "list").stdout
        for act in ("loaded", "refused", "rolled-back"):
            assert f"configuration-{act}" in acts
        assert escalera(folder, "audit", "verify").returncode == 0


def test_a_configuration_that_cannot_be_read_is_told_and_changes_nothing(tmp_path: Path) -> None:
    """The worker goes on by the one that it has, and takes up the next one that it can read."""
    folder = tmp_path / "shop"
    with served.gateway(folder) as gateway:
        current = folder / ".escalera" / "gateway" / "configurations" / "current"
        assert asked(gateway).status_code == 200
        current.write_text("")
        os.kill(gateway.process.pid, signal.SIGHUP)

        def refused() -> str:
            status = json.loads(escalera(folder, "gateway", "status", "--json").stdout or "{}")
            return "".join(one["refused"] for one in status.get("workers", ()))

        current.write_text("x")  # status reads it, too
        done = escalera(folder, "gateway", "status")
        assert done.returncode == 1
        assert "'x'" in done.stderr
        assert "Write one of [1]" in done.stderr
        current.write_text("1")
        until = time.monotonic() + 20
        while not refused() and time.monotonic() < until:
            time.sleep(0.1)
        assert "is to hold the number" in refused()
        assert asked(gateway).status_code == 200
        file = folder / "escalera.toml"
        file.write_text(file.read_text().replace('a = ["b"]', 'b = ["a"]'))
        assert escalera(folder, "gateway", "reload").returncode == 0
        assert refused() == ""
        file.write_bytes(b"\xff\xfe")
        done = escalera(folder, "gateway", "rollback")
        assert "configuration 1 is in use instead of 2" in done.stdout


UNREADABLE = """
[gateway.guards.missing]
function = "missing.py:find"
action = "block"
"""


def test_a_configuration_that_no_worker_takes_up_is_not_in_use(tmp_path: Path) -> None:
    """What only workers can tell of it is said, all go on by the version before, and neither a
    rollback nor the next start meets it."""
    folder = tmp_path / "shop"
    with served.gateway(folder, options=("--workers", "2")) as gateway:
        file = folder / "escalera.toml"
        good = file.read_text()
        file.write_text(good.replace('a = ["b"]', 'b = ["a"]'))
        assert escalera(folder, "gateway", "reload").returncode == 0
        file.write_text(good + UNREADABLE)
        done = escalera(folder, "gateway", "reload")
        assert done.returncode == 1
        assert "configuration 2 stays in use" in done.stdout
        assert "'missing.py' cannot be read" in done.stderr
        status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
        assert status["version"] == 2
        assert [one["version"] for one in status["workers"]] == [2, 2]
        done = escalera(folder, "gateway", "rollback")
        assert "configuration 1 is in use instead of 2" in done.stdout
        assert asked(gateway).status_code == 200
        gateway.end()
        assert subprocess.run(gateway.command, check=False, timeout=60).returncode == 2
        assert escalera(folder, "gateway", "versions").stdout.split() == ["1", "in", "use", "2"]
        file.write_text(good)
        told = "no gateway runs: the next starts with configuration 1"
        assert escalera(folder, "gateway", "reload").stdout.strip() == told
        gateway.restart()
        assert asked(gateway).status_code == 200
    acts = escalera(folder, "audit", "list").stdout
    assert acts.count("configuration-refused") == 2


def test_the_same_text_is_looked_at_again_and_waited_for(tmp_path: Path) -> None:
    """A reload after a change of a file that the project file names ends when every worker has
    looked, and says what was wrong, without waiting for more."""
    folder = tmp_path / "shop"
    guard = UNREADABLE.replace("missing", "house")
    fits = "def find(text):\n    return 'forbidden' in text\n"

    def prepare(place: Path) -> None:
        (place / "house.py").write_text("def find(text):\n    return None\n")

    with served.gateway(folder, extra=guard, prepare=prepare) as gateway:
        said = {"messages": [{"role": "user", "content": "forbidden"}]}
        assert asked(gateway, **said).status_code == 200
        (folder / "house.py").write_text(fits)
        assert escalera(folder, "gateway", "reload").returncode == 0
        assert asked(gateway, **said).status_code == 400
        (folder / "house.py").unlink()
        began = time.monotonic()
        done = escalera(folder, "gateway", "reload")
        assert time.monotonic() - began < 30
        assert done.returncode == 1
        assert "'house.py' cannot be read" in done.stderr
        assert asked(gateway, **said).status_code == 400


class Collector(HTTPServer):
    """Counts what is posted to it, and takes `slow` seconds for each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken, self.slow = 0, 0.0


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Collector)
        self.server.taken += 1
        time.sleep(self.server.slow)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in the library
        """Say nothing."""


@contextmanager
def collector() -> Iterator[tuple[Collector, str]]:
    with Collector() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        try:
            yield found, f"http://127.0.0.1:{found.server_port}/v1/traces"
        finally:
            found.shutdown()
            thread.join()


def test_traces_begin_and_end_with_a_configuration_and_nobody_waits(tmp_path: Path) -> None:
    """They are sent from a reload on until another; a slow collector slows no answer down, also
    where an answer waits for its record."""
    pytest.importorskip("opentelemetry.sdk", reason="needs OpenTelemetry: pip install -e '.[otel]'")
    folder = tmp_path / "shop"
    synced = "[gateway.log]\nsync = true\n"
    with collector() as (found, url), served.gateway(folder, extra=synced) as gateway:
        file = folder / "escalera.toml"
        without = file.read_text()
        asked(gateway)
        file.write_text(f'{without}\n[gateway.traces]\nendpoint = "{url}"\n')
        assert escalera(folder, "gateway", "reload").returncode == 0
        assert found.taken == 0
        found.slow = 1.5
        began = time.monotonic()
        for _ in range(5):
            assert asked(gateway).status_code == 200
        assert time.monotonic() - began < 1.5
        deadline = time.monotonic() + 20
        while not found.taken:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found.slow = 0.0
        file.write_text(without)
        assert escalera(folder, "gateway", "reload").returncode == 0
        time.sleep(1)
        before = found.taken
        assert asked(gateway).status_code == 200
        time.sleep(1)
        assert found.taken == before


def test_a_worker_that_is_killed_is_replaced_and_counts_go_on(tmp_path: Path) -> None:
    """Requests are answered again within seconds, and what was counted is not lost."""
    folder = tmp_path / "shop"
    with served.gateway(folder, options=("--workers", "2")) as gateway:
        for _ in range(30):
            assert asked(gateway).status_code == 200
        time.sleep(1.5)  # until both have written how they stand
        status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
        victim = status["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
            pids = [one["pid"] for one in status["workers"]]
            if victim not in pids:
                break
            assert time.monotonic() < deadline
        for _ in range(10):
            assert asked(gateway).status_code == 200
        time.sleep(1.5)
        metrics = escalera(folder, "gateway", "metrics").stdout
        counted = 'escalera_requests_total{operation="chat",name="a",status="200"} 40'
        assert counted in metrics


def test_requests_in_flight_end_before_the_gateway_does(tmp_path: Path) -> None:
    """A slow answer that has begun is given whole; afterwards nothing listens."""
    folder = tmp_path / "shop"
    with served.gateway(folder) as gateway:
        gateway.a.pace = served.Pace(tokens=20, gap=0.05)
        leader = json.loads(escalera(folder, "gateway", "status", "--json").stdout)["pid"]
        found: list[httpx2.Response] = []
        caller = threading.Thread(target=lambda: found.append(asked(gateway, stream=True)))
        caller.start()
        time.sleep(0.3)
        os.kill(leader, signal.SIGTERM)
        caller.join(20)
        assert found[0].text.rstrip().endswith("data: [DONE]")
        with pytest.raises(httpx2.ConnectError):
            asked(gateway)
    assert escalera(folder, "gateway", "status").returncode == 1


def test_a_project_has_one_gateway_at_a_time(tmp_path: Path) -> None:
    """A second one is refused and changes nothing; one that was killed, or that only ends what is
    under way, stands in nobody's way."""
    folder = tmp_path / "shop"

    def patient(place: Path) -> None:
        file = place / "escalera.toml"
        file.write_text(file.read_text().replace("total = 3.0", "total = 60.0"))

    with served.gateway(folder, prepare=patient, pace=Pace(tokens=12)) as gateway:
        asked(gateway)
        good = (folder / "escalera.toml").read_text()
        (folder / "escalera.toml").write_text(good.replace('a = ["b"]', 'b = ["a"]'))
        second = [*gateway.command, "--port", "0"]
        done = subprocess.run(second, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert f"already, as process {gateway.process.pid}." in done.stderr
        status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
        assert (status["pid"], status["version"]) == (gateway.process.pid, 1)
        (folder / "escalera.toml").write_text(good)
        gateway.process.kill()
        gateway.process.wait(20)
        gateway.restart()
        before, gateway.a.pace.gap = gateway.process, 0.6
        stream = {**BODY, "stream": True}
        url = gateway.url + "/chat/completions"
        with httpx2.stream("POST", url, json=stream, trust_env=False, timeout=20) as streamed:
            events = streamed.iter_lines()
            next(events)
            before.terminate()
            while escalera(folder, "gateway", "status").returncode == 0:
                time.sleep(0.05)
            gateway.restart()
            gateway.a.pace.gap = 0.0
            asked(gateway)
            assert before.poll() is None
            assert "data: [DONE]" in list(events)
        before.wait(20)
        status = json.loads(escalera(folder, "gateway", "status", "--json").stdout)
        assert [one["pid"] for one in status["workers"]] == [gateway.process.pid]


def test_once_there_are_keys_one_is_needed(tmp_path: Path) -> None:
    """A gateway that is started after `escalera keys create` lets nobody else in."""
    folder = tmp_path / "shop"
    with served.gateway(folder):
        pass  # writes the project
    made = escalera(folder, "keys", "create", "anna", "--json")
    assert made.returncode == 0, made.stderr
    secret = json.loads(made.stdout)["secret"]
    with served.gateway(folder) as gateway:
        assert asked(gateway).status_code == 401
        url, headers = gateway.url + "/chat/completions", {"Authorization": f"Bearer {secret}"}
        found = httpx2.post(url, json=BODY, headers=headers, trust_env=False)
        assert found.status_code == 200
        assert httpx2.get(gateway.url + "/models", trust_env=False).status_code == 401


def test_a_limit_of_tokens_goes_with_its_configuration(tmp_path: Path) -> None:
    """For a key with money as well: after a reload without it, the gateway's own bound holds."""
    folder = tmp_path / "shop"
    priced = "[models.a.price]\nprompt = 1.0\ncompletion = 1.0\n"
    priced += priced.replace("models.a", "models.b")
    secrets: list[str] = []

    def prepare(place: Path) -> None:
        made = escalera(place, "keys", "create", "anna", "--money", "5", "--json")
        secrets.append(json.loads(made.stdout)["secret"])

    limited = f"{priced}\n[gateway]\nmax_tokens = 7\n"
    with served.gateway(folder, extra=limited, prepare=prepare) as gateway:
        headers = {"Authorization": f"Bearer {secrets[0]}"}
        url = gateway.url + "/chat/completions"
        asked_for = []
        for _ in range(2):
            found = httpx2.post(url, json=BODY, headers=headers, trust_env=False, timeout=20)
            assert found.status_code == 200
            asked_for.append(json.loads(gateway.a.requests[-1][1])["max_completion_tokens"])
            file = folder / "escalera.toml"
            file.write_text(file.read_text().replace("max_tokens = 7", ""))
            assert escalera(folder, "gateway", "reload").returncode == 0
        assert asked_for == [7, 4096]


def test_what_was_served_is_in_the_log_to_the_last_request(tmp_path: Path) -> None:
    """Counts of the log and of the metrics agree when the gateway has ended."""
    folder = tmp_path / "shop"
    with served.gateway(folder, options=("--workers", "2")) as gateway:
        for _ in range(25):
            asked(gateway)
        gateway.a.fault = "status-500"
        assert asked(gateway).headers["x-escalera-deployment"] == "b"
    calls = escalera(folder, "log", "list", "--json").stdout.splitlines()
    assert len(calls) == 26
    assert sum(len(json.loads(call)["attempts"]) for call in calls) == 27
    counted = escalera(folder, "gateway", "metrics").stdout
    assert 'requests_total{operation="chat",name="a",status="200"} 26' in counted
