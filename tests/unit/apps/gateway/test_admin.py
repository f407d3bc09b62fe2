"""The administration over HTTP: who may, what it does, and that it is recorded."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.apps.gateway.sockets import responses

from escalera.apps.gateway.admin import MAX_BODY, application, server
from escalera.apps.gateway.wire import Refusal
from escalera.errors import ProjectError

KEY = "operators-only-0123456789"
PROJECT = """
[project]
name = "shop"

[models.a]
base_url = "http://127.0.0.1:1/v1"
model = "a"

[climb]
model = "a"

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was never served."""
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"word {split} {n}", "target": f"{n}"}
        for split, many in (("train", 8), ("search", 60), ("confirm", 100))
        for n in range(many)
    ]
    (tmp_path / "echo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    file = tmp_path / "escalera.toml"
    file.write_text(PROJECT)
    return file


def call(project: Path, method: str, path: str, **more: Any) -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(application(project, KEY), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path, **more)

    more.setdefault("headers", {"Authorization": f"Bearer {KEY}"})
    return asyncio.run(send())


ROUTES = [
    ("GET", "/admin/status"),
    ("GET", "/metrics"),
    ("GET", "/admin/configurations"),
    ("POST", "/admin/configurations/reload"),
    ("POST", "/admin/configurations/rollback"),
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys"),
    ("POST", "/admin/keys/k/rotate"),
    ("POST", "/admin/keys/k/revoke"),
    ("GET", "/admin/audit"),
    ("GET", "/admin/sla"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}"])
def test_nothing_is_done_without_the_key(
    project: Path, method: str, path: str, shown: str | None
) -> None:
    """On the loopback address too; and nothing is written."""
    headers = {} if shown is None else {"Authorization": shown}
    found = call(project, method, path, headers=headers, json={})
    assert found.status_code == 401
    assert found.json()["error"]["code"] == "invalid_api_key"
    assert not (project.parent / ".escalera").exists()


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "POST"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_changes_nothing(project: Path, path: str, kind: str) -> None:
    """What a browser sends without asking first is no JSON."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": kind}
    found = call(project, "POST", path, headers=headers, content=b"{}")
    assert found.status_code == 415


def test_a_key_lives_and_dies(project: Path) -> None:
    """Its secret is told when it is made and when it is rotated, and never again; each act is in a
    record that holds."""
    made = call(
        project, "POST", "/admin/keys", json={"name": "anna", "money": 2.5, "models": ["a"]}
    )
    assert made.status_code == 201
    first = made.json()
    assert first["secret"].startswith("esk-")
    listed = call(project, "GET", "/admin/keys")
    (key,) = listed.json()["keys"]
    assert (key["name"], key["money"], key["models"]) == ("anna", 2.5, ["a"])
    assert first["secret"] not in listed.text
    rotated = call(project, "POST", f"/admin/keys/{key['id']}/rotate", json={"overlap": 0})
    assert rotated.json()["secret"] not in {first["secret"], None}
    revoked = call(project, "POST", "/admin/keys/anna/revoke", json={})
    assert revoked.json()["revoked"] is not None
    acts = call(project, "GET", "/admin/audit").json()
    assert [act["kind"] for act in acts["acts"]] == ["key-created", "key-rotated", "key-revoked"]
    assert acts["broken"] == ""
    assert first["secret"] not in json.dumps(acts)


def test_configurations_by_version(project: Path) -> None:
    """Loaded, changed, refused, and gone back to; here without a worker that would go by them."""
    loaded = call(project, "POST", "/admin/configurations/reload", json={})
    assert loaded.json() == {"before": 0, "version": 1, "refused": [], "waiting": 0}
    project.write_text(PROJECT + "\n[gateway]\nattempts = 2\n")
    assert call(project, "POST", "/admin/configurations/reload", json={}).json()["version"] == 2
    project.write_text(PROJECT + "\n[gateway]\nattempts = 0\n")
    refused = call(project, "POST", "/admin/configurations/reload", json={})
    assert refused.status_code == 400
    assert "gateway.attempts" in refused.json()["error"]["message"]
    back = call(project, "POST", "/admin/configurations/rollback", json={})
    assert (back.json()["before"], back.json()["version"]) == (2, 1)
    found = call(project, "GET", "/admin/configurations").json()
    assert found == {"current": 1, "versions": [1, 2]}


def test_what_is_not_there_yet_is_told(project: Path) -> None:
    """No record, no worker, no version before."""
    assert call(project, "GET", "/admin/audit").status_code == 404
    status = call(project, "GET", "/admin/status").json()
    assert status == {"pid": None, "version": 0, "workers": []}
    back = call(project, "POST", "/admin/configurations/rollback", json={})
    assert back.status_code == 400
    assert "no version before" in back.json()["error"]["message"]
    assert call(project, "GET", "/metrics").text.startswith("# HELP escalera_")


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b'{"nme": 1}', 400), (b" " * (MAX_BODY + 1), 413)]
)
def test_a_body_that_cannot_be_used(project: Path, body: bytes, status: int) -> None:
    """In OpenAI's shape, as every error of the gateway."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    found = call(project, "POST", "/admin/keys", headers=headers, content=body)
    assert found.status_code == status
    assert found.json()["error"]["message"]


def test_a_key_that_could_be_guessed_is_none(project: Path) -> None:
    """Before anything listens."""
    with pytest.raises(Refusal, match="at least 16"):
        application(project, "short")


def test_a_project_that_is_none_is_told_before_anything_listens(tmp_path: Path) -> None:
    """And not by every answer."""
    with pytest.raises(ProjectError, match="cannot be read"):
        server(tmp_path / "nowhere", KEY)


@pytest.mark.network
def test_where_it_listens_is_said_and_why_it_does_not(project: Path) -> None:
    """As an input that is wrong, with the remedy."""
    command = [sys.executable, "-m", "escalera", "gateway", "admin", "-p", str(project)]
    command += ["--key-env", "OPERATORS", "--port"]
    environment = {**os.environ, "OPERATORS": KEY}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*command, port],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert "Choose another --host or --port" in done.stderr
    process = subprocess.Popen([*command, "0"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = said.rpartition(":")[2]
        assert said.startswith("administration on http://127.0.0.1:")
        socket.create_connection(("127.0.0.1", int(port))).close()
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def served(project: Path) -> Iterator[int]:
    """The port of `escalera gateway admin`, as operators start it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "escalera", "gateway", "admin", "-p", str(project)]
    command += ["--key-env", "OPERATORS", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "OPERATORS": KEY})
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            else:
                break
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.network
def test_its_callers_are_bounded_as_those_of_the_gateway(project: Path) -> None:
    """It is served by the same protocol: before the key is looked at, a caller may be anybody."""
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n%b\r\n"
    with (
        served(project) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as caller,
    ):
        caller.sendall(asked % (KEY.encode(), b""))
        assert responses(caller.recv(65536))[0].status == 200
        caller.sendall(asked % (b"x", b"X: x\r\n" * 300))
        (answer,) = responses(caller.recv(65536))
    assert answer.status == 431
    assert b"at most 200 fields" in answer.body
