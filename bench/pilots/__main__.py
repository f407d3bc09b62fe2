"""Choose among simulated bases and among real small ones, and write the table.

    python -m bench.pilots --data ../shared/data --output bench/results/pilots.md

What is trained is kept in `--cache`. A quarter of an hour on a quiet core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.bases import pretrained
from bench.pilots import choosing, measured, simulated, tables
from bench.pilots.measured import Place
from bench.pilots.tables import Outcome

WAYS = {
    "pilots": choosing.ours,
    "one size": choosing.one_size,
    "halving by score": choosing.halving,
}


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing, choose, judge, print and write."""
    parser = argparse.ArgumentParser(prog="bench.pilots")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--bases", type=Path, default=Path("build/bench/bases"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench/pilots"))
    parser.add_argument("--fields", type=int, default=100, help="simulated projects")
    parser.add_argument("--tasks", nargs="*", default=list(measured.TASKS), help="only these")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    asked = parser.parse_args(arguments)
    place = Place(asked.data, asked.bases, asked.cache)
    text = tables.page(simulations(asked.fields), real(place, asked.tasks))
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def simulations(count: int) -> list[Outcome]:
    """Every way on every simulated project."""
    found = []
    names = [f"{base}" for base in range(simulated.BASES)]
    for number in range(count):
        field = simulated.field(number)
        truths = {name: field.score(int(name), simulated.POOL) for name in names}
        full = {name: field.full(int(name)) for name in names}
        for way, choose in WAYS.items():
            choice = choose(names, lambda n, plan, f=field: f.pilot(int(n), plan), simulated.POOL)
            found.append(
                Outcome(where="simulated", way=way, choice=choice, truths=truths, full=full)
            )
    return found


def real(place: Place, asked: Sequence[str]) -> list[Outcome]:
    """Every way on every task, with pilots on several orders of the examples."""
    found = []
    names = [base.name for base in pretrained.BASES]
    for task in asked:
        full = {name: measured.full(name, task, place) for name in names}
        truths = {name: float(scores.mean()) for name, scores in full.items()}
        for resample in range(measured.RESAMPLES):

            def pilot(name: str, plan, *, task: str = task, resample: int = resample):
                return measured.pilot(name, task, plan, resample, place)

            for way, choose in WAYS.items():
                choice = choose(names, pilot, measured.pool(task))
                found.append(Outcome(where=task, way=way, choice=choice, truths=truths, full=full))
            print(task, resample, file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
