"""Our prompt search beside GEPA and MIPROv2 before a real model, at equal calls.

    python -m bench.prompts.tiny --peer-python PATH --output bench/results/prompts_tiny.md

PATH is an interpreter with `gepa` and `dspy[optuna]`; without it only ours runs, and that is said.
The model is the example's own (1.4 million parameters). The exit code is 1 where ours is worse on
any task, 0 otherwise.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, stdev

from bench.decisions.tables import percent, signed, table
from bench.prompts import ours
from bench.prompts.__main__ import PEERS, run
from bench.prompts.job import ROOT, Job, asked
from bench.prompts.tables import OURS, Found
from bench.prompts.tiny_client import TASKS, WHERE, drawn

CALIBRATION = 1_000
"""The seed whose held-out rows say what a rule by itself is worth to the proposer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print and write what was found."""
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, served() as url:
        os.environ[WHERE] = str(_told(Path(folder), url))
        seeds = range(given.seed, given.seed + given.runs)
        jobs = [Job(landscape=name, seed=seed) for name in TASKS for seed in seeds]
        found = {OURS: [run(job, ours.run(job)) for job in jobs]}
        equal = [
            Job(landscape=one.landscape, seed=one.seed, calls=one.calls) for one in found[OURS]
        ]
        if given.peer_python is None:
            print("LEFT OUT: GEPA and MIPROv2, --peer-python was not given", file=sys.stderr)
        else:
            for name, module in PEERS.items():
                outcomes = asked(given.peer_python, module, equal, Path(folder))
                found[name] = [run(*pair) for pair in zip(equal, outcomes, strict=True)]
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    text = page(found, f"`python -m bench.prompts.tiny --runs {given.runs}`, {today}.")
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0 if all(worst(found, task) >= 0 for task in TASKS) else 1


def worst(found: Found, task: str) -> float:
    """The least mean difference of ours to another tool, in held-out score."""
    others = [name for name in found if name != OURS]
    return min((fmean(_differences(found, name, task)) for name in others), default=0.0)


def page(found: Found, command: str) -> str:
    """One row per task and tool."""
    body = []
    for task in TASKS:
        for name, runs in found.items():
            some = [one for one in runs if one.landscape == task]
            gaps = _differences(found, name, task)
            error = stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
            body.append(
                (
                    task,
                    name,
                    str(len(some)),
                    f"{fmean(one.before for one in some):.3f}",
                    f"{fmean(one.truth for one in some):.3f}",
                    "" if name == OURS else f"{signed(fmean(gaps))} ± {error:.3f}",
                    signed(fmean(one.reported - one.truth for one in some)),
                    f"{fmean(one.calls for one in some):.0f}",
                    percent(fmean(one.false for one in some)),
                )
            )
    head = ("task", "tool", "runs", "seed prompt", "held-out score", "ours minus theirs",
            "told too high by", "calls", "false shipments")  # fmt: skip
    return f"# Prompt search before a real model\n\n{command}\n{_SETTING}\n\n{table(head, body)}"


@contextmanager
def served() -> Iterator[str]:
    """The address at which the example's model answers, for as long as the block lasts."""
    command = [sys.executable, "-m", "bench.prompts.tiny_server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as server:
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.stdin.close()


# Private.

_SETTING = """
The example's own model (1.4 million parameters) answers, greedily, over loopback. Every search
begins with the instruction alone; the sentences that the proposer may write are those of
`bench/prompts/tiny_client.py`: contracts that name some of the labels, contracts with other labels,
and sentences that do nothing. The proposer, the items (160 and 240) and the settings of the tools
are those of `python -m bench.prompts`; the truth is the mean score on 500 messages that no search
sees. MIPROv2's model sees the instruction and the message, without DSPy's fields, which a model of
this size does not understand; it first looks for right answers under the seed prompt, of which
there are none, and that takes most of its calls. Each run draws its messages anew; "ours minus
theirs" is paired by run, with its standard error."""


def _differences(found: Found, name: str, task: str) -> list[float]:
    pairs = zip(found[OURS], found[name], strict=True)
    return [one.truth - other.truth for one, other in pairs if one.landscape == task]


def _told(folder: Path, url: str) -> Path:
    """The file that tells where the model answers, and what each rule is worth."""
    told = folder / "tiny.json"
    told.write_text(json.dumps({"url": url, "worth": {name: _worth(name, url) for name in TASKS}}))
    return told


def _worth(name: str, url: str) -> list[float]:
    """What each rule adds to the seed prompt by itself; 0 where it adds less than two points."""
    model = drawn(name, CALIBRATION, url, ())
    before = model.truth(model.seed_prompt)
    gains = [model.truth(model.prompt([rule])) - before for rule in range(len(model.rules))]
    return [gain if gain >= 0.02 else 0.0 for gain in gains]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.prompts.tiny")
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--output", type=Path, help="file to write the table to")
    parser.add_argument("--runs", type=int, default=5, help="of every task")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
