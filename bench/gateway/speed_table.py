"""The figures of `python -m bench.gateway` as a table: ranges over the rounds, and ratios."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

TITLES = {
    "json-1": "JSON, 1 connection",
    "json-32": "JSON, 32 connections",
    "json-128": "JSON, 128 connections",
    "json-196k": "JSON of 196 KB, 16 connections",
    "stream-1": "streams of 100 tokens at once, 1 connection",
    "stream-32": "streams of 100 tokens at once, 32 connections",
    "paced-json": "JSON at a rate, answers after 50 ms",
    "paced-stream": "streams at a rate, 50 ms to the first token, 10 ms between two",
}

HEAD = """# What the gateway costs

Written by `make bench-gateway`. The mock upstream and the load share one core, the system under
test has the other; systems take turns at every point. Ranges are over the rounds. CPU is the
processor time of the system's own processes, for a request or, in streams, for an event. Ratios are
of the medians of requests a second, and of the least CPU: the first is what a caller sees, and
depends on what others on the machine leave and on whether mock and load keep up (nginx waits for
them); the second is what a system costs. *Added* times are medians less those of the upstream asked
directly; the first word is the second event of a stream, behind the role. *Bare* passes bytes on
and does nothing else (`bench/gateway/bare.py`): what a hop costs in this interpreter; the rest is
what the gateway does. With `--priority` all of it goes before other programs (`nice`). *Lost* are
records that the request log had no room for in all of this."""


def load(folder: Path) -> dict[str, Any]:
    """What was measured last."""
    file = folder / "speed.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"systems": {}}
    return found


def show(folder: Path) -> None:
    """The tables in the terminal."""
    print("\n".join(lines(folder)))


def write(folder: Path, output: Path) -> None:
    """The page."""
    output.write_text("\n".join([*HEAD.splitlines(), "", *lines(folder), ""]))


def lines(folder: Path) -> list[str]:
    """Everything that was measured."""
    found = load(folder)
    systems = found["systems"]
    told = [f"Machine: {found.get('machine', 'unknown')}.", ""]
    if systems:
        told += _about(systems)
    for point, title in TITLES.items():
        if any(point in one["points"] for one in systems.values()):
            told += ["", f"## {title[0].upper()}{title[1:]}", "", *_point(point, systems)]
    return told + _soaked(folder / "soak.json")


# Below: private.


def _about(systems: dict[str, Any]) -> list[str]:
    rows = [
        "| | version | ready after, s | MB at start | MB after the load | MB a stalled reader "
        "| lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in systems.items():
        if "started" in one:
            figures = (one["started"], one["rss"], one.get("rss_after", 0), one.get("stalled", 0))
            shown = " | ".join(f"{figure:.2f}" for figure in figures)
            rows.append(f"| {name} | {one['version']} | {shown} | {one.get('lost', '')} |")
    return rows


def _point(point: str, systems: dict[str, Any]) -> list[str]:
    streams = "stream" in point
    unit, cost = ("event", "cpu_event") if streams else ("request", "cpu_request")
    time, what = ("first_p50", "first word") if streams else ("whole_p50", "answer")
    runs = {name: one["points"][point] for name, one in systems.items() if point in one["points"]}
    direct = min((run[time] for run in runs.get("direct", [])), default=0.0)
    floor, peer = runs.get("nginx", []), runs.get("litellm", [])
    rows = [
        f"| | requests/s | x nginx | x LiteLLM | CPU µs / {unit} | x nginx | x LiteLLM "
        f"| {what}: p50, ms | added p50, ms | p99, ms | others on the core | failures |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in runs.items():
        own = _least(found, cost)
        paced = point.startswith("paced")  # all answer what is asked of them
        added = "" if name == "direct" else f"{min(run[time] for run in found) - direct:.3f}"
        p99 = _range([run[time.replace("p50", "p99")] for run in found], 2)
        rows.append(
            f"| {name} | {_range([run['rate'] for run in found], 0)} "
            f"| {'' if paced else _times(_rate(found), _rate(floor), 2)} "
            f"| {'' if paced else _times(_rate(found), _rate(peer), 0)} "
            f"| {_range([run[cost] for run in found], 1) if own else ''} "
            f"| {_times(_least(floor, cost), own, 2)} | {_times(_least(peer, cost), own, 0)} "
            f"| {_range([run[time] for run in found], 3)} | {added} | {p99} "
            f"| {100 * median(run['others'] for run in found):.0f} % "
            f"| {sum(run['failures'] for run in found):.0f} |"
        )
    return rows


def _least(found: list[dict[str, float]], key: str) -> float:
    """The run that others disturbed least."""
    return min((run[key] for run in found), default=0.0)


def _rate(found: list[dict[str, float]]) -> float:
    return median(run["rate"] for run in found) if found else 0.0


def _times(one: float, other: float, digits: int) -> str:
    """How many times the other; empty where either was not measured."""
    return f"{one / other:.{digits}f}" if one and other else ""


def _range(values: list[float], digits: int) -> str:
    low, high = f"{min(values):,.{digits}f}", f"{max(values):,.{digits}f}"
    return low if low == high else f"{low}-{high}"


def _soaked(file: Path) -> list[str]:
    if not file.exists():
        return []
    found = json.loads(file.read_text())
    samples = found["samples"]
    later = samples[len(samples) // 2 :]
    slope, _ = linear_regression([one["at"] for one in later], [one["rss"] for one in later])
    quarters = [samples[(len(samples) - 1) * n // 4]["rss"] for n in range(5)]
    asked = sum(one["requests"] for one in samples)
    return [
        "",
        "## A soak",
        "",
        f"{(samples[-1]['at'] - samples[0]['at']) / 60:.0f} minutes of JSON and streams, over half "
        f"of the time with a faulty upstream: {asked:,} requests. Memory after the first sample "
        f"and after each quarter: {', '.join(f'{rss:.1f}' for rss in quarters)} MB; over the "
        f"second half {3600 * slope:+.1f} MB an hour (least squares).",
    ]
