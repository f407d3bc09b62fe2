"""Is a climb that is killed at random the same climb? Kill it, continue it, compare the reports.

    python bench/kills.py --kills 20 --into /tmp/kills

Runs the running example once without interruption and once killed with SIGKILL at random moments
(seeded), then compares `report --json --no-clocks` byte by byte, and counts what was answered
twice. Prints one line per kill and a verdict; the exit code is 1 when anything differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from escalera import wiring
from escalera.domain.event import Observed, Trained

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "support"
COMMAND = [sys.executable, "-m", "escalera"]


def main() -> int:
    """Compare an uninterrupted climb with one that was killed again and again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    whole, killed = given.into / "whole", given.into / "killed"
    for folder in (whole, killed):
        prepare(folder)
    began = time.monotonic()
    subprocess.run([*COMMAND, "climb", "-p", str(whole)], check=False, capture_output=True)
    seconds = time.monotonic() - began
    print(f"uninterrupted: {seconds:.0f} s, {count(whole)[0]} calls")
    kill_often(killed, given.kills, random.Random(given.seed))
    same = report(whole) == report(killed)
    calls, twice, trained = count(killed)
    print(f"killed {given.kills} times: {calls} calls, {twice} recorded twice, {trained} trainings")
    print("reports without clocks are " + ("byte-identical" if same else "DIFFERENT"))
    return 0 if same and not twice and calls == count(whole)[0] else 1


def prepare(folder: Path) -> None:
    """A fresh copy of the example."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE / "escalera.toml", folder)
    for part in ("data", "model"):
        shutil.copytree(EXAMPLE / part, folder / part)


def kill_often(folder: Path, kills: int, chance: random.Random) -> None:
    """Kill after random times, then let it finish."""
    for number in range(1, kills + 1):
        wait = chance.uniform(2.0, 30.0)
        climb = subprocess.Popen(
            [*COMMAND, "climb", "-p", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            climb.wait(wait)
            print(f"kill {number}: had ended after less than {wait:.1f} s")
        except subprocess.TimeoutExpired:
            climb.kill()
            climb.wait()
            print(f"kill {number}: after {wait:.1f} s, {count(folder)[0]} calls recorded")
    subprocess.run([*COMMAND, "climb", "-p", str(folder)], check=False, capture_output=True)


def report(folder: Path) -> bytes:
    """The report without clock readings."""
    done = subprocess.run(
        [*COMMAND, "report", "-p", str(folder), "--json", "--no-clocks"],
        check=False,
        capture_output=True,
    )
    return done.stdout


def count(folder: Path) -> tuple[int, int, int]:
    """Calls recorded, how many of them more than once, and trainings."""
    installation = wiring.install(folder / "escalera.toml")
    if not installation.journal_file.exists():
        return 0, 0, 0
    journal = installation.journal()
    try:
        events = list(journal.events())
    finally:
        journal.close()
    asked = Counter((e.system, e.item) for e in events if isinstance(e, Observed))
    trained = sum(isinstance(e, Trained) for e in events)
    return sum(asked.values()), sum(n - 1 for n in asked.values()), trained


if __name__ == "__main__":
    sys.exit(main())
