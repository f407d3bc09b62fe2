"""The page of results."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
from bench.data_need.judging import BASELINES, LEVELS, OURS, Outcome
from bench.data_need.sets import JUDGED, Task
from bench.decisions.tables import percent, table

from escalera.core.finetuning.curve_prior import CurvePrior

ERROR = 1.5
"""Points of mean absolute error."""

COVERED = (0.75, 0.85)
"""Share of 80 % intervals that hold what was measured."""

_NAMES = [task.name for task in JUDGED]


def met(outcomes: Sequence[Outcome]) -> bool:
    """Return whether both targets are met, over the six tasks judged."""
    some = _of(outcomes, OURS, 4, _NAMES)
    return _error(some) <= ERROR and COVERED[0] <= _covered(some)[1] <= COVERED[1]


def page(
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    narrow: Sequence[Outcome],
    priors: Mapping[str, CurvePrior],
) -> str:
    """Return all tables; `narrow` are forecasts whose prior the tasks named first teach alone."""
    judged = [task for task in tasks if task.name in _NAMES]
    others = [task for task in tasks if task.name not in _NAMES]
    parts = [
        _head(outcomes),
        _tasks(tasks, outcomes),
        '## With all the data, from a quarter\n\nPoints; "too high by" is the mean of forecast '
        "minus measured; the width is that of 80 % intervals.\n\n"
        + _judged(judged, outcomes, OURS, 4),
        "## Beside simple ways\n\nMean absolute error in points, and in brackets the mean of "
        "forecast minus measured.\n\n" + _beside([*judged, *others], outcomes, 4),
        "## With half of the data, from a quarter\n\n" + _judged(judged, outcomes, OURS, 2),
        "## On items that no forecast saw\n\nThe same forecasts for the other half of the "
        "held-out items, with the doubt that other items add.\n\n"
        + _judged(judged, outcomes, f"{OURS}, fresh items", 4),
        "## Other tasks\n\nNot among the six; with all the data, from a quarter.\n\n"
        + _judged(others, outcomes, OURS, 4),
        "## What the prior is learned from\n\nWith all the data, from a quarter.\n\n"
        + _teachers(tasks, outcomes, narrow),
        "## Priors\n\nLearned without the data set that stands before them.\n\n" + _priors(priors),
    ]
    return "\n\n".join(parts)


# Private.


def _head(outcomes: Sequence[Outcome]) -> str:
    some = _of(outcomes, OURS, 4, _NAMES)
    error, covered = _error(some), _covered(some)
    targets = [
        (
            f"mean absolute error at most {ERROR} points with all the data, from a quarter",
            f"{error:.2f} points (standard error over tasks {_spread(some):.2f})",
            "yes" if error <= ERROR else "**no**",
        ),
        (
            "80 % intervals hold what was measured in 75 to 85 %",
            percent(covered[1]),
            "yes" if COVERED[0] <= covered[1] <= COVERED[1] else "**no**",
        ),
    ]
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return (
        "# How much data\n\n"
        f"`python -m bench.data_need --data DATA`, {today}. Six tasks on "
        "real data, named before any curve was computed. A resample draws held-out rows and all "
        "the data anew; nested subsets of a quarter of the data are measured (1/16, 1/8, 1/4 and "
        "1/2 of the quarter three times, the quarter once), and the score with all the data, on "
        "the same held-out items, is forecast and then measured. The prior of a forecast is "
        "learned from tasks on other real data sets only. The learners are quick ones (linear, on "
        "n-grams), but for `order_changes`: a full finetune of a Llama of 1.4 million parameters, "
        "on data written by a generator.\n\n## Targets\n\n"
        + table(("target", "measured", "met"), targets)
    )


def _tasks(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> str:
    rows = []
    for task in tasks:
        some = _of(outcomes, OURS, 4, [task.name])
        truth = float(np.mean([o.truth for o in some]))
        last = _of(outcomes, "last value", 4, [task.name])
        quarter = float(np.mean([o.forecast for o in last]))
        rows.append(
            (
                task.name,
                task.says,
                task.learner,
                task.full,
                task.held // 2,
                len(some),
                f"{quarter:.3f}",
                f"{truth:.3f}",
                task.teaches,
            )
        )
    head = (
        "task", "what", "learner", "all the data", "items", "resamples", "score of a quarter",
        "score of all", "teaches priors",
    )  # fmt: skip
    return "## Tasks\n\n" + table(head, rows)


def _judged(tasks: Sequence[Task], outcomes: Sequence[Outcome], way: str, times: int) -> str:
    rows = [_row(t.name, _of(outcomes, way, times, [t.name])) for t in tasks]
    rows.append(_row("**all of these**", _of(outcomes, way, times, [t.name for t in tasks])))
    levels = [f"in {percent(level, 0)} interval" for level in LEVELS]
    return table(("task", "forecasts", "error", "too high by", *levels, "width"), rows)


def _row(name: str, some: Sequence[Outcome]) -> tuple[str, ...]:
    return (
        name,
        str(len(some)),
        f"{_error(some):.2f}",
        f"{_bias(some):+.2f}",
        *(percent(share, 0) for share in _covered(some)),
        f"{100.0 * np.mean([o.width[1] for o in some]):.1f}",
    )


def _teachers(tasks: Sequence[Task], outcomes: Sequence[Outcome], narrow: Sequence[Outcome]) -> str:
    every = [task.name for task in tasks]
    rows = [
        (prior, *_row(name, _of(some, OURS, 4, names)))
        for prior, some in (("all on real data", outcomes), ("the eight named first", narrow))
        for name, names in (("the six", _NAMES), ("all", every))
    ]
    levels = [f"in {percent(level, 0)} interval" for level in LEVELS]
    return table(
        ("taught by", "tasks", "forecasts", "error", "too high by", *levels, "width"), rows
    )


def _beside(tasks: Sequence[Task], outcomes: Sequence[Outcome], times: int) -> str:
    ways = (OURS, *BASELINES)
    groups = [(task.name, [task.name]) for task in tasks]
    groups += [("**the six**", _NAMES), ("**all**", [task.name for task in tasks])]
    rows = []
    for name, names in groups:
        some = [_of(outcomes, way, times, names) for way in ways]
        if all(some):
            rows.append((name, *(f"{_error(s):.2f} ({_bias(s):+.2f})" for s in some)))
    return table(("task", *ways), rows)


def _priors(priors: Mapping[str, CurvePrior]) -> str:
    rows = [
        (
            data,
            f"{p.power:.2f}",
            f"{p.stretched:.2f}",
            *(f"{a:.3g}, {b:.3g}" for a, b in (p.exponent, p.scale, p.floor, p.wander, p.noise)),
        )
        for data, p in priors.items()
    ]
    head = ("without", "power", "stretched", "exponent", "scale", "floor", "wander", "noise")
    return table(head, rows)


def _of(outcomes: Sequence[Outcome], way: str, times: int, names: Sequence[str]) -> list[Outcome]:
    return [o for o in outcomes if o.way == way and o.times == times and o.task in names]


def _error(some: Sequence[Outcome]) -> float:
    return 100.0 * float(np.mean([abs(o.forecast - o.truth) for o in some]))


def _bias(some: Sequence[Outcome]) -> float:
    return 100.0 * float(np.mean([o.forecast - o.truth for o in some]))


def _spread(some: Sequence[Outcome]) -> float:
    """Standard error of the error's mean, tasks being the units."""
    names = sorted({o.task for o in some})
    means = [_error([o for o in some if o.task == name]) for name in names]
    return float(np.std(means, ddof=1) / len(means) ** 0.5) if len(means) > 1 else float("nan")


def _covered(some: Sequence[Outcome]) -> list[float]:
    return [float(np.mean([o.held[i] for o in some])) for i in range(len(LEVELS))]
