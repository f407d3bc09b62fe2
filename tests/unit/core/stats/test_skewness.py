"""Hall's transformation towards doubt: formula, order, inverse, and what it does to a level."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import clustering, distributions, mean, skewness

SKEWNESSES = st.floats(-6.0, 6.0)


@pytest.mark.parametrize(("t", "skew"), [(2.0, -1.0), (-2.5, 2.0), (4.0, -3.0), (1.2, -0.2)])
def test_halls_cubic(t: float, skew: float) -> None:
    """Of 25 units: the third power that the polynomial is the difference of."""
    a = skew / (3 * 5)
    expected = ((1 + a * t) ** 3 - 1) / (3 * a) + skew / (6 * 5)
    assert abs(expected) < abs(t)
    assert skewness.allow(t, [skew], 25) == pytest.approx(expected, rel=1e-12)


def test_nothing_is_made_surer() -> None:
    """Skewness that speaks for the deviate changes nothing; what would turn its sign makes it 0."""
    assert skewness.allow(2.0, [1.5], 25) == 2.0
    assert skewness.allow(-2.0, [-1.5], 25) == -2.0
    assert skewness.allow(0.1, [-3.0], 25) == 0.0
    assert skewness.allow(2.0, [0.0], 25) == 2.0
    assert skewness.allow(2.0, [], 25) == 2.0


def test_of_several_skewnesses_the_worst_counts() -> None:
    """For a deviate on either side, and for the ends of an interval."""
    for t, worst in ((2.0, -1.0), (-2.0, 0.5)):
        assert skewness.allow(t, [-1.0, 0.5], 25) == skewness.allow(t, [worst], 25) != t
    below, above = skewness.ends(2.0, [-1.0, 0.5], 25)
    assert (below, above) == (skewness.ends(2.0, [0.5], 25)[0], skewness.ends(2.0, [-1.0], 25)[1])
    assert skewness.ends(2.0, [], 25) == (2.0, 2.0)


def test_what_a_sample_leaves_open() -> None:
    """Fisher's estimate; its sign is believed from ten units that vary, its size never."""
    values = np.random.default_rng(8).exponential(size=30)
    biased, fisher = (float(scipy.stats.skew(values, bias=bias)) for bias in (True, False))
    error = (6 / 30) ** 0.5
    (found,) = skewness.plausible(biased, 30, varying=10)
    assert found == pytest.approx(fisher + error)
    assert fisher > error
    (small,) = skewness.plausible(-0.01, 30, varying=30)
    assert small == pytest.approx(-0.02, rel=0.1)
    assert skewness.plausible(biased, 30, varying=9) == pytest.approx(
        (fisher - error, fisher + error)
    )


@given(
    first=st.floats(-30, 30), second=st.floats(-30, 30), skew=SKEWNESSES, steps=st.integers(2, 400)
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_it_keeps_the_order_and_the_sign(
    first: float, second: float, skew: float, steps: int
) -> None:
    """Stronger evidence never becomes weaker than weaker evidence; doubt only grows."""
    low, high = (skewness.allow(t, [skew], steps) for t in sorted((first, second)))
    assert low <= high + 1e-12
    for t in (first, second):
        found = skewness.allow(t, [skew], steps)
        assert abs(found) <= abs(t)
        assert found * t >= 0.0


@given(critical=st.floats(0.1, 8.0), skew=SKEWNESSES, steps=st.integers(2, 400))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_ends_invert_it(critical: float, skew: float, steps: int) -> None:
    """What t must reach on either side is where `allow` reaches the critical value."""
    below, above = skewness.ends(critical, [skew], steps)
    assert min(below, above) >= critical
    assert skewness.allow(above, [skew], steps) == pytest.approx(critical, rel=1e-9)
    assert skewness.allow(-below, [skew], steps) == pytest.approx(-critical, rel=1e-9)


def test_beyond_noise() -> None:
    """One standard error of a normal sample's skewness is taken off, and never more than all."""
    assert skewness.beyond_noise(-1.5, 24) == -1.0
    assert skewness.beyond_noise(0.4, 24) == 0.0
    assert skewness.beyond_noise(2.0, 24) == 1.5


def test_the_skewness_of_an_estimate_is_scipys() -> None:
    """Of items, and of the sums of clusters about the mean."""
    values = np.random.default_rng(3).exponential(size=60)
    expected = scipy.stats.skew(values)
    assert clustering.robust_mean(values).skewness == pytest.approx(expected, rel=1e-9)
    labels = np.repeat(np.arange(15), 4)
    sums = (values - values.mean()).reshape(15, 4).sum(axis=1)
    found = clustering.robust_mean(values, labels).skewness
    assert found == pytest.approx(scipy.stats.skew(sums), rel=1e-9)
    assert clustering.robust_mean([0.3] * 20).skewness == 0.0


def test_few_large_losses_keep_their_level() -> None:
    """A mean of exactly the bar, half full marks and half small losses of 60: 2.5 % may be said to
    be above; t alone says it of more than twice as many (4,000 samples).
    """
    rng = np.random.default_rng(12)
    lost = (rng.random((4000, 60)) < 0.5) * np.minimum(1.0, rng.exponential(0.15, (4000, 60)))
    bar = 1 - 0.5 * 0.15 * (1 - np.exp(-1 / 0.15))
    critical = -distributions.normal_quantile(0.025)
    above = {
        rule: sum(mean.z_statistic(1 - row, bar=bar, rule=rule) >= critical for row in lost) / 4000
        for rule in ("wider of two", "skewness allowed")
    }
    assert above["wider of two"] > 0.05
    assert above["skewness allowed"] < 0.031
