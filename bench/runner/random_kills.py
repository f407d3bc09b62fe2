"""Is a run that is killed at random the same run, and what is paid twice? As many kills as fit.

    python bench/runner/random_kills.py --kills 500 --minutes 15 --into build/bench/random_kills

A project with one task is measured (`--command eval`) or climbed against the mock, killed with
SIGKILL whenever a random number of calls was answered, and continued, again and again; then the
next project begins. After every kill: calls asked since the last one without an answer in the
journal, at most those in flight. After every project: each row that a kill left is still there
unchanged, each call is recorded once, and the result without clock readings is byte for byte that
of an uninterrupted run. The exit code is 1 when any of this fails.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from jobs import Escalera
from process import Figures, Mock, killed, measured, started

from escalera import wiring
from escalera.apps.workspace import as_json
from escalera.domain.event import Observed

ANSWERED = (0, 3, 4)
"""Exit codes of a run that came to its end."""
CLIMB = """
[tasks.words.prompt]
role = "You are an echo."
instruction = "Repeat the word."
output = "One word."
"""


@dataclass
class Tally:
    """What the kills did."""

    wasted: list[int] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    projects: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Kill until there are enough kills or the time is over."""
    given = arguments()
    chance, tally = random.Random(given.seed), Tally()
    ends = time.monotonic() + 60 * given.minutes
    with Mock(latency=given.latency) as mock:  # one for all: its address is part of the evidence
        expected, calls = uninterrupted(given, mock)
        while len(tally.wasted) < given.kills and time.monotonic() < ends:
            tortured(given, Torture(mock, chance, tally), expected, calls)
            print(f"{len(tally.wasted)} kills in {tally.projects} projects", flush=True)
    found = {
        "kills": len(tally.wasted),
        "projects": tally.projects,
        "items": given.items,
        "calls": calls,
        "flying": given.flying,
        "most_wasted": max(tally.wasted),
        "mean_wasted": statistics.fmean(tally.wasted),
        "wrong": tally.wrong,
    }
    name = f"{given.command}, seed {given.seed}"
    Figures(given.into / "figures.json").add("random kills", name, found)
    return 1 if tally.wrong else 0


@dataclass
class Torture:
    """What kills work with; `before` is what the mock was asked for earlier projects."""

    mock: Mock
    chance: random.Random
    tally: Tally
    before: int = 0

    def asked(self) -> int:
        """Calls for this project."""
        return self.mock.count()["asked"] - self.before

    def kill(self, folder: Path, target: int) -> bool:
        """Run until *target* calls were made in all and a little longer; whether a kill landed."""
        running = started(folder / "resume.sh")
        while self.asked() < target and running.poll() is None:
            time.sleep(0.001)
        time.sleep(self.chance.uniform(0.0, 0.02))
        if running.poll() is not None:
            return False
        killed(running)
        time.sleep(0.05)  # what was on its way reaches the mock
        return True


def uninterrupted(given: argparse.Namespace, mock: Mock) -> tuple[str, int]:
    """The result of a run that nobody kills, and its calls."""
    folder = given.into / f"{given.command}-whole"
    prepare(folder, given, mock)
    finish(folder)
    return result(folder, given.command), mock.count()["asked"]


def tortured(given: argparse.Namespace, torture: Torture, expected: str, calls: int) -> None:
    """One project, killed at random numbers of calls and then finished."""
    tally = torture.tally
    tally.projects += 1
    folder = given.into / f"{given.command}-killed"
    left: list[tuple[int, str]] = []
    torture.before = torture.mock.count()["asked"]
    prepare(folder, given, torture.mock)
    for target in sorted(torture.chance.randrange(calls) for _ in range(given.each)):
        if len(tally.wasted) == given.kills:
            break
        asked, known = torture.asked(), recorded(folder)[2]
        if target <= known or not torture.kill(folder, asked + target - known):
            continue
        position, head, now = recorded(folder)
        left.append((position, head))
        wasted = torture.asked() - asked - (now - known)
        tally.wasted.append(wasted)
        if not 0 <= wasted <= given.flying:
            tally.wrong.append(f"{wasted} calls wasted by one kill")
    finish(folder)
    beyond = torture.asked() - calls
    if beyond != sum(tally.wasted[len(tally.wasted) - len(left) :]):
        tally.wrong.append(f"{beyond} calls beyond those of an uninterrupted run")
    tally.wrong += lost(folder, left, calls)
    if result(folder, given.command) != expected:
        tally.wrong.append(f"project {tally.projects} has another result")


def recorded(folder: Path) -> tuple[int, str, int]:
    """The journal's last position, the hash there, and how many answers it holds."""
    file = folder / ".escalera" / "journal.sqlite"
    if not file.exists():
        return 0, "", 0
    journal = sqlite3.connect(file)
    try:
        answers = "select count(*) from journal where kind = 'observed'"
        last = "select position, hash from journal order by position desc limit 1"
        found = journal.execute(last).fetchone() or (0, "")
        return (*found, journal.execute(answers).fetchone()[0])
    except sqlite3.OperationalError:
        return 0, "", 0  # killed before there was a table
    finally:
        journal.close()


def lost(folder: Path, left: list[tuple[int, str]], calls: int) -> list[str]:
    """What is wrong with the finished journal: rows gone or changed, calls recorded twice."""
    found = []
    file = folder / ".escalera" / "journal.sqlite"
    journal = sqlite3.connect(file)
    hashes = dict(journal.execute("select position, hash from journal"))
    journal.close()
    found += [f"row {at} is gone or changed" for at, head in left if at and hashes[at] != head]
    opened = wiring.install(folder / "escalera.toml").journal()
    seen = Counter(
        (e.system, e.item_digest, e.repeat) for e in opened.events() if isinstance(e, Observed)
    )
    opened.close()
    if seen.total() != calls or len(seen) != calls:
        found.append(f"{seen.total()} answers to {len(seen)} calls instead of {calls}")
    return found


def prepare(folder: Path, given: argparse.Namespace, mock: Mock) -> None:
    """The project with the scripts that run it."""
    more = CLIMB if given.command == "climb" else ""
    Escalera(flying=given.flying, more=more).prepare(folder, given.items, mock.url)
    if given.command == "climb":
        for script in ("run.sh", "resume.sh"):
            text = (folder / script).read_text()
            (folder / script).write_text(
                text.replace("eval remote", "climb").replace(" --json", "")
            )
        read = (folder / "resume.sh").read_text().replace("climb", "report", 1)
        (folder / "read.sh").write_text(f"{read.rstrip()} --json --no-clocks\n")


def finish(folder: Path) -> None:
    """Run to the end; SystemExit when there is none."""
    code = measured(folder / "resume.sh").code
    if code not in ANSWERED:
        raise SystemExit(f"exit {code}: {(folder / 'resume.err').read_text()}")


def result(folder: Path, command: str) -> str:
    """What the run found, without clock readings."""
    if command == "climb":
        measured(folder / "read.sh")
        return (folder / "read.out").read_text()
    document = json.loads((folder / "resume.out").read_text())
    for row in document["systems"]:
        del row["clocks"]
    return as_json(document)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--command", choices=["eval", "climb"], default="eval")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--each", type=int, default=25, help="kills of one project")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.005)
    parser.add_argument("--flying", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.into = given.into.absolute()
    return given


if __name__ == "__main__":
    sys.exit(main())
