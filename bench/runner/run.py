"""The same job with Escalera and with other tools: what does a sample cost, and what gets lost?

    python bench/runner/run.py --into build/bench/runner \\
        --inspect-python PATH --promptfoo PATH --lm-eval-python PATH --dspy-python PATH

Each tool runs from an environment of its own; a tool that is not given is left out, and that is
said. Figures are kept in `--into` and later runs add to them; `python bench/runner/table.py` writes
the tables. Processor time is of the whole process tree, so it can be compared on a shared machine;
wall time there is an upper bound.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import jobs
from jobs import Tool
from process import Figures, Mock, killed, measured, started

ROOT = Path(__file__).resolve().parents[2]
KILLED_ITEMS = 400
FAULTY_ITEMS = 200
KILLED_AT = (0.3, 0.5, 0.7)


def main() -> None:
    """Ask every question of every tool that is there."""
    given = arguments()
    figures = Figures(given.into / "figures.json")
    chosen = present(given)
    for question in given.questions:
        for tool in chosen:
            QUESTIONS[question](tool, figures, given)


def about(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """Version and size on disk."""
    found = {"version": jobs.version(tool), "megabytes": installed(tool, given.into)}
    figures.add("about", tool.name, found)


def cost(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """Processor time, wall time and memory at two sizes, the runs of both in turn."""
    sizes, few = [*given.sizes], given.sizes[0]
    if isinstance(tool, jobs.Escalera):
        sizes += given.more
    runs: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(given.runs):
        for size in sizes:
            folder = given.into / tool.name / f"cost-{size}"
            with Mock(latency=given.latency) as mock:
                tool.prepare(folder, size, mock.url)
                used = measured(folder / "run.sh")
                told = tool.outcome(folder, "run", used.code)
                if told.score != 1.0 or told.scored != size or mock.count()["asked"] != size:
                    raise SystemExit(f"{tool.name} did another job: {told}, {mock.count()}")
            runs[size].append({"cpu": used.cpu, "wall": used.wall, "peak": used.peak})
    middle = {
        str(size): {name: statistics.median(run[name] for run in found) for name in found[0]}
        for size, found in runs.items()
    }
    slopes = {
        str(size): 1000
        * statistics.median(
            (b["cpu"] - a["cpu"]) / (size - few) for a, b in zip(runs[few], runs[size], strict=True)
        )
        for size in sizes
        if size != few
    }
    figures.add("cost", tool.name, {"runs": given.runs, "sizes": middle, "slopes": slopes})


def kills(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """Calls beyond one per item after a kill in the middle and the tool's own way to go on."""
    wasted, scores = [], []
    for share in KILLED_AT:
        folder = given.into / tool.name / "kills"
        with Mock(latency=given.latency) as mock:
            tool.prepare(folder, KILLED_ITEMS, mock.url)
            begin = folder / "begin.sh"
            running = started(begin if begin.exists() else folder / "run.sh")
            while mock.count()["answered"] < share * KILLED_ITEMS:
                time.sleep(0.002)
                if running.poll() is not None:
                    raise SystemExit(f"{tool.name} ended before it was killed")
            killed(running)
            used = measured(folder / "resume.sh", limit=given.limit)
            scores.append(tool.outcome(folder, "resume", used.code).score)
            wasted.append(mock.count()["asked"] - KILLED_ITEMS)
    found = {"wasted": wasted, "scores": scores, "items": KILLED_ITEMS}
    figures.add("kills", tool.name, found)


def faults(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """What is said of a model that is always right behind an endpoint that refuses and breaks."""
    with Mock(latency=given.latency, overloaded=0.3, broken=0.05) as mock:
        figures.add("faults", tool.name, _behind(tool, mock, given))


def silence(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """The same where one item in twenty-five never gets an answer."""
    with Mock(latency=given.latency, lost=0.04) as mock:
        figures.add("silence", tool.name, _behind(tool, mock, given))


def _behind(tool: Tool, mock: Mock, given: argparse.Namespace) -> dict[str, object]:
    folder = given.into / tool.name / "faults"
    tool.prepare(folder, FAULTY_ITEMS, mock.url)
    used = measured(folder / "run.sh", limit=given.limit)
    told = jobs.Outcome(score=None, scored=0, exit=None)
    if used.code is not None:
        told = tool.outcome(folder, "run", used.code)
    asked = mock.count()["asked"]
    return {**asdict(told), "wall": used.wall, "asked": asked, "items": FAULTY_ITEMS}


def starts(tool: Tool, figures: Figures, given: argparse.Namespace) -> None:
    """Processor time until a command line says what it can do, and of an import."""
    folder = given.into / tool.name / "starts"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, command in commands(tool).items():
        script = folder / "start.sh"
        script.write_text(f"exec {command}\n")
        used = [measured(script) for _ in range(max(5, given.runs))]
        if any(run.code for run in used):
            print(f"LEFT OUT: {name} is not there", file=sys.stderr)
            continue
        found[name] = statistics.median(run.cpu for run in used)
    figures.add("starts", tool.name, found)


QUESTIONS: dict[str, Callable[[Tool, Figures, argparse.Namespace], None]] = {
    "about": about,
    "cost": cost,
    "kills": kills,
    "faults": faults,
    "silence": silence,
    "starts": starts,
}


def commands(tool: Tool) -> dict[str, str]:
    """What a start is measured with."""
    if isinstance(tool, jobs.Promptfoo):
        return {"help": f"{tool.command} eval --help"}
    module = {"escalera": "escalera", "inspect_ai": "inspect_ai", "lm-eval": "lm_eval"}
    found = {"import": f"{tool.python} -c 'import {tool.package}'"}
    if tool.name in module:
        word = "run" if tool.name == "lm-eval" else "eval"
        found["help"] = f"{tool.python} -m {module[tool.name]} {word} --help"
    if isinstance(tool, jobs.Escalera):
        found["compare"] = f"{tool.python} -m escalera compare --help"
    return found


def installed(tool: Tool, into: Path) -> float:
    """Megabytes of the tool's environment; of ours a fresh one without any extra."""
    if not isinstance(tool, jobs.Escalera):
        return jobs.megabytes(tool)
    fresh = into / "installed"
    if not fresh.exists():
        venv.create(fresh, with_pip=True)
        pip = [fresh / "bin" / "python", "-m", "pip", "install", "--quiet", str(ROOT)]
        subprocess.run(pip, check=True)
    return jobs.megabytes(jobs.Escalera(str(fresh / "bin" / "python")))


def present(given: argparse.Namespace) -> list[Tool]:
    """Ours and every peer that was given; the others are said to be left out."""
    chosen: list[Tool] = [jobs.Escalera()]
    for option, kind in PEERS.items():
        where = getattr(given, option)
        if where is None:
            flag = "--" + option.replace("_", "-")
            print(f"LEFT OUT: {kind.name} is not measured; give {flag}", file=sys.stderr)
        else:
            chosen.append(kind(where))
    return [tool for tool in chosen if not given.only or tool.name in given.only]


PEERS: dict[str, type[Tool]] = {
    "inspect_python": jobs.Inspect,
    "promptfoo": jobs.Promptfoo,
    "lm_eval_python": jobs.Harness,
    "dspy_python": jobs.DSPy,
}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--into", type=Path, required=True)
    for option in PEERS:
        parser.add_argument("--" + option.replace("_", "-"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--questions", nargs="*", choices=[*QUESTIONS], default=[*QUESTIONS])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--more", type=int, nargs="*", default=[5000, 10_000, 100_000])
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--limit", type=float, default=300.0)
    given = parser.parse_args(words)
    given.into = given.into.absolute()
    return given


if __name__ == "__main__":
    main()
