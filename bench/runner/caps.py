"""Is a cap of money kept to the micro-dollar with hundreds of calls in flight?

    python bench/runner/caps.py --caps 20 --into build/bench/runner
    python bench/runner/caps.py --caps 20 --kills 2 --into build/bench/runner

Runs `escalera eval` under caps drawn at random, with prompts of very different lengths, and adds up
what the endpoint has counted at the project's prices. With `--kills` each run is killed that often
with SIGKILL and continued, and calls that were cut off are paid for too. The exit code is 1 when a
cap was exceeded, or when more was left than the dearest call could have cost (after kills: than all
calls in flight at each of them).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path

from jobs import Escalera
from process import Figures, Mock, killed, measured, started

PROMPT, COMPLETION = 1, 2
"""Micro-dollars per token, as in project.toml."""
LONGEST = 40
"""Words of the longest message."""


def main() -> int:
    """One run per cap."""
    given = arguments()
    chance = random.Random(given.seed)
    runs = [spent(given, chance) for _ in range(given.caps)]
    found = {
        "runs": len(runs),
        "flying": given.flying,
        "peak": max(run["peak"] for run in runs),
        "calls": sum(run["calls"] for run in runs),
        "most_over": max(run["spent"] - run["cap"] for run in runs),
        "most_left": max(run["cap"] - run["spent"] for run in runs),
        "dearest": max(run["dearest"] for run in runs),
        "caps": [min(run["cap"] for run in runs), max(run["cap"] for run in runs)],
    }
    found["kills"] = given.kills
    name = "killed" if given.kills else "escalera"
    Figures(given.into / "figures.json").add("caps", name, found)
    spared = 1 + given.kills * given.flying
    wrong = found["most_over"] > 0 or any(
        run["cap"] - run["spent"] >= spared * run["dearest"] for run in runs
    )
    return 1 if wrong else 0


def spent(given: argparse.Namespace, chance: random.Random) -> dict[str, int]:
    """One run: the cap, what was paid, and the worst case of the dearest call."""
    cap = chance.randrange(given.items * 4, given.items * 20)
    folder = given.into / "caps"
    with Mock(latency=0.5) as mock:
        more = f"\n[budget]\nmoney = {cap / 1e6}\n"
        Escalera(flying=given.flying, more=more).prepare(folder, given.items, mock.url)
        longest = lengthened(folder / "items.jsonl", chance)
        for n in range(given.kills):
            begun = started(folder / ("resume.sh" if n else "run.sh"))
            wait_for = chance.randrange(cap // 60 * (n + 1))
            while mock.count()["answered"] < wait_for and begun.poll() is None:
                time.sleep(0.01)
            if begun.poll() is None:
                killed(begun)
            time.sleep(1.0)  # calls that were cut off are answered, and paid for
        scripts = ("resume", "resume") if given.kills else ("run", "resume")
        for script in scripts:  # the last finds the cap used up
            code = measured(folder / f"{script}.sh").code
            missing = json.loads((folder / f"{script}.out").read_text())["missing_calls"]
            if (code, missing > 0) != (3, True):
                raise SystemExit(f"the cap of {cap} was not reached: exit {code}")
        seen = mock.count()
    prompt = seen["tokens"] - seen["answered"]
    paid = prompt * PROMPT + seen["answered"] * COMPLETION
    dearest = (longest + 8) * PROMPT + 8 * COMPLETION
    print(f"cap {cap}: {paid} paid for {seen['answered']} calls", flush=True)
    return {
        "cap": cap,
        "spent": paid,
        "calls": seen["answered"],
        "peak": seen["peak"],
        "dearest": dearest,
    }


def lengthened(file: Path, chance: random.Random) -> int:
    """Give every message another length; the bytes of the longest."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["input"] = "say " * chance.randrange(1, LONGEST) + row["target"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return max(len(row["input"]) for row in rows)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--caps", type=int, default=20)
    parser.add_argument("--items", type=int, default=8000)
    parser.add_argument("--flying", type=int, default=512)
    parser.add_argument("--kills", type=int, default=0, help="kills of each run")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.into = given.into.absolute()
    shutil.rmtree(given.into / "caps", ignore_errors=True)
    return given


if __name__ == "__main__":
    sys.exit(main())
