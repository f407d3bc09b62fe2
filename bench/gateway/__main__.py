"""What does the gateway cost, beside nginx and LiteLLM's proxy, on the same core?

    python -m bench.gateway --litellm PATH/bin/litellm --output bench/results/gateway.md

Mock upstream and load share one core, the gateway under test has the other. Systems take turns at
every point, three rounds; processor time is that of the gateway's processes, so it can be compared
on a shared machine, while wall figures there are what was left to it. Figures are kept in `--into`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway import speed_table, stalling
from bench.gateway.processes import MockUpstream, pinned
from bench.gateway.systems import (
    GUARDS,
    BareForwarder,
    Escalera,
    LiteLLM,
    Nginx,
    Place,
    System,
    litellm_version,
    nginx_version,
)

LOAD_CORE, SYSTEM_CORE = 0, 1
OURS: dict[str, dict[str, Any]] = {
    "escalera": {"keys": True},
    "with guards": {"keys": True, "extra": GUARDS},
    "without keys": {},
}
"""Ours: with everything on but guards, with them too, and for whom has one caller only."""
TOKENS = 100


@dataclass(frozen=True, kw_only=True)
class Point:
    """A load: what is asked, and how the upstream is paced. `slow` is the rate for LiteLLM."""

    name: str
    options: tuple[str, ...]
    first: float = 0.0
    gap: float = 0.0
    rate: float = 0.0
    slow: float = 0.0


POINTS = (
    Point(name="json-1", options=("--connections", "1")),
    Point(name="json-32", options=("--connections", "32")),
    Point(name="json-128", options=("--connections", "128")),
    Point(name="json-196k", options=("--connections", "16", "--size", "196000")),
    Point(name="stream-1", options=("--connections", "1", "--stream")),
    Point(name="stream-32", options=("--connections", "32", "--stream")),
    Point(name="paced-json", options=(), first=0.05, rate=500, slow=30),
    Point(name="paced-stream", options=("--stream",), first=0.05, gap=0.01, rate=150, slow=4),
)

SOAKED = tuple(
    (fault, options)
    for fault in ("", "", "cut-mid", "status-500", "body-cut")
    for options in (("--rate", "300"), ("--rate", "30", "--stream"))
)
"""What a soak goes through: faults of the upstream, and loads."""


def main() -> None:
    """Measure, then write the table of all that was measured."""
    given = arguments()
    if given.soak:
        soak(given)
    else:
        measure(given)
    if given.output is not None:
        speed_table.write(given.into, given.output)
    speed_table.show(given.into)


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="The cost of a gateway.")
    parser.add_argument("--into", type=Path, default=Path("build/bench/gateway"))
    parser.add_argument("--output", type=Path, help="the table, as Markdown")
    parser.add_argument("--litellm", type=Path, help="the program of LiteLLM's proxy")
    everyone = ["direct", "nginx", "bare", *OURS, "litellm"]
    parser.add_argument("--systems", nargs="+", default=everyone, choices=everyone)
    points = [point.name for point in POINTS]
    parser.add_argument("--points", nargs="+", default=points, choices=points)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--priority", action="store_true", help="go before others (needs root)")
    parser.add_argument("--soak", type=float, default=0.0, help="minutes of a mixed load instead")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    return given


def measure(given: argparse.Namespace) -> None:
    """Every point for every system, in turns."""
    figures: dict[str, Any] = {"machine": machine(), "systems": {}}
    with ExitStack() as stack:
        mock = MockUpstream("A", "--tokens", str(TOKENS), core=LOAD_CORE)
        mock.first = given.priority
        a = stack.enter_context(mock)
        served = {}
        for name, system in systems(given, a):
            if system is not None:
                system.first = given.priority
                stack.enter_context(system)
            served[name] = system
            started = {} if system is None else {"started": system.started, "rss": system.megabytes}
            figures["systems"][name] = {"version": version(name, given), **started, "points": {}}
        for point in (point for point in POINTS if point.name in given.points):
            a.tell(pace={"first": point.first, "gap": point.gap})
            for _ in range(given.rounds):
                for name, system in served.items():
                    found = figures["systems"][name]["points"].setdefault(point.name, [])
                    found.append(loaded(name, system, a, point, given))
            save(given.into, figures)
        a.tell(pace={"first": 0.0, "gap": 0.0, "tokens": 400_000})
        for name, system in served.items():
            if system is not None:
                found = figures["systems"][name]
                found["rss_after"] = system.megabytes
                found["stalled"] = stalling.grown(system)
                if isinstance(system, Escalera):
                    found["lost"] = system.lost()
        save(given.into, figures)


def systems(given: argparse.Namespace, a: MockUpstream) -> Iterator[tuple[str, System | None]]:
    """Who is measured: None stands for the upstream itself."""
    for name in given.systems:
        place = Place(folder=given.into / name, core=SYSTEM_CORE, hasty=False)
        if name == "direct":
            yield name, None
        elif name == "nginx":
            yield name, Nginx(place, a.url, a.url)
        elif name == "bare":
            yield name, BareForwarder(place, a.url, a.url)
        elif name in OURS:
            yield name, Escalera(place, a.url, a.url, **OURS[name])
        elif given.litellm is not None:
            yield name, LiteLLM(place, a.url, a.url, program=given.litellm)


def loaded(
    name: str, system: System | None, a: MockUpstream, point: Point, given: argparse.Namespace
) -> dict[str, float]:
    """One burst: what came back, and what the system took for it."""
    url, model, key = ("", "", "") if system is None else (system.url, system.model, system.key)
    command = [sys.executable, "-m", "bench.gateway.load", url or a.url, "--model", model or "a"]
    command += ["--key", key or "k", *point.options]
    if point.rate:
        rate = point.slow if name == "litellm" else point.rate
        command += ["--rate", str(rate)]
    before, began = idle(SYSTEM_CORE), time.perf_counter()
    used = 0.0 if system is None else system.seconds
    done = subprocess.run(
        [*pinned(LOAD_CORE, first=given.priority), *command, "--seconds", str(given.seconds)],
        capture_output=True,
        text=True,
        check=True,
    )
    spent = time.perf_counter() - began
    found: dict[str, float] = json.loads(done.stdout)
    cpu = 0.0 if system is None else system.seconds - used
    busy = 1 - (idle(SYSTEM_CORE) - before) / spent
    units = found["events"] or found["requests"] or 1
    return {
        **found,
        "cpu": cpu,
        "cpu_request": 1e6 * cpu / max(1.0, found["requests"]),
        "cpu_event": 1e6 * cpu / units,
        "others": max(0.0, busy - cpu / spent),
    }


def soak(given: argparse.Namespace) -> None:
    """A mixed load for a while; memory and processor time every few seconds."""
    figures: dict[str, Any] = {"machine": machine(), "minutes": given.soak, "samples": []}
    place = Place(folder=given.into / "soak", hasty=False)
    with (
        MockUpstream("A") as a,
        MockUpstream("B") as b,
        Escalera(place, a.url, b.url, keys=True) as system,
    ):
        end = time.monotonic() + 60 * given.soak
        while time.monotonic() < end:
            for fault, options in SOAKED:
                a.tell(fault=fault)
                sample(system, figures, options)
            (given.into / "soak.json").write_text(json.dumps(figures))


def sample(system: System, figures: dict[str, Any], options: tuple[str, ...]) -> None:
    """A few seconds of load at a bearable rate, then a look at the process."""
    command = [sys.executable, "-m", "bench.gateway.load", system.url, "--key", system.key]
    command += options
    done = subprocess.run(
        [*command, "--seconds", "3", "--patience", "30"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    figures["samples"].append(
        {
            "at": time.monotonic(),
            "rss": system.megabytes,
            "cpu": system.seconds,
            "requests": found["requests"],
            "failures": found["failures"],
        }
    )


def version(name: str, given: argparse.Namespace) -> str:
    """What is measured, as it calls itself."""
    asked: dict[str, Callable[[], str]] = {
        "nginx": nginx_version,
        "litellm": lambda: litellm_version(given.litellm),
    }
    return asked.get(name, str)()


def machine() -> str:
    """Cores, kernel and interpreter."""
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def idle(core: int) -> float:
    """Seconds that a core has been idle since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return int(line.split()[4]) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError(f"there is no core {core}")


def save(into: Path, figures: dict[str, Any]) -> None:
    """Keep what was measured so far."""
    (into / "speed.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
