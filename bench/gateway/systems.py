"""The gateways that are compared: how each is configured and started.

All stand before the same upstreams: the model `a`, and `b` where `a` cannot answer. Each keeps the
same limits of time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.processes import Running, free_port

from escalera.domain.call_log import CallQuery
from escalera.edges.gateway_store.calls import SQLiteCalls

CONNECT, FIRST_BYTE, TOTAL, ALL = 1.0, 1.0, 3.0, 5.0
"""Seconds: to connect, to the first byte and between two, for an attempt, and for a request."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a gateway is to run: a folder for its files, a core, how many workers."""

    folder: Path
    core: int | None = None
    workers: int = 1
    hasty: bool = True

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Connect, first byte, attempt, request: short for the matrix, long for measurements."""
        return (CONNECT, FIRST_BYTE, TOTAL, ALL) if self.hasty else (5.0, 60.0, 600.0, 600.0)


class System(Running):
    """A gateway; `url` is its base URL, and `model` the name to ask for."""

    name = ""
    model = "a"
    key = "k"

    def __init__(self, port: int, place: Place, **rest: object) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        place.folder.mkdir(parents=True, exist_ok=True)
        super().__init__(core=place.core, log=place.folder / f"{self.name}.log", **rest)  # type: ignore[arg-type]


PROJECT = """
[project]
name = "bench"

[models.a]
base_url = "{a}"
model = "model-a"
price = {{ prompt = 0.15, completion = 0.6 }}

[models.b]
base_url = "{b}"
model = "model-b"
price = {{ prompt = 0.15, completion = 0.6 }}

[climb]
model = "a"

[tasks.echo]
data = "echo.jsonl"
scorer = "exact"
bar = 0.8

[gateway]
seconds = {all}

[gateway.fallbacks]
a = ["b"]

[gateway.timeouts]
connect = {connect}
first_byte = {first}
idle = {first}
total = {total}

[gateway.breaker]
streak = 1000000
least = 1000000
hold = 0.01
longest = 0.01
"""
"""The breaker lets go at once, or it would spare the matrix the faults after the first few."""


GUARDS = """
[gateway.guards.personal]
action = "redact"
kinds = ["personal"]

[gateway.guards.secrets]
action = "block"
kinds = ["secrets"]
"""
"""Personal data and secrets, in requests and in answers."""


class Escalera(System):
    """Ours, as `escalera serve` starts it.

    Log, metrics, breaker, prices and fallback are always there; *keys* adds a caller's key with an
    allowance and limits of requests and tokens, large enough never to be met.
    """

    name = "escalera"

    def __init__(
        self, place: Place, a: str, b: str, *, extra: str = "", keys: bool = False
    ) -> None:
        port = free_port()
        key = project(place, a, b, extra=extra, keys=keys)
        self.key = key or self.key
        command = [sys.executable, "-m", "escalera", "serve", "-p", str(place.folder)]
        command += ["--port", str(port), "--models-only"]
        if place.workers > 1:
            command += ["--workers", str(place.workers)]
        super().__init__(port, place, command=command, ready=f"http://127.0.0.1:{port}/health")
        self._log = place.folder / ".escalera" / "gateway" / "calls.sqlite"

    def lost(self) -> int:
        """Records that the request log had no room for."""
        return SQLiteCalls(self._log).tally(CallQuery()).lost


def project(place: Place, a: str, b: str, *, extra: str = "", keys: bool = False) -> str:
    """Write the project of a gateway; a caller's key where *keys* are asked for, else nothing."""
    connect, first, total, everything = place.limits
    text = PROJECT.format(a=a, b=b, connect=connect, first=first, total=total, all=everything)
    place.folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place.folder / ".escalera", ignore_errors=True)
    (place.folder / "escalera.toml").write_text(text + extra)
    (place.folder / "echo.jsonl").write_text(_items())
    return _key(place.folder) if keys else ""


class LiteLLM(System):
    """LiteLLM's proxy from an environment of its own, without a database."""

    name = "litellm"

    def __init__(self, place: Place, a: str, b: str, *, program: Path) -> None:
        port = free_port()
        _, first, total, _ = place.limits
        place.folder.mkdir(parents=True, exist_ok=True)
        file = place.folder / "litellm.json"
        file.write_text(json.dumps(_litellm(a, b, first, total)))
        command = [str(program), "--config", str(file), "--port", str(port), "--host", "127.0.0.1"]
        command += ["--num_workers", str(place.workers), "--telemetry", "False"]
        quiet = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "PYTHONPATH": "",
        }
        ready = f"http://127.0.0.1:{port}/health/liveliness"
        super().__init__(port, place, command=command, ready=ready, environment=quiet)


class BareForwarder(System):
    """The least that a hop costs in this interpreter: `bench.gateway.bare`, without any feature."""

    name = "bare"
    model = "model-a"

    def __init__(self, place: Place, a: str, b: str) -> None:
        del b
        port = free_port()
        upstream = a.removeprefix("http://").removesuffix("/v1")
        command = [sys.executable, "-m", "bench.gateway.bare", "--port", str(port)]
        command += ["--upstream", upstream]
        super().__init__(port, place, command=command, ready=f"http://127.0.0.1:{port}/v1/models")


class Nginx(System):
    """nginx as a plain reverse proxy: the floor of what a hop costs."""

    name = "nginx"
    model = "model-a"

    def __init__(self, place: Place, a: str, b: str) -> None:
        del b
        port = free_port()
        place.folder.mkdir(parents=True, exist_ok=True)
        file = place.folder.resolve() / "nginx.conf"
        upstream = a.removeprefix("http://").removesuffix("/v1")
        file.write_text(NGINX.format(port=port, upstream=upstream, folder=place.folder.resolve()))
        command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(file)]
        super().__init__(port, place, command=command, ready=f"http://127.0.0.1:{port}/v1/models")


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 16m;
  keepalive_requests 1000000000;
  upstream mock {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def litellm_version(program: Path) -> str:
    """What is installed there."""
    asked = "from importlib.metadata import version; print(version('litellm'))"
    done = subprocess.run(
        [str(program.parent / "python"), "-c", asked], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def nginx_version() -> str:
    """What is installed here."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return done.stderr.strip().rpartition("/")[2]


# Below: private.


def _key(folder: Path) -> str:
    """A new key of a project, as a caller sends it."""
    bounds = ["--money", "1000000", "--window", "month"]
    bounds += ["--requests-per-minute", "100000000", "--tokens-per-minute", "10000000000"]
    command = [sys.executable, "-m", "escalera", "keys", "create", "bench", *bounds]
    done = subprocess.run([*command, "-p", str(folder)], capture_output=True, text=True, check=True)
    return next(line for line in done.stdout.splitlines() if line.startswith("esk"))


def _litellm(a: str, b: str, first: float, total: float) -> dict[str, object]:
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/model-{name}",
                "api_base": url,
                "api_key": "k",
                "timeout": total,
                "stream_timeout": first,
                "max_retries": 0,
                "input_cost_per_token": 1.5e-7,
                "output_cost_per_token": 6e-7,
            },
        }
        for name, url in (("a", a), ("b", b))
    ]
    return {
        "model_list": models,
        "router_settings": {
            "fallbacks": [{"a": ["b"]}],
            "num_retries": 0,
            "timeout": total,
            "disable_cooldowns": True,
        },
        "litellm_settings": {"num_retries": 0, "request_timeout": total, "telemetry": False},
    }


def _items() -> str:
    rows = [
        {"id": f"{split}-{n}", "split": split, "input": f"word {split} {n}", "target": f"{n}"}
        for split, many in (("train", 8), ("search", 60), ("confirm", 100))
        for n in range(many)
    ]
    return "\n".join(json.dumps(row) for row in rows)
