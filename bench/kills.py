"""Is a climb that is killed at random the same climb? Kill it, continue it, compare the reports.

    python bench/kills.py --kills 20 --into build/bench/kills

Runs the running example once without interruption, and again killed with SIGKILL at random moments
(seeded) until as many kills have landed; where a climb ends before that, the next one begins. For
every killed climb it compares `report --json --no-clocks` with the uninterrupted one byte by byte
and counts what was answered twice. Prints one line per kill and a verdict; the exit code is 1 when
anything differs, or when there was nothing to compare.
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
from escalera.domain.event import Observed
from escalera.domain.training import Trained

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "support"
COMMAND = [sys.executable, "-m", "escalera"]
DECIDED = (0, 3, 4)
"""Exit codes of a climb that came to its end."""


def main() -> int:
    """Compare an uninterrupted climb with climbs that were killed again and again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    whole, chance = given.into / "whole", random.Random(given.seed)
    prepare(whole)
    began = time.monotonic()
    finish(whole)
    seconds = time.monotonic() - began
    expected, calls = report(whole), count(whole)[0]
    print(f"uninterrupted: {seconds:.0f} s, {calls} calls", flush=True)
    landed, climbs, wrong = 0, 0, 0
    while landed < given.kills:
        climbs += 1
        folder = given.into / f"killed-{climbs}"
        prepare(folder)
        landed = kill_often(folder, landed, given.kills, chance)
        finish(folder)
        wrong += not same(folder, expected, calls)
    print(f"{landed} kills in {climbs} climbs; {wrong} climbs differ from the uninterrupted one")
    return 1 if wrong else 0


def same(folder: Path, expected: bytes, calls: int) -> bool:
    """Whether a killed climb asked and decided what the uninterrupted one did."""
    asked, twice, trained = count(folder)
    identical = report(folder) == expected
    word = "byte-identical" if identical else "DIFFERENT"
    print(
        f"{folder.name}: {asked} calls, {twice} recorded twice, {trained} trainings, "
        f"reports without clocks {word}",
        flush=True,
    )
    return identical and not twice and asked == calls


def prepare(folder: Path) -> None:
    """A fresh copy of the example."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE / "escalera.toml", folder)
    for part in ("data", "model"):
        shutil.copytree(EXAMPLE / part, folder / part)


def kill_often(folder: Path, landed: int, wanted: int, chance: random.Random) -> int:
    """Kill after random times until enough kills have landed or the climb has ended."""
    while landed < wanted:
        wait = chance.uniform(2.0, 30.0)
        climb = subprocess.Popen(
            [*COMMAND, "climb", "-p", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            climb.wait(wait)
        except subprocess.TimeoutExpired:
            climb.kill()
            climb.wait()
        else:
            return landed
        landed += 1
        print(f"kill {landed}: after {wait:.1f} s, {count(folder)[0]} calls recorded", flush=True)
    return landed


def finish(folder: Path) -> None:
    """Climb to the end; SystemExit when there is none."""
    done = subprocess.run(
        [*COMMAND, "climb", "-p", str(folder)], check=False, capture_output=True, text=True
    )
    if done.returncode not in DECIDED:
        raise SystemExit(f"the climb of {folder} ended with {done.returncode}: {done.stderr}")


def report(folder: Path) -> bytes:
    """The report without clock readings; SystemExit when there is none."""
    done = subprocess.run(
        [*COMMAND, "report", "-p", str(folder), "--json", "--no-clocks"],
        check=False,
        capture_output=True,
    )
    if done.returncode not in DECIDED or b'"verdict"' not in done.stdout:
        raise SystemExit(f"no report of {folder}: {done.stderr.decode()}")
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
