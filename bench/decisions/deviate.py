"""The normal deviate of `paired.z_statistic`, for many runs and looks at once.

A run is a row of steps; a step is an item, or a whole cluster as the sum and the number of its
items. `agreement` checks against the library, run by run. One shortcut: where steps tie, the
commonest value is taken to be 0, as between systems that answer alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIED = 5e-13
FEWEST = 5
"""Clusters from which on the library uses an effect below 1."""
SIGN_SHOWN = 10
"""Steps that vary from which on the library believes the sign of a skewness."""

Held = Literal["t", "floor", "normal", "both", "no guard", "skew"]
"""How clustered right/wrong pairs are read.

t        t(G - 1) with a design effect of at least 1: the library's rule until November 2026
floor    as t, with the normal where the effect is held at 1
normal   as t, with the normal everywhere
both     the wider of what the items say by the normal and the clusters by t; as t where fewer than
         ten clusters and fewer than half have a gain or a loss
no guard as both, however few clusters have a gain or a loss
skew     as no guard, and nearer to 0 by the skewness of clusters beyond its noise, and what items
         say where they lose alone, or gain alone, by mid-p: the library's rule

Below `FEWEST` clusters all but "normal" are as t.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Differences of many runs: `items` in order, and per step the sum, size, gains and losses.

    Unclustered, steps are items. `binary`: scores are right or wrong. `largest`: the largest size.
    """

    items: Floats
    sums: Floats
    sizes: Floats
    gains: Floats
    losses: Floats
    binary: bool
    largest: int = 1

    @property
    def clustered(self) -> bool:
        return self.sums.shape[1] < self.items.shape[1]

    @property
    def steps(self) -> int:
        return int(self.sums.shape[1])

    def part(self, rows: slice) -> Runs:
        """Return some of the runs."""
        return Runs(
            items=self.items[rows],
            sums=self.sums[rows],
            sizes=self.sizes[rows],
            gains=self.gains[rows],
            losses=self.losses[rows],
            binary=self.binary,
            largest=self.largest,
        )


def unclustered(differences: Floats, *, binary: bool) -> Runs:
    """Return runs whose steps are items."""
    return Runs(
        items=differences,
        sums=differences,
        sizes=np.ones(differences.shape),
        gains=np.maximum(differences, 0.0),
        losses=np.maximum(-differences, 0.0),
        binary=binary,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prefixes:
    """What the first steps up to every look add up to: arrays of runs by looks."""

    steps: Floats
    n: Floats
    mean: Floats
    error: Floats
    gains: Floats
    losses: Floats
    informative: Floats
    differing: Floats
    skewness: Floats
    binary: bool

    @property
    def fragile(self) -> NDArray[np.bool_]:
        """Whether too few steps differ from the commonest for an error to be believed."""
        found: NDArray[np.bool_] = self.informative < np.minimum(10.0, self.steps / 2.0)
        return found

    @property
    def few(self) -> NDArray[np.bool_]:
        """Whether too few clusters, or too few of them with a gain or loss, to show them alike."""
        least = np.minimum(10.0, self.steps / 2.0)
        found: NDArray[np.bool_] = (self.steps < FEWEST) | (self.differing < least)
        return found


def prefixes(runs: Runs, looks: NDArray[np.int_]) -> Prefixes:
    """Return means, cluster-robust errors and counts at looks given as numbers of steps."""
    at = looks - 1

    def upto(values: Floats) -> Floats:
        found: Floats = np.cumsum(values, axis=1)[:, at]
        return found

    steps = np.broadcast_to(looks.astype(np.float64), (len(runs.sums), len(looks)))
    n, total = upto(runs.sizes), upto(runs.sums)
    mean = total / n
    squares = upto(runs.sums**2) - 2.0 * mean * upto(runs.sums * runs.sizes)
    squares = np.maximum(squares + mean**2 * upto(runs.sizes**2), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(steps / (steps - 1.0) * squares) / n
    cubes = upto(runs.sums**3) - 3.0 * mean * upto(runs.sums**2 * runs.sizes)
    cubes += 3.0 * mean**2 * upto(runs.sums * runs.sizes**2) - mean**3 * upto(runs.sizes**3)
    tied = upto((np.abs(runs.sums / runs.sizes) < TIED).astype(np.float64))
    return Prefixes(
        steps=steps,
        n=n,
        mean=mean,
        error=error,
        gains=upto(runs.gains),
        losses=upto(runs.losses),
        differing=upto((runs.gains + runs.losses > 0).astype(np.float64)),
        informative=steps - np.maximum(tied, 1.0),
        skewness=skewness(squares, cubes, steps),
        binary=runs.binary,
    )


def skewness(squares: Floats, cubes: Floats, steps: Floats) -> Floats:
    """Skewness of steps whose squares and cubes about the mean have these sums."""
    deviation = np.sqrt(squares / steps)
    spread = deviation > 1e-7
    return np.where(spread, cubes / steps / np.where(spread, deviation, 1.0) ** 3, 0.0)


def z(found: Prefixes, null: float | Floats = 0.0) -> Floats:
    """Return the deviate of "the mean difference is the null" at every look."""
    return binary(found, null) if found.binary else graded(found, null)


def binary(found: Prefixes, null: float | Floats, *, rule: Held = "skew") -> Floats:
    """Right/wrong scores, with any of the rules for clusters; the library's is "skew"."""
    variance = (found.gains + found.losses) / found.n - found.mean**2
    alone = tango(found.gains, found.losses, found.n, null)
    nothing, single = variance <= 1e-15, found.steps == found.n
    # Counts divided by an effect divide the deviate by its root.
    tied = alone / np.sqrt(found.n / found.steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = found.error**2 * found.n / variance
        few = found.few if rule == "both" else found.steps < FEWEST
        least = np.where((rule == "t") | few, 1.0, 1e-12)
        t = alone / np.sqrt(np.maximum(least, effect))
        if rule == "skew":
            t = allowed(t, beyond_noise(found.skewness, found.steps), found.steps)
        clustered = z_from_t(t, found.steps - 1.0)
    if rule == "skew":
        size = found.steps / found.n
        alone = one_kind(found.gains, found.losses, found.n, null)
        tied = one_kind(found.gains * size, found.losses * size, found.steps, null)
    if rule == "floor":
        clustered = np.where((effect > 1.0) | few, clustered, alone)
    elif rule in ("both", "no guard", "skew"):
        clustered = np.where(np.abs(clustered) < np.abs(alone), clustered, alone)
    elif rule == "normal":
        clustered = alone / np.sqrt(np.maximum(1.0, effect))
    several = np.where(nothing, tied, clustered)
    return np.where(single, alone, np.where(found.steps > 1.0, several, 0.0))


def graded(found: Prefixes, null: float | Floats, *, rule: Held = "skew") -> Floats:
    """Scores between 0 and 1; the library's rule is "skew", and all others are its earlier one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = plain = (found.mean - null) / found.error
        for skewness in plausible(found) if rule == "skew" else ():
            bent = allowed(plain, skewness, found.steps)
            t = np.where(np.abs(bent) < np.abs(t), bent, t)
        deviate = z_from_t(t, found.steps - 1.0)
    if not found.fragile.any():
        return deviate
    scale = found.steps / found.n
    read = one_kind if rule == "skew" else tango
    bound = read(found.gains * scale, found.losses * scale, found.steps, null)
    return np.where(found.fragile, bound, deviate)


def plausible(found: Prefixes) -> tuple[Floats, Floats]:
    """`skewness.plausible` for arrays: two values each, which are the same where it has one."""
    steps = found.steps
    error = np.sqrt(6.0 / steps)
    skewness = found.skewness * np.sqrt(steps * (steps - 1.0)) / np.maximum(steps - 2.0, 1.0)
    raised = skewness + np.sign(skewness) * np.minimum(np.abs(skewness), error)
    shown = found.informative >= SIGN_SHOWN
    return np.where(shown, raised, skewness - error), np.where(shown, raised, skewness + error)


def allowed(t: Floats, skewness: Floats, steps: Floats) -> Floats:
    """`skewness.allow` for arrays, and one skewness."""
    a = skewness / (3.0 * np.sqrt(steps))
    bent = t + a * t**2 + a**2 * t**3 / 3.0 + 0.5 * a
    return np.where(bent * t <= 0.0, 0.0, np.where(np.abs(bent) < np.abs(t), bent, t))


def beyond_noise(skewness: Floats, steps: Floats) -> Floats:
    """`skewness.beyond_noise` for arrays."""
    return np.sign(skewness) * np.maximum(0.0, np.abs(skewness) - np.sqrt(6.0 / steps))


def one_kind(gains: Floats, losses: Floats, n: Floats, null: float | Floats) -> Floats:
    """Tango's form; losses alone against a fall, or gains alone against a rise, also by mid-p."""
    z = tango(gains, losses, n, null)
    null, n = (np.broadcast_to(np.asarray(x, dtype=np.float64), z.shape) for x in (null, n))
    for ours, theirs, sign in ((losses, gains, -1.0), (gains, losses, 1.0)):
        rows = (theirs == 0.0) & (sign * null > 0.0)
        if rows.any():
            exact = sign * mid_p_z(np.minimum(ours, n)[rows], n[rows], sign * null[rows])
            nearer = np.where(np.abs(exact) < np.abs(z[rows]), exact, z[rows])
            z[rows] = np.where(z[rows] * exact > 0.0, nearer, 0.0)
    return z


def mid_p_z(successes: Floats, n: Floats, bar: float | Floats) -> Floats:
    """`proportion.mid_p_z` for arrays."""

    def tail(count: Floats, share: float | Floats) -> Floats:
        reached = scipy.special.betainc(np.maximum(count, 1e-300), n - count + 1.0, share)
        exceeded = scipy.special.betainc(count + 1.0, np.maximum(n - count, 1e-300), share)
        reached = np.where(count <= 0.0, 1.0, reached)
        found: Floats = 0.5 * (reached + np.where(count >= n, 0.0, exceeded))
        return found

    upper, lower = tail(successes, bar), tail(n - successes, 1.0 - np.asarray(bar))
    size: Floats = -scipy.special.ndtri(np.maximum(np.minimum(upper, lower), 1e-300))
    return np.where(upper > 0.5, -size, size)


def tango(gains: Floats, losses: Floats, n: Floats, null: float | Floats) -> Floats:
    """Tango's score form, as `paired` has it."""
    null = np.broadcast_to(np.asarray(null, dtype=np.float64), gains.shape)
    turned = null < 0
    up, down = np.where(turned, losses, gains), np.where(turned, gains, losses)
    size = np.abs(null)
    linear = (2.0 * n - up + down) * size - up - down
    constant = down * size * (1.0 - size)
    root = np.sqrt(linear * linear + 8.0 * n * constant)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where(linear <= 0, (root - linear) / (4.0 * n), 2.0 * constant / (linear + root))
        variance = n * (2.0 * q + size * (1.0 - size))
        value = np.where(variance > 0, (up - down - n * size) / np.sqrt(variance), 0.0)
    return np.where(turned, -value, value)


def z_from_t(t: Floats, freedom: Floats) -> Floats:
    """Map t to the normal deviate of the same tail."""
    tail = np.maximum(scipy.stats.t.sf(np.abs(t), freedom), 1e-300)
    found: Floats = np.sign(t) * scipy.stats.norm.isf(tail)
    return found
