"""The evidence of a curve is that of Bayesian regression, and curves that were are found again."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import curve_fit

from escalera.core.finetuning import posterior, shapes, trainings
from escalera.core.finetuning.curve_prior import NOISES, WANDERS, CurvePrior
from escalera.core.finetuning.trainings import Training

SIZES = (50, 100, 200, 400, 800)


def curve(error, *, items: int = 100_000) -> list[Training]:
    """One training of every size, exactly on a curve."""
    return [Training(examples=n, chain=0, score=1.0 - error(n), items=items) for n in SIZES]


def falling(n: float) -> float:
    """A power law with an asymptote."""
    return 0.1 + 0.5 * (1.0 + n / 40.0) ** -0.7


def covariance(points: trainings.Points, wander: float, noise: float, flips: float) -> np.ndarray:
    """As the module's text has it, entry by entry."""
    count = len(points.examples)
    found = np.zeros((count, count))
    overlap = trainings.overlap_correlation(points)
    for i in range(count):
        for j in range(count):
            u, v = sorted(np.log2(points.largest / points.examples[[i, j]]))
            spare = [e * (1.0 - e) for e in points.level[[i, j]]]
            found[i, j] += wander**2 * u**2 * (3.0 * v - u) / 6.0 * spare[0] * spare[1]
            sds = [
                noise * np.sqrt(s * points.largest / n)
                for s, n in zip(spare, points.examples[[i, j]], strict=True)
            ]
            found[i, j] += overlap[i, j] * sds[0] * sds[1]
        found[i, i] += flips * spare[0] / points.items + 1e-8
    return found


@pytest.mark.parametrize("rank", [0, 100, 800])
@pytest.mark.parametrize("scales", [(0, 0), (2, 1), (4, 3)])
def test_evidence_is_the_integral_over_the_level(rank: int, scales: tuple[int, int]) -> None:
    """By SciPy's quadrature of the Gaussian density, for curves of all likelihoods."""
    rng = np.random.default_rng(rank)
    measured = [
        Training(examples=n, chain=c, score=1 - falling(n) + 0.02 * rng.normal(), items=300)
        for n in SIZES
        for c in range(2)
    ]
    points = trainings.points(measured)
    grid = shapes.grid(points.largest)
    found = posterior.Evidence.of(points, grid, 0.3)
    wander, noise = WANDERS[scales[0]], NOISES[scales[1]]
    normal = stats.multivariate_normal(cov=covariance(points, wander, noise, 0.3))
    heights = grid.relative_error(points.examples)
    logs = found.log_likelihood[scales]
    which = int(np.argsort(-logs)[rank])
    highest = grid.relative_error(np.zeros(1))[which, 0]
    peak = normal.logpdf(points.error - found.level[*scales, which] * heights[which])
    centre, spread = found.level[*scales, which], found.spread[*scales, which]
    ends = max(0.0, centre - 9 * spread), min(1.0 / highest, centre + 9 * spread)
    area = integrate.quad(
        lambda a: np.exp(normal.logpdf(points.error - a * heights[which]) - peak), *ends
    )[0]
    constant = 0.5 * (len(measured) - 1) * np.log(2.0 * np.pi)
    assert logs[which] - constant == pytest.approx(peak + np.log(area), abs=2e-3)


def test_weights_are_probabilities_and_the_result_repeats() -> None:
    """The same measurements give the same bits, in whatever order."""
    measured = curve(falling)
    first = posterior.fit(trainings.points(measured))
    second = posterior.fit(trainings.points(measured[::-1]))
    assert float(first.weight.sum()) == pytest.approx(1.0)
    assert first.weight.tolist() == second.weight.tolist()
    assert first.level.tolist() == second.level.tolist()


def test_an_exact_curve_is_continued_as_by_least_squares() -> None:
    """Without noise the forecast is within 1.5 points of SciPy's exact fit of the same family.

    Five points leave room for the prior, which knows flatter and steeper curves.
    """

    def pow4(n, floor, height, scale, exponent):
        return floor + height * (1.0 + n / scale) ** -exponent

    measured = curve(falling)
    fitted, _ = curve_fit(pow4, SIZES, [falling(n) for n in SIZES], p0=(0.05, 0.6, 60.0, 0.9))
    assert pow4(3200.0, *fitted) == pytest.approx(falling(3200.0), abs=1e-6)
    found = posterior.fit(trainings.points(measured))
    height = found.shapes.relative_error(np.array([3200.0]))[:, 0]
    told = float(found.weight @ (found.level * height))
    assert told == pytest.approx(falling(3200.0), abs=0.015)


def test_measured_flips_replace_those_of_the_prior() -> None:
    """With single scores the variance of items is known."""
    prior = CurvePrior(flips=0.2)
    plain = trainings.points(curve(falling))
    assert posterior.flips_used(plain, prior) == 0.2
    items = [[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    measured = [trainings.of_scores(n, c, items[c]) for n in (10, 20, 40) for c in (0, 1)]
    points = trainings.points(measured)
    assert posterior.flips_used(points, prior) == points.flips != 0.2
