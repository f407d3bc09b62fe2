"""Many runs at once say what the library says: verdict and stop of every sampled run are equal.

Called from the other parts on a sample of their own runs; an AssertionError ends the benchmark.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator

import numpy as np
from bench.decisions import deviate, rules
from bench.decisions.deviate import Floats, Runs

from escalera.core.stats import asymptotic, betting, eprocess, finite, noninferiority, paired
from escalera.core.stats import sequential as library
from escalera.core.stats.clustering import Interval

Read = Iterator[tuple[float, Interval]]
"""Per look the items seen and the interval."""

WORDS = {
    "better": rules.BETTER,
    "worse": rules.WORSE,
    "equivalent": rules.EQUIVALENT,
    "undecided": rules.UNDECIDED,
}


def check(runs: Runs, margins: tuple[float, ...], *, sample: int = 4) -> int:
    """Compare every rule of ours with the library on the first runs; return the comparisons."""
    compared = 0
    part = runs.part(slice(0, sample))
    for name, rule in {**rules.ours(), rules.FINITE: rules.finite}.items():
        if name == rules.FINITE and runs.clustered:
            continue
        for margin in margins:
            found = rules.apply(rule, part, margin=margin)
            for row in range(len(part.items)):
                word, used = _library(name, part, row, margin)
                ours = int(found.words[row]), round(float(found.used[row]), 9)
                assert ours == (word, round(used, 9)), f"{name}, run {row}: {ours}, {word, used}"
                compared += 1
    return compared + _check_evalsig(part)


def check_deviates(runs: Runs, nulls: tuple[float, ...], *, sample: int = 4) -> None:
    """Compare z at the last look with `paired.z_statistic`."""
    part = runs.part(slice(0, sample))
    at = deviate.prefixes(part, np.array([part.steps]))
    for null in nulls:
        many = deviate.z(at, null)[:, 0]
        for row in range(len(part.items)):
            one = paired.z_statistic(*_scores(part.items[row]), labels(part, row), null=null)
            assert abs(many[row] - one) <= 1e-6 * max(1.0, abs(one)), (null, many[row], one)


def labels(runs: Runs, row: int) -> Floats | None:
    """Cluster labels of a run's items, or None."""
    if not runs.clustered:
        return None
    return np.repeat(np.arange(runs.steps), runs.sizes[row].astype(int))


# Private.


def _library(name: str, runs: Runs, row: int, margin: float) -> tuple[int, float]:
    if name == "mixture e-process":
        return _library_e(runs, row)
    readers: dict[str, Callable[[], Read]] = {
        rules.BETTING: lambda: _betting(runs, row, margin),
        "asymptotic confidence sequence": lambda: _asymptotic(runs, row),
        rules.FINITE: lambda: _finite(runs, row, margin),
    }
    reader = readers.get(name, lambda: _looks(name, runs, row))
    n = runs.items.shape[1]
    for items, found in reader():
        verdict = noninferiority.judge(
            estimate=found.estimate, lower=found.lower, upper=found.upper, margin=margin
        )
        if verdict.outcome != "undecided":
            return WORDS[verdict.outcome], items / n
    return rules.UNDECIDED, 1.0


def _looks(name: str, runs: Runs, row: int) -> Read:
    looks = rules.GROUP_SEQUENTIAL[name]
    times = rules.look_times(runs.steps, looks.looks)
    state = library.init(library.Plan(alpha=looks.alpha, spending=looks.kind))
    every = labels(runs, row)
    ends = np.cumsum(runs.sizes[row]).astype(int)
    for time in times.tolist():
        seen = int(ends[time - 1])
        first, second = _scores(runs.items[row, :seen])
        clusters = None if every is None else every[:seen]
        z = paired.z_statistic(first, second, clusters)
        state = library.update(state, information_time=time / runs.steps, statistic_z=z)
        alpha = library.read(state).nominal_alpha
        yield float(seen), paired.interval(first, second, clusters, alpha=alpha)
        if library.read(state).status != "continue":
            return


def _betting(runs: Runs, row: int, margin: float) -> Read:
    plan = betting.Plan(
        alpha=rules.ALPHA,
        planned=max(1, int(runs.steps * 0.25)),
        nulls=tuple(sorted({-margin, 0.0, margin})),
        largest_cluster=runs.largest,
    )
    state = betting.init(plan)
    for value, size in zip(runs.sums[row], runs.sizes[row].astype(int), strict=True):
        state = betting.update(state, [value], sizes=[int(size)])
        found = betting.read(state)
        yield float(found.items), found.interval


def _finite(runs: Runs, row: int, margin: float) -> Read:
    n = runs.items.shape[1]
    state = finite.init(
        finite.Plan(items=n, alpha=rules.ALPHA, nulls=tuple(sorted({-margin, 0.0, margin})))
    )
    for value in runs.items[row]:
        state = finite.update(state, [value])
        found = finite.read(state)
        yield float(found.seen), found.interval


def _asymptotic(runs: Runs, row: int) -> Read:
    plan = asymptotic.Plan(
        planned=max(1, int(runs.steps * 0.25)), floor=0.01, warm_up=30, alpha=rules.ALPHA
    )
    state, items = asymptotic.init(plan), 0.0
    for value, size in zip(runs.sums[row], runs.sizes[row].astype(int), strict=True):
        state = asymptotic.update(state, [value], sizes=[int(size)])
        items += float(size)
        yield items, asymptotic.read(state).interval


def _library_e(runs: Runs, row: int) -> tuple[int, float]:
    state = eprocess.init(eprocess.Plan(alpha=rules.ALPHA, largest_cluster=runs.largest))
    items = 0.0
    for value, size in zip(runs.sums[row], runs.sizes[row].astype(int), strict=True):
        state = eprocess.update(state, [value], sizes=[int(size)])
        items += float(size)
        status = eprocess.read(state).status
        if status != "continue":
            word = rules.BETTER if status == "crossed-up" else rules.WORSE
            return word, items / runs.items.shape[1]
    return rules.UNDECIDED, 1.0


def _scores(differences: Floats) -> tuple[Floats, Floats]:
    """Scores in [0, 1] with these differences, right or wrong where the differences allow it."""
    return np.maximum(differences, 0.0), np.maximum(-differences, 0.0)


def evalsig_installed() -> bool:
    """Whether evalsig itself can be compared with."""
    return importlib.util.find_spec("evalsig") is not None


def _check_evalsig(runs: Runs) -> int:
    if not evalsig_installed():
        return 0
    gate = importlib.import_module("evalsig.inference.sequential").sequential_gate
    found = rules.apply(rules.evalsig, runs)
    for row, items in enumerate(runs.items):
        theirs = gate(items, alpha=rules.ALPHA, alternative="two-sided")
        word = int(np.sign(theirs.delta)) if theirs.stopped else rules.UNDECIDED
        used = theirs.n_pairs / len(items)
        assert (int(found.words[row]), float(found.used[row])) == (word, used)
    return len(runs.items)
