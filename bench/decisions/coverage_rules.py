"""Other intervals for a paired difference on the grid of `coverage`: do they cover nearer to 95 %?

    python -m bench.decisions.coverage_rules --runs 2000

ours             the wider of Tango's form for the items with the normal and for the clusters with a
                 design effect and t(G - 1), cluster t, and the bound where nearly all clusters tie
                 (`stats.paired`)
held effect      ours until November 2026: Tango's form with a design effect that is held at 1 where
                 it is estimated below, on t(G - 1)
t                cluster-robust t(G - 1) everywhere. With equal clusters and only a mean, Bell and
                 McCaffrey's CR2 with Satterthwaite's degrees of freedom is the same interval
free effect      as held effect, with a design effect that may be below 1
normal           as held effect, with the normal instead of t where the design effect is estimated
floor            as normal, but only where the estimated effect lies below 1 and is held there
wild             wild cluster bootstrap of t, null imposed, Rademacher signs (Cameron, Gelbach and
                 Miller 2008): with symmetric signs, the sign-flip test
added            cluster t after two clusters were added that differ fully, one each way (Bonett and
                 Price 2012), where nearly all clusters tie
switch           free effect, but ours where the discordant clusters are fewer than ten

That is two-sided, between systems of nearly equal rates. `_sides` asks what a gate asks: how often
a fall of exactly the margin, of mostly losses, is said to be smaller, at 2.5 %. There "five" is
cluster t from five discordant clusters on, and ours below.

Unclustered right/wrong cells also have, exactly: McNemar's mid-p and exact unconditional tests at
the truth (the nuisance at its estimate under the null, Lloyd 2008; or at its worst), and Fay and
Lumbard's (`melded`). What any rule could cover there: `coverage_limits`.
"""

# ruff: noqa: ARG001  every rule is given what any rule needs

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats
from bench.decisions import coverage, coverage_limits, deviate, melded
from bench.decisions.deviate import Floats, Prefixes, Runs
from bench.decisions.tables import percent, table
from numpy.typing import NDArray

LOW, HIGH = 0.94, 0.965
FLIPS = 399
PARTS = ("grid", "sides", "items")
Covers = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of the grid, with the share that each rule covers."""

    name: tuple[str, int, int, float, float]
    covered: dict[str, float]


def main() -> None:
    """Print how many cells each rule has in the band, and the cells that ours has not."""
    parser = argparse.ArgumentParser(prog="bench.decisions.coverage_rules")
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    kinds = coverage.KINDS
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=list(kinds))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    if "grid" in given.parts:
        print(_summary(_grid(given), given.rules))
    if "sides" in given.parts:
        print(_sides(10 * given.runs))
    if "items" in given.parts:
        print(_unclustered())


# Private.


def _grid(given: argparse.Namespace) -> list[Cell]:
    cells: list[Cell] = []
    number = -1
    grid = itertools.product(
        coverage.KINDS, (20, 50, 200), (1, 3, 10), (0.0, 0.3, 0.5), (0.02, 0.1, 0.5)
    )
    for name in grid:
        kind, clusters, size, alike, _ = name
        if clusters * size < 50 or (size == 1 and alike > 0):
            continue
        number += 1  # as in `coverage.run`: the same draws
        if kind not in given.kinds:
            continue
        rng = np.random.default_rng([given.seed, 73, number])
        cells.append(_cell(name, given.runs, given.rules, rng))
        print(name, {rule: f"{c:.3f}" for rule, c in cells[-1].covered.items()}, flush=True)
    return cells


def _cell(
    name: tuple[str, int, int, float, float],
    runs: int,
    rules: Sequence[str],
    rng: np.random.Generator,
) -> Cell:
    kind, clusters, size, alike, rate = name
    better = rate + 0.2 * rate * (1.0 - rate)
    truth, binary = better - rate, kind == "right/wrong"
    found: dict[str, list[Covers]] = {rule: [] for rule in rules}
    for start in range(0, runs, 500):
        count = min(500, runs - start)
        values = coverage.drawn(kind, clusters, size, alike, (better, rate), count, rng)
        steps = coverage.steps(values, clusters, size, binary=binary)
        last = deviate.prefixes(steps, np.array([clusters]))
        for rule in rules:
            found[rule].append(RULES[rule](steps, last, truth, rng))
    return Cell(name=name, covered={r: float(np.concatenate(c).mean()) for r, c in found.items()})


def _ours(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    return (np.abs(deviate.z(last, truth)) <= coverage.CRITICAL)[:, 0]


def _t(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    critical = scipy.stats.t.isf(0.025, last.steps - 1.0)
    return (np.abs(last.mean - truth) <= critical * last.error)[:, 0]


def _effect(last: Prefixes, least: float) -> tuple[Floats, NDArray[np.bool_]]:
    variance = (last.gains + last.losses) / last.n - last.mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.maximum(least, last.error**2 * last.n / variance)
    nothing = variance <= 1e-15
    effect = np.where(nothing, last.n / last.steps, effect)
    return np.where(last.steps == last.n, 1.0, effect), ~nothing & (last.steps < last.n)


def _tango(last: Prefixes, null: float, *, least: float, t: bool, held: bool = False) -> Floats:
    """z of Tango's form in critical values: t's, the normal's, or *held*: t's above the floor."""
    effect, estimated = _effect(last, least)
    z = deviate.tango(last.gains / effect, last.losses / effect, last.n / effect, null)
    with_t = estimated & t & ((effect > least) | (not held))
    critical = np.where(with_t, scipy.stats.t.isf(0.025, last.steps - 1.0), coverage.CRITICAL)
    found: Floats = z / critical
    return found


def _within(deviates: Floats) -> Covers:
    return (np.abs(deviates) <= 1.0)[:, 0]


def _free(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    if not last.binary:
        return _ours(runs, last, truth, rng)
    return _within(_tango(last, truth, least=1e-3, t=True))


def _normal(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    if not last.binary:
        return _ours(runs, last, truth, rng)
    return _within(_tango(last, truth, least=1.0, t=False))


def _floor(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    if not last.binary:
        return _ours(runs, last, truth, rng)
    return _within(_tango(last, truth, least=1.0, t=True, held=True))


def _held(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    if not last.binary:
        return _ours(runs, last, truth, rng)
    return _within(_tango(last, truth, least=1.0, t=True))


def _switch(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    few = (np.abs(runs.sums) > deviate.TIED).sum(axis=1) < 10
    return np.where(few, _ours(runs, last, truth, rng), _free(runs, last, truth, rng))


def _wild(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    scores = runs.sums - truth * runs.sizes
    signs = rng.choice([-1.0, 1.0], size=(FLIPS, scores.shape[1]))
    squares = (scores**2).sum(axis=1)

    def t_squared(sums: Floats) -> Floats:
        steps = scores.shape[1]
        rest = squares[:, None] - sums**2 / steps
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sums == 0, 0.0, sums**2 / np.maximum(rest, 0.0))

    seen = t_squared(scores.sum(axis=1)[:, None])
    flipped = t_squared(scores @ signs.T)
    beyond = (flipped >= seen - 1e-9).sum(axis=1)
    return (beyond + 1) / (FLIPS + 1) > 0.05


def _added(runs: Runs, last: Prefixes, truth: float, rng: np.random.Generator) -> Covers:
    ours, fragile = _ours(runs, last, truth, rng), last.fragile[:, 0]
    steps, size = runs.sums.shape[1], float(runs.sizes[0, 0])
    both = np.concatenate([runs.sums, np.tile([size, -size], (len(runs.sums), 1))], axis=1) / size
    error = both.std(axis=1, ddof=1) / np.sqrt(steps + 2.0)
    critical = scipy.stats.t.isf(0.025, steps - 1.0)
    covers = np.abs(both.mean(axis=1) - truth) <= critical * error
    return np.where(fragile, covers, ours)


RULES: dict[str, Callable[[Runs, Prefixes, float, np.random.Generator], Covers]] = {
    "ours": _ours,
    "held effect": _held,
    "t": _t,
    "free effect": _free,
    "normal": _normal,
    "floor": _floor,
    "switch": _switch,
    "wild": _wild,
    "added": _added,
}


def _summary(cells: list[Cell], rules: Sequence[str]) -> str:
    rows = []
    for rule in rules:
        shares = [cell.covered[rule] for cell in cells]
        below, above = sum(s < LOW for s in shares), sum(s > HIGH for s in shares)
        inside = len(cells) - below - above
        rows.append((rule, inside, below, above, percent(min(shares)), percent(max(shares))))
    outside = [cell for cell in cells if not LOW <= cell.covered[rules[0]] <= HIGH]
    head = ("scores", "clusters", "items each", "ICC", "base rate", *rules)
    bad = [(*cell.name, *(percent(cell.covered[rule]) for rule in rules)) for cell in outside]
    return "\n\n".join(
        [table(("rule", "in the band", "below", "above", "least", "most"), rows), table(head, bad)]
    )


def _sides(runs: int) -> str:
    """How often each rule passes a fall of exactly the margin, and calls one that is no larger."""
    rows = []
    shapes = itertools.product(
        ((0.05, 0.0), (0.1, 0.0), (0.08, 0.03)), ((20, 3), (20, 10), (50, 3), (50, 10)), (0.0, 0.3)
    )
    for (loss, gain), (clusters, size), alike in shapes:
        rng = np.random.default_rng([3, len(rows)])
        group, item = (runs, clusters, 1), (runs, clusters, size)
        latent = np.sqrt(alike) * rng.normal(size=group)
        latent = latent + np.sqrt(1.0 - alike) * rng.normal(size=item)
        place = scipy.special.ndtr(latent).reshape(runs, -1)
        values = (place > 1.0 - gain).astype(float) - (place < loss).astype(float)
        steps = coverage.steps(values, clusters, size, binary=True)
        last = deviate.prefixes(steps, np.array([clusters]))
        found = _deviates(steps, last, gain - loss)
        told = (f"{percent((z > 1).mean())}, {percent((z < -1).mean())}" for z in found.values())
        rows.append((loss, gain, clusters, size, alike, *told))
    head = ("losses", "gains", "clusters", "items each", "ICC", *_DEVIATES)
    return table(head, rows)


_DEVIATES = ("ours", "held effect", "free effect", "normal", "floor", "five")


def _deviates(steps: Runs, last: Prefixes, null: float) -> dict[str, Floats]:
    """How far the mean lies above the null, in critical values of each rule."""
    critical = scipy.stats.t.isf(0.025, last.steps - 1.0)
    ours = deviate.z(last, null) / coverage.CRITICAL
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = (last.mean - null) / last.error / critical
    enough = (np.abs(steps.sums) > deviate.TIED).sum(axis=1)[:, None] >= 5
    found = (
        ours,
        _tango(last, null, least=1.0, t=True),
        _tango(last, null, least=1e-3, t=True),
        _tango(last, null, least=1.0, t=False),
        _tango(last, null, least=1.0, t=True, held=True),
        np.where(enough, plain, ours),
    )
    return dict(zip(_DEVIATES, found, strict=True))


def _unclustered() -> str:
    """Exact coverage of tests at the truth, for independent right/wrong pairs."""
    rows = []
    for n, rate in itertools.product((50, 200), (0.02, 0.1, 0.5)):
        up, down = coverage_limits.shares(rate)
        found = coverage_limits.outcomes(n)
        gains, losses = found.gains.astype(float), found.losses.astype(float)
        chance = _multinomial(gains, losses, n, up, down)
        likely = chance > 1e-9
        size = np.full(gains.shape, float(n))
        z = np.abs(deviate.tango(gains, losses, size, up - down))
        covered = {"Tango": z <= coverage.CRITICAL}
        estimate = _at_estimate(z, gains, losses, n, up - down, likely)
        covered["at its estimate"] = estimate > 0.05
        covered["at its estimate, mid-p"] = (
            _at_estimate(z, gains, losses, n, up - down, likely, mid=True) > 0.05
        )
        covered["at its worst"] = _at_worst(z, gains, losses, n, up - down) > 0.05
        covered["Fay and Lumbard"] = np.array(
            [
                near and melded.covers(int(g), int(x), n, up - down)
                for g, x, near in zip(gains, losses, likely, strict=True)
            ]
        )
        shares = (percent(float(chance[c & likely].sum()), 2) for c in covered.values())
        rows.append((n, rate, f"{n * (up + down):.1f}", *shares))
    head = ("items", "base rate", "discordant", *covered)
    return table(head, rows)


def _multinomial(gains: Floats, losses: Floats, n: int, up: float, down: float) -> Floats:
    same = n - gains - losses
    log = scipy.special.gammaln(n + 1.0)
    for count, share in ((gains, up), (losses, down), (same, 1.0 - up - down)):
        log = log - scipy.special.gammaln(count + 1.0) + scipy.special.xlogy(count, share)
    return np.exp(log)


def _p(z: Floats, at: float, chance: Floats, *, mid: bool) -> float:
    found = float(chance[z >= at - 1e-9].sum())
    return found - 0.5 * float(chance[np.abs(z - at) <= 1e-9].sum()) if mid else found


def _at_estimate(z, gains, losses, n, null, likely, *, mid=False) -> Floats:  # noqa: PLR0913
    """The p value with the share of losses at its estimate under the null."""
    p = np.zeros(len(z))
    for k in np.flatnonzero(likely):
        linear = (2.0 * n - gains[k] + losses[k]) * null - gains[k] - losses[k]
        root = np.sqrt(linear**2 + 8.0 * n * losses[k] * null * (1.0 - null))
        down = (root - linear) / (4.0 * n)
        chance = _multinomial(gains, losses, n, down + null, down)
        p[k] = _p(z, z[k], chance, mid=mid)
    return p


def _at_worst(z, gains, losses, n, null) -> Floats:
    """The largest p value over shares of losses."""
    order = np.argsort(-z)
    worst = np.zeros(len(z))
    for down in np.linspace(1e-4, (1.0 - null) / 2.0 - 1e-6, 200):
        chance = _multinomial(gains, losses, n, down + null, down)
        tail = np.empty(len(z))
        tail[order] = np.cumsum(chance[order])
        worst = np.maximum(worst, tail)
    return worst


if __name__ == "__main__":
    main()
