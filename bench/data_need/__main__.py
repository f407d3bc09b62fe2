"""Forecast the score with all the data from a quarter of it, and write the tables.

    python -m bench.data_need --data DATA --output bench/results/data_need.md

Curves are measured once and kept in `--cache`. The prior of every forecast is learned from tasks on
other real data sets; that of the generator's tasks (data set "support") is hence learned from all
real ones, and is what `core/finetuning/curve_prior.py` ships. The exit code is 2 without data, 1
where a target is missed, 0 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.data_need import curves, fitting, judging, sets, tables
from bench.data_need.curves import Curve
from bench.data_need.judging import Outcome
from bench.data_need.sets import Task

from escalera.core.finetuning.curve_prior import CurvePrior


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing, forecast, judge, print and write."""
    given = _parser().parse_args(arguments)
    tasks = sets.tasks(given.tasks)
    try:
        found = _curves(tasks, given)
    except FileNotFoundError as error:
        print(f"bench.data_need: {error}", file=sys.stderr)
        return 2
    priors = _priors(tasks, found, given.fitted_on)
    outcomes = _outcomes(tasks, found, priors)
    first = [task for task in tasks if task.teaches == "first"]
    narrow = _outcomes(tasks, found, _priors(first, found, given.fitted_on, within=tasks))
    text = tables.page(tasks, outcomes, narrow, priors)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0 if tables.met(outcomes) else 1


# Private.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.data_need")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--output", type=Path, help="file to write the tables to")
    parser.add_argument("--cache", type=Path, default=Path("build/bench/data_need"))
    parser.add_argument("--resamples", type=int, default=20, help="at most, of each task")
    parser.add_argument("--fitted-on", type=int, default=4, help="resamples that teach the prior")
    parser.add_argument("--tasks", nargs="*", default=(), help="only these")
    return parser


def _curves(tasks: Sequence[Task], given: argparse.Namespace) -> dict[str, list[Curve]]:
    return {
        task.name: [
            curves.curve(task, resample, data=given.data, cache=given.cache)
            for resample in range(min(given.resamples, task.resamples))
        ]
        for task in tasks
    }


def _priors(
    teachers: Sequence[Task],
    found: Mapping[str, list[Curve]],
    most: int,
    *,
    within: Sequence[Task] = (),
) -> dict[str, CurvePrior]:
    """By the data set that is judged with them: learned from the teachers on other sets."""
    cases: dict[str, list[fitting.Case]] = {}
    for task in teachers:
        if task.teaches != "never":
            of = cases.setdefault(task.data, [])
            of += [case for curve in found[task.name][:most] for case in fitting.cases(curve)]
    return {
        data: fitting.fitted([c for other, of in cases.items() if other != data for c in of])
        for data in dict.fromkeys(task.data for task in within or teachers)
    }


def _outcomes(
    tasks: Sequence[Task], found: Mapping[str, list[Curve]], priors: Mapping[str, CurvePrior]
) -> list[Outcome]:
    outcomes = []
    for task in tasks:
        for curve in found[task.name]:
            for times in judging.TIMES:
                outcomes += judging.ours(curve, priors[task.data], times=times)
                outcomes += judging.baselines(curve, times=times)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
