"""Forecast the score with all the data from a quarter of it, and write the tables.

    python -m bench.data_need --data DATA --output bench/results/data_need.md

Curves are measured once and kept in `--cache`. The six judged tasks teach nothing: the priors of
every forecast are learned from other tasks, on other real data sets than the one that is judged;
those of the generator's tasks (data set "support") are hence learned from all teachers, and are
what `core/finetuning/data_need.py` uses. The exit code is 2 without data, 1 where a target is
missed, 0 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.data_need import curves, fitting, judging, sets, tables, teachers, trending
from bench.data_need.curves import Curve
from bench.data_need.judging import Beliefs, Outcome
from bench.data_need.sets import Task


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing, forecast, judge, print and write."""
    given = _parser().parse_args(arguments)
    tasks = sets.tasks(given.tasks)
    lessons = [task for task in teachers.every() if task not in tasks]
    try:
        found = _curves(tasks, given, given.resamples) | _curves(lessons, given, given.fitted_on)
    except FileNotFoundError as error:
        print(f"bench.data_need: {error}", file=sys.stderr)
        return 2
    beliefs = _beliefs(found, given.fitted_on, tasks)
    outcomes = _outcomes(tasks, found, beliefs)
    alone = {data: replace(of, trend=None) for data, of in beliefs.items()}
    text = tables.page(tasks, outcomes, _outcomes(tasks, found, alone), beliefs)
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


def _curves(
    some: Sequence[Task], given: argparse.Namespace, resamples: int
) -> dict[str, list[Curve]]:
    return {
        task.name: [
            curves.curve(task, resample, data=given.data, cache=given.cache)
            for resample in range(min(resamples, task.resamples))
        ]
        for task in some
    }


def _beliefs(
    found: Mapping[str, list[Curve]], most: int, judged: Sequence[Task]
) -> dict[str, Beliefs]:
    """By the data set that is judged with them: learned from the teachers on other sets."""
    taught = [
        (task.data, fitting.cases(curve), trending.cases(curve))
        for task in teachers.every()
        for curve in found[task.name][:most]
    ]
    return {
        data: Beliefs(
            families=fitting.fitted([c for of, some, _ in taught if of != data for c in some]),
            trend=trending.fitted([c for of, _, some in taught if of != data for c in some]),
        )
        for data in dict.fromkeys(task.data for task in judged)
    }


def _outcomes(
    tasks: Sequence[Task], found: Mapping[str, list[Curve]], beliefs: Mapping[str, Beliefs]
) -> list[Outcome]:
    outcomes = []
    for task in tasks:
        for curve in found[task.name]:
            for times in judging.TIMES:
                outcomes += judging.ours(curve, beliefs[task.data], times=times)
                outcomes += judging.baselines(curve, times=times)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
