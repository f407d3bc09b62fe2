"""How often the diagnosis of a training names the cause that was planted in it.

    python -m bench.diagnosis --records build/bench/diagnosis --output bench/results/diagnosis.md

Trains the example's base model some 200 times (a few seconds each), once: records are kept in the
folder, and the diagnosis is made anew from them. The exit code is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from bench.diagnosis import runs, tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, diagnose everything, print and write what was found."""
    given = _parser().parse_args(arguments)
    jobs = runs.jobs(given.seed, given.runs)
    records = runs.records(jobs, given.records, workers=given.workers)
    judged = [
        tables.judged(cause, seed, record)
        for (cause, seed), record in zip(jobs, records, strict=True)
    ]
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    how = f"`python -m bench.diagnosis --runs {given.runs} --seed {given.seed}`, {today}."
    text, met = tables.page(judged, how)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0 if met else 1


# Below: private.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.diagnosis")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5000, help="of the first; 1000 for developing")
    parser.add_argument("--records", type=Path, default=Path("build/bench/diagnosis"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
