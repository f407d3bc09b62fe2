"""Our prompt search beside GEPA and MIPROv2 at equal calls, on landscapes whose truth is known.

    python -m bench.prompts --peer-python PATH --output bench/results/prompts.md

PATH is an interpreter with `gepa` and `dspy[optuna]`; without it only ours runs, and that is said.
Each run of ours comes first; the others get as many calls as it used, its confirmation included.
The exit code is 1 where a target is missed, 0 otherwise.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path

from bench.prompts import ours, tables
from bench.prompts.job import Job, Outcome, asked
from bench.prompts.landscapes import NULLS, ORDINARY
from bench.prompts.models import model_of
from bench.prompts.tables import Run

PEERS = {"GEPA": "peer_gepa", "MIPROv2": "peer_mipro"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print and write what was found."""
    given = _parser().parse_args(arguments)
    jobs = [
        Job(landscape=name, seed=given.seed + n) for name in ORDINARY for n in range(given.runs)
    ]
    jobs += [Job(landscape=name, seed=given.seed + n) for name in NULLS for n in range(given.nulls)]
    with Pool(given.workers) as pool, tempfile.TemporaryDirectory() as folder:
        found = {tables.OURS: pool.map(_ours, jobs, chunksize=4)}
        equal = [
            Job(landscape=run.landscape, seed=run.seed, calls=run.calls)
            for run in found[tables.OURS]
        ]
        if given.peer_python is None:
            print("LEFT OUT: GEPA and MIPROv2, --peer-python was not given", file=sys.stderr)
        else:
            for name, module in PEERS.items():
                outcomes = asked(given.peer_python, module, equal, Path(folder))
                found[name] = pool.starmap(run, zip(equal, outcomes, strict=True), chunksize=4)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    command = f"python -m bench.prompts --runs {given.runs} --nulls {given.nulls}"
    text, met = tables.page(found, f"`{command} --seed {given.seed} --peer-python PATH`, {today}.")
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0 if met else 1


# Private.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.prompts")
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--output", type=Path, help="file to write the tables to")
    parser.add_argument("--runs", type=int, default=20, help="of every landscape")
    parser.add_argument("--nulls", type=int, default=110, help="of every one where nothing helps")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--workers", type=int, default=2)
    return parser


def _ours(job: Job) -> Run:
    return run(job, ours.run(job))


def run(job: Job, outcome: Outcome) -> Run:
    """With the truth about what was shipped."""
    model = model_of(job.landscape, job.seed)
    return Run(
        landscape=job.landscape,
        seed=job.seed,
        shipped=outcome.prompt != model.seed_prompt,
        truth=model.truth(outcome.prompt),
        before=model.truth(model.seed_prompt),
        reported=outcome.reported,
        calls=outcome.calls,
        rules=len(model.features(outcome.prompt)),
    )


if __name__ == "__main__":
    sys.exit(main())
