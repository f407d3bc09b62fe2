"""Trends are the Gaussian regression that they say they are, and continue what was."""

import numpy as np
import pytest
from scipy import integrate, stats

from escalera.core.finetuning import trainings, trends
from escalera.core.finetuning.trainings import Points, Training
from escalera.core.finetuning.trends import TrendPrior

SIZES = (50, 100, 200, 400)
PRIOR = TrendPrior(slope=-0.5, between=0.1, within=0.2, length=1.5)


def curve(error, *, items: int = 100_000, chains: int = 1) -> Points:
    """Trainings of every size, exactly on a curve."""
    return trainings.points(
        [
            Training(examples=n, chain=c, score=1.0 - error(n), items=items)
            for n in SIZES
            for c in range(chains)
        ]
    )


def straight(slope: float, floor: float = 0.0):
    """Log-odds above a floor that fall by `slope` a doubling, with an error of 0.2 at 400."""
    start = np.log((0.2 - floor) / 0.8)

    def error(n: float) -> float:
        odds = np.exp(start + slope * np.log2(n / 400))
        return float((odds + floor) / (1.0 + odds))

    return error


def test_wandering_is_the_integral_of_an_ornstein_uhlenbeck_slope() -> None:
    """Cov(g(x), g(y)) by quadrature, on one side of the largest size and across it."""
    xs = np.array([-2.0, -0.5, 1.0, 3.0])
    found = trends._wandering(xs, PRIOR) - trends._LEVEL_VARIANCE
    for i, x in enumerate(xs):
        for j, y in enumerate(xs):
            whole, _ = integrate.dblquad(
                lambda u, v: np.exp(-abs(u - v) / PRIOR.length), 0.0, y, 0.0, x, epsabs=1e-6
            )
            expected = PRIOR.within**2 * whole + PRIOR.between**2 * x * y
            assert found[i, j] == pytest.approx(expected, abs=1e-4)


def test_evidence_and_forecast_are_those_of_a_joint_normal() -> None:
    """By SciPy's density of what was seen, and the conditional mean and deviation of what was not.

    Written out entry by entry for one floor and one noise, with one training of every size.
    """
    rng = np.random.default_rng(5)
    measured = [
        Training(examples=n, chain=0, score=1 - straight(-0.4)(n) + 0.01 * rng.normal(), items=300)
        for n in SIZES
    ]
    points = trainings.points(measured)
    floor, noise, flips = 0.3 * points.level[-1], 0.04, 0.5
    x = np.append(np.log2(points.examples / 400.0), [1.0, 2.0])
    e = (points.error * 300 + 0.5) / 301
    level = points.level
    steep = 1 / (level - floor) + 1 / (1 - level)
    seen = np.log((level - floor) / (1 - level)) + steep * (e - level)
    total = trends._wandering(x, PRIOR)
    for i in range(4):
        for j in range(4):
            near = min(points.examples[i], points.examples[j])
            shared = near / np.sqrt(points.examples[i] * points.examples[j])
            size = 400 / np.sqrt(points.examples[i] * points.examples[j])
            both = noise**2 * size * shared + (flips / 300 if i == j else 0.0)
            sd = [np.sqrt(level[k] * (1 - level[k])) * steep[k] for k in (i, j)]
            total[i, j] += both * sd[0] * sd[1] + (1e-6 if i == j else 0.0)
    start = np.log((level[-1] - floor) / (1 - level[-1])) + PRIOR.slope * x
    gain = np.linalg.solve(total[:4, :4], total[:4, 4:]).T
    logs, mean, deviation = trends._regressed(
        trends._Seen.of(points, flips), np.array([floor]), np.array([noise]), x, PRIOR
    )
    density = stats.multivariate_normal(start[:4], total[:4, :4]).logpdf(seen)
    expected = density + np.log(steep).sum() + 2.0 * np.log(2.0 * np.pi)
    assert logs[0] == pytest.approx(expected, abs=1e-8)
    assert mean[0] == pytest.approx(start[4:] + gain @ (seen - start[:4]), abs=1e-9)
    rest = total[4:, 4:] - gain @ total[:4, 4:]
    assert deviation[0] == pytest.approx(np.sqrt(np.diag(rest)), abs=1e-9)


@pytest.mark.parametrize("slope", [-0.2, -0.5, -0.9])
def test_a_straight_trend_goes_on(slope: float) -> None:
    """Measured without noise, to within a point after one doubling, whatever is usual."""
    found = trends.fit(curve(straight(slope)), [800.0], 0.1, TrendPrior(floor=(1.0, 60.0)))
    drawn = trends.errors(found, np.arange(len(found.weight)), np.zeros(len(found.weight)))
    assert found.weight @ drawn[:, 0] == pytest.approx(straight(slope)(800.0), abs=0.01)


def test_a_floor_that_was_reached_is_found() -> None:
    """A curve that flattens at 0.16 is forecast higher than one that is straight, far out."""
    prior = TrendPrior(within=0.02, between=0.6, floor=(1.0, 1.0))
    told = []
    for error in (straight(-0.9), straight(-0.9, floor=0.16)):
        found = trends.fit(curve(error), [6400.0], 0.1, prior)
        drawn = trends.errors(found, np.arange(len(found.weight)), np.zeros(len(found.weight)))
        told.append(float(found.weight @ drawn[:, 0]))
    assert told[0] < 0.06
    assert told[1] > 0.12


def test_what_has_stopped_rising_stays() -> None:
    """Four equal scores are a flat curve, though nearly all curves rise."""
    found = trends.fit(curve(lambda n: 0.3, items=2000), [6400.0], 0.1, trends.LEARNED)
    assert found.weight[-5:].sum() > 0.9
    assert found.mean[-5:] == pytest.approx(np.log(0.3 / 0.7), abs=0.02)


def test_more_trainings_of_a_size_narrow_the_forecast() -> None:
    """A larger distance widens it, but for flat curves; weights are a distribution."""
    one, three = (
        trends.fit(curve(straight(-0.5), items=200, chains=c), [800.0, 3200.0], 0.5, PRIOR)
        for c in (1, 3)
    )
    assert len(one.weight) == (len(trends.FLOORS) + 1) * 5
    assert one.weight.sum() == pytest.approx(1.0)
    assert (one.deviation[:-5, 1] > one.deviation[:-5, 0]).all()
    assert (one.deviation[-5:, 1] == one.deviation[-5:, 0]).all()
    assert (three.deviation[:, 0] < one.deviation[:, 0]).all()


def test_drawn_errors_lie_between_floor_and_one() -> None:
    """However far the normal number is."""
    found = trends.fit(curve(straight(-0.5, floor=0.1)), [800.0, 1e6], 0.5, PRIOR)
    every = np.arange(len(found.weight))
    for far in (-50.0, 0.0, 50.0):
        drawn = trends.errors(found, every, np.full(len(every), far))
        assert ((drawn >= found.floor[:, None]) & (drawn <= 1.0)).all()
