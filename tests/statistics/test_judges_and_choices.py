"""Simulated coverage and error rates of judge correction, agreement, races and tables.

Limits are the nominal rate plus three standard errors of the simulation, plus an allowance where
the method is known to be approximate, stated in the test. The generators are seeded: a rate
changes only with the code. Each test prints what it measured (`pytest -s`).
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from escalera.core.stats import agreement, clustering, concordance, multiplicity, ppi, racing
from escalera.core.stats.ppi import Corrected

pytestmark = pytest.mark.slow

Sample = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Sample]


def limit(alpha: float, runs: int, allowance: float = 0.0) -> float:
    """The largest acceptable rate."""
    return alpha + allowance + 3.0 * math.sqrt(alpha * (1.0 - alpha) / runs)


def right_or_wrong(share: float, hit: float, false_alarm: float) -> Draw:
    """Binary truth; the judge says 1 to this share of right and of wrong answers."""

    def draw(rng: np.random.Generator, n: int) -> Sample:
        truth = rng.random(n) < share
        says = np.where(truth, rng.random(n) < hit, rng.random(n) < false_alarm)
        return truth.astype(float), says.astype(float)

    return draw


def graded(bias: float, noise: float, steps: int = 0) -> Draw:
    """Graded truth of mean 0.625; the judge is too high by `bias`, cut off at 1; maybe Likert."""

    def draw(rng: np.random.Generator, n: int) -> Sample:
        truth = rng.beta(2.0, 1.2, n)
        says = np.clip(truth + bias + rng.normal(0.0, noise, n), 0.0, 1.0)
        if steps:
            truth = (rng.random(n) < truth).astype(float)
            says = np.round(says * steps) / steps
        return truth, says

    return draw


def differences(gains: float, losses: float, seen: float, else_: tuple[float, ...]) -> Draw:
    """Human differences in {-1, 0, 1}; the judge sees a share of them and guesses otherwise."""

    def draw(rng: np.random.Generator, n: int) -> Sample:
        values = np.array([-1.0, 0.0, 1.0])
        truth = rng.choice(values, p=[losses, 1.0 - gains - losses, gains], size=n)
        guess = rng.choice(values, p=else_, size=n)
        return truth, np.where(rng.random(n) < seen, truth, guess)

    return draw


def corrected(draw: Draw, seed: int, labels: int, items: int) -> Corrected:
    """One sample with labels on the first items, which are a random sample by construction."""
    truth, says = draw(np.random.default_rng(seed), items)
    human = [float(t) if i < labels else None for i, t in enumerate(truth)]
    signed = bool((truth < 0).any() or (says < 0).any())
    return (ppi.difference if signed else ppi.mean)(says, human)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (right_or_wrong(0.70, 0.80, 0.30), 0.70),
        (right_or_wrong(0.70, 0.95, 0.20), 0.70),
        (right_or_wrong(0.80, 0.98, 0.30), 0.80),
        (right_or_wrong(0.90, 0.95, 0.50), 0.90),
        (right_or_wrong(0.95, 0.90, 0.30), 0.95),
        (right_or_wrong(0.50, 0.50, 0.50), 0.50),
        (graded(0.15, 0.10), 0.625),
        (graded(0.15, 0.30), 0.625),
        (graded(0.15, 0.20, steps=4), 0.625),
        (differences(0.30, 0.20, 0.80, (0.15, 0.60, 0.25)), 0.10),
        (differences(0.10, 0.05, 0.80, (0.15, 0.60, 0.25)), 0.05),
        (differences(0.07, 0.00, 0.90, (0.02, 0.96, 0.02)), 0.07),
        (differences(0.12, 0.00, 0.30, (0.02, 0.95, 0.03)), 0.12),
    ],
)
def test_thirty_labels_cover_with_a_biased_judge(draw: Draw, truth: float) -> None:
    """30 labels among 1,000 judged items: at least 94 % of 95 % intervals cover."""
    runs = 2000
    missed = 0
    for seed in range(runs):
        found = corrected(draw, seed, 30, 1000).interval
        missed += not found.lower <= truth <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= 0.06


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (graded(0.15, 0.10), 30),
        (graded(0.15, 0.30), 30),
        (graded(0.15, 0.20, steps=4), 30),
        (right_or_wrong(0.70, 0.80, 0.30), 30),
        (right_or_wrong(0.70, 0.95, 0.20), 30),
        (right_or_wrong(0.70, 0.95, 0.20), 200),
        (differences(0.30, 0.20, 0.80, (0.15, 0.60, 0.25)), 30),
        (differences(0.20, 0.10, 0.90, (0.15, 0.60, 0.25)), 200),
    ],
)
def test_width_is_that_of_the_unexplained_part(draw: Draw, labels: int) -> None:
    """With 20,000 judged items the mean width is at most 1.1 sqrt(1 - r^2) of the t interval of the
    labels.
    """
    width = alone = 0.0
    truth, says = draw(np.random.default_rng(0), 200_000)
    r = float(np.corrcoef(truth, says)[0, 1])
    for seed in range(300):
        found = corrected(draw, seed, labels, 20_000).interval
        width += found.upper - found.lower
        truth, _ = draw(np.random.default_rng(seed), 20_000)
        lower, upper = clustering.t_interval(clustering.robust_mean(truth[:labels]))
        alone += upper - lower
    ratio = width / alone / math.sqrt(1.0 - r * r)
    print(f"r {r:.2f}, width over sqrt(1 - r^2) of labels only {ratio:.3f}")
    assert ratio <= 1.1


@pytest.mark.parametrize("icc", [0.05, 0.3, 0.6])
def test_labelled_clusters_cover(icc: float) -> None:
    """30 of 250 conversations of 4 messages labelled whole: coverage as of clustered shares."""
    runs, missed = 1500, 0
    rng = np.random.default_rng(17)
    labels = np.repeat(np.arange(250), 4)
    scale = 1.0 / icc - 1.0
    for _ in range(runs):
        shares = rng.beta(0.7 * scale, 0.3 * scale, 250)[labels]
        truth = rng.random(1000) < shares
        says = np.where(truth, rng.random(1000) < 0.9, rng.random(1000) < 0.35).astype(float)
        human = [float(t) if c < 30 else None for t, c in zip(truth, labels, strict=True)]
        found = ppi.mean(says, human, labels.tolist()).interval
        missed += not found.lower <= 0.7 <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= limit(0.05, runs, 0.005)


def test_active_labels_cover() -> None:
    """About 60 labels, drawn where the judge is unsure with known probabilities."""
    runs, missed = 1500, 0
    rng = np.random.default_rng(18)
    for _ in range(runs):
        truth, says = graded(0.15, 0.2)(rng, 1000)
        truth = (rng.random(1000) < truth).astype(float)
        unsure = says * (1.0 - says) + 0.05
        chance = np.minimum(1.0, 60.0 * unsure / unsure.sum())
        drawn = rng.random(1000) < chance
        human = [float(t) if d else None for t, d in zip(truth, drawn, strict=True)]
        found = ppi.mean(says, human, probabilities=chance).interval
        missed += not found.lower <= 0.625 <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= limit(0.05, runs)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.4])
def test_unequal_chances_cover_beside_a_useless_judge(share: float) -> None:
    """Where the judge calls a tie a label is eight times as likely; they count for 30 equal ones.

    At least 94 % of 95 % intervals of the difference cover 0; with a t on labels - 1 degrees of
    freedom it was down to 93.1 % (share 0.4, 6,000 runs).
    """
    runs, missed, items = 4000, 0, 419
    rng = np.random.default_rng(23)
    for _ in range(runs):
        truth = np.where(rng.random(items) < 0.5, 1.0, -1.0)
        tie = rng.random(items) < share
        says = np.where(tie, 0.0, np.where(rng.random(items) < 0.5, 1.0, -1.0))
        times = np.where(tie, 8.0, 1.0)
        kish = times.mean() * (1.0 / times).mean()
        chance = np.minimum(1.0, 30.0 * kish * times / times.sum())
        drawn = rng.random(items) < chance
        human = [float(t) if d else None for t, d in zip(truth, drawn, strict=True)]
        found = ppi.difference(says, human, probabilities=chance).interval
        missed += not found.lower <= 0.0 <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= 0.06


@pytest.mark.parametrize("kappa", [0.2, 0.6, 0.9])
@pytest.mark.parametrize(
    ("share", "n", "allowance"),
    [
        (0.5, 30, 0.0),
        (0.7, 60, 0.0),
        # Both raters use the rare category for about three units: known to exceed by 3 points.
        (0.9, 100, 0.02),
    ],
)
def test_kappa_covers(kappa: float, share: float, n: int, allowance: float) -> None:
    """Second rater copies the first with probability kappa, else draws anew: that is the truth."""
    rng = np.random.default_rng(19)
    runs = missed = 0
    for _ in range(1000):
        first = rng.random(n) < share
        second = np.where(rng.random(n) < kappa, first, rng.random(n) < share)
        if len(set(first.tolist()) | set(second.tolist())) < 2:
            continue
        found = agreement.cohen_kappa(first.tolist(), second.tolist())
        runs += 1
        missed += not found.lower <= kappa <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= limit(0.05, runs, allowance)


@pytest.mark.parametrize("tau", [0.0, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("n", [20, 60])
def test_tau_covers(tau: float, n: int) -> None:
    """Bivariate normal: tau = 2/pi asin(rho)."""
    rng = np.random.default_rng(20)
    rho = math.sin(0.5 * math.pi * tau)
    missed, runs = 0, 800
    for _ in range(runs):
        x = rng.normal(size=n)
        y = rho * x + math.sqrt(1.0 - rho * rho) * rng.normal(size=n)
        found = concordance.kendall_tau(x, y)
        missed += not found.lower <= tau <= found.upper
    print(f"coverage {1 - missed / runs:.4f}")
    assert missed / runs <= limit(0.05, runs)


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_race_rarely_loses_its_best_arm(spending: str, clustered: bool) -> None:  # noqa: FBT001
    """Eight arms of equal mean, ten looks: the first, as good as any, is dropped in at most half of
    alpha, with clusters too; a best arm that is ahead is lost less often.
    """
    rng = np.random.default_rng(21)
    runs, lost = 1500, 0
    times = tuple((k + 1) / 10 for k in range(10))
    for _ in range(runs):
        plan = racing.Plan(arms=8, spending=spending)
        state, start = racing.init(plan), 0
        luck = rng.normal(0.0, 0.1, (8, 40)).repeat(5, axis=1) if clustered else 0.0
        table = np.clip(0.5 + luck + rng.normal(0.0, 0.2, (8, 200)), 0.0, 1.0)
        for t in times:
            reading = racing.read(state)
            if reading.status != "continue" or 0 not in reading.survivors:
                break
            end = round(200 * t)
            new = {a: {i: table[a, i] for i in range(start, end)} for a in reading.survivors}
            labels = {i: i // 5 for i in range(start, end)} if clustered else None
            state = racing.update(state, information_time=t, scores=new, clusters=labels)
            start = end
        lost += 0 not in racing.read(state).survivors
    print(f"lost {lost / runs:.4f}")
    assert lost / runs <= limit(0.025, runs)


@pytest.mark.parametrize("clusters", [20, 200])
def test_simultaneous_intervals_cover_together(clusters: int) -> None:
    """Five equal binary arms with shared difficulty: all ten differences covered in 95 %."""
    rng = np.random.default_rng(22)
    runs, missed = 400, 0
    labels = np.repeat(np.arange(clusters), 400 // clusters)
    for _ in range(runs):
        hard = rng.beta(2.0, 1.0, clusters)[labels]
        arms = [(rng.random(400) < hard).astype(float) for _ in range(5)]
        found = multiplicity.simultaneous(arms, labels)
        missed += any(not p.interval.lower <= 0.0 <= p.interval.upper for p in found)
    print(f"all covered {1 - missed / runs:.4f}")
    assert missed / runs <= limit(0.05, runs)
