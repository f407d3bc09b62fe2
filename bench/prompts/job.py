"""What one run of a tool is given, what it says, and how a tool in another interpreter is run.

Standard library only: other tools' environments import it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SEARCH, CONFIRM = 160, 240
"""Items that there are: ours chooses on the first and confirms on the others."""

ITEMS = tuple(str(number) for number in range(SEARCH + CONFIRM))


@dataclass(frozen=True, kw_only=True)
class Job:
    """One search: a landscape, the seed of it and of the tool, and the calls that there are.

    `calls` is None where the tool has its own end.
    """

    landscape: str
    seed: int
    calls: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a tool ships, the score that it tells for it, and what it has asked.

    `calls` counts the model of the task and the one that writes prompts. `chosen` is the prompt
    that its search preferred, whether it is shipped or not.
    """

    prompt: str
    reported: float
    calls: int
    chosen: str


def serve(run: Callable[[Job], Outcome]) -> None:
    """Run the jobs of a file (argument 1) and write their outcomes to another (argument 2)."""
    jobs = [Job(**entry) for entry in json.loads(Path(sys.argv[1]).read_text())]
    with Path(sys.argv[2]).open("w") as lines:
        for entry in jobs:
            lines.write(json.dumps(asdict(run(entry))) + "\n")
            lines.flush()


def asked(python: Path, module: str, jobs: Sequence[Job], folder: Path) -> list[Outcome]:
    """The outcomes of *jobs* with the tool that *module* drives under *python*."""
    given, told = folder / f"{module}.jobs.json", folder / f"{module}.outcomes.jsonl"
    given.write_text(json.dumps([asdict(job) for job in jobs]))
    with (folder / f"{module}.log").open("w") as log:
        subprocess.run(
            [str(python), "-m", f"bench.prompts.{module}", str(given), str(told)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            check=True,
        )
    return [Outcome(**json.loads(line)) for line in told.read_text().splitlines()]
