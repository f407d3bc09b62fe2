"""Speed of the engine beside `transformers serve` and one answer at a time.

    python -m bench.engine --output bench/results/engine.md     # an hour on two cores
    python -m bench.engine --models tiny --systems Escalera "one at a time" --rounds 1

A model's systems are started one after the other and stay; then every number of clients goes
through all of them, in every round. A first round does not count: what a system makes when it is
needed (memory, kernels for a shape) is made in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.engine import made, systems, tables
from bench.engine.systems import BATCHING, ESCALERA, NAIVE, SERVE, Served
from bench.gateway.processes import pinned

CLIENTS = (1, 8, 32)
LOAD_CORE, SYSTEM_CORE = 0, 1
LEAST = 4
"""Requests of a round, where fewer clients than that ask."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """A model of the bench, how many tokens an answer has, and what every client asks in a round:
    enough that processor time, which is counted in hundredths of a second, says something.
    """

    title: str
    make: Callable[[Path], Path]
    tokens: int
    each: int


MODELS = {
    "tiny": Size(title="The example's model", make=made.tiny, tokens=32, each=4),
    "hundred": Size(title="A Llama of random weights", make=made.hundred, tokens=64, each=1),
}
"""A prompt of the example has some 80 tokens, which cost every system about the same: with answers
of 16 tokens no batching could make the larger model thrice as fast on one core."""


def main() -> None:
    """Measure, and write the page of all that was measured."""
    given = arguments()
    figures = earlier(given)
    for name in given.models:
        size = MODELS[name]
        folder = given.into / "models" / name
        if not (folder / "model.safetensors").is_file():
            size.make(folder)
        found: dict[str, Any] = {
            "parameters": made.count(folder),
            "tokens": size.tokens,
            "each": size.each,
            **about(given),
            "systems": {},
        }
        measure(folder, size, given, found["systems"])
        figures["models"][size.title] = found
        save(figures, given)
        if given.adapters:
            found["adapters"] = adapters(folder, size, given)
            save(figures, given)
    print(tables.page(figures))


def earlier(given: argparse.Namespace) -> dict[str, Any]:
    """What was measured before: models that are not measured now stay on the page."""
    file = None if given.output is None else given.output.with_suffix(".json")
    if file is None or not file.exists():
        return {"models": {}}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def arguments() -> argparse.Namespace:
    """What is asked for."""
    everyone = (ESCALERA, SERVE, BATCHING, NAIVE)
    parser = argparse.ArgumentParser(description="Speed of the engine.")
    parser.add_argument("--into", type=Path, default=Path("build/bench/engine"))
    parser.add_argument("--output", type=Path, help="the page, as Markdown; JSON beside it")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--systems", nargs="+", default=everyone, choices=everyone)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-adapters", dest="adapters", action="store_false")
    return parser.parse_args()


def measure(folder: Path, size: Size, given: argparse.Namespace, found: dict[str, Any]) -> None:
    """Every number of clients, in every round, before every system in turn."""
    place = given.into / folder.name
    starts = {
        ESCALERA: lambda: systems.escalera(folder, place / "escalera", threads=given.threads),
        SERVE: lambda: systems.transformers(folder, place / "serve", batching=False),
        BATCHING: lambda: systems.transformers(folder, place / "batching", batching=True),
        NAIVE: lambda: systems.naive(folder, place / "naive"),
    }
    with ExitStack() as stack:
        running: dict[str, Served] = {}
        for name in given.systems:
            one = starts[name]()
            one.core = SYSTEM_CORE
            one.environment = {**one.environment, "OMP_NUM_THREADS": str(given.threads)}
            running[name] = stack.enter_context(one)
            found[name] = {str(clients): [] for clients in CLIENTS}
        for turn in range(given.rounds + 1):
            for clients in CLIENTS:
                for name, one in running.items():
                    figures = asked(one, clients, size)
                    if turn:
                        found[name][str(clients)].append(figures)
                    rate = figures["tokens_per_second"]
                    print(f"{folder.name} {name} {clients}: {rate:.1f} tokens/s", file=sys.stderr)


def asked(one: Served, clients: int, size: Size) -> dict[str, Any]:
    """What clients got, and the processor time that it took."""
    command = [*pinned(LOAD_CORE), sys.executable, "-m", "bench.engine.clients", one.url]
    command += ["--model", one.model, "--clients", str(clients), "--tokens", str(size.tokens)]
    command += ["--requests", str(max(LEAST, size.each * clients))]
    used = one.seconds
    figures = told(command, os.environ)
    spent = one.seconds - used
    return {**figures, "cpu": spent, "tokens_per_cpu_second": figures["tokens"] / max(spent, 0.01)}


def adapters(folder: Path, size: Size, given: argparse.Namespace) -> dict[str, Any]:
    """Sixteen adapters beside one."""
    kept = given.into / "adapters" / folder.name
    if not kept.is_dir():
        made.adapters(folder, kept)
    command = [*pinned(SYSTEM_CORE), sys.executable, "-m", "bench.engine.adapters"]
    command += [str(folder), str(kept), "--rounds", str(given.rounds)]
    command += ["--tokens", str(size.tokens), "--threads", str(given.threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
    return told(command, environment)


def told(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The line of JSON that a process prints. Raises `RuntimeError` with what it said last."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[4]} ended with {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def about(given: argparse.Namespace) -> dict[str, Any]:
    """What the head of the page says."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "peft"))
    cores = f"{os.cpu_count()} cores, Linux {platform.release()}"
    settings = " ".join(systems.BATCHED)
    return {
        "rounds": given.rounds,
        "threads": given.threads,
        "machine": (
            f"{cores}, Python {platform.python_version()}, {packages}; load average "
            f"{os.getloadavg()[0]:.1f} at the start; continuous batching with `{settings}`"
        ),
    }


def save(figures: dict[str, Any], given: argparse.Namespace) -> None:
    """Keep what was measured so far."""
    if given.output is not None:
        given.output.write_text(tables.page(figures), encoding="utf-8")
        given.output.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
