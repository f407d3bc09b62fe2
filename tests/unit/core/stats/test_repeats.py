"""Variance between items and within them: references, a textbook, simulation and planning."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.mixed_linear_model import MixedLM

from escalera.core.stats import clustering, mean, paired, power, repeats

TURNIPS = [
    [3.28, 3.09, 3.03, 3.03],
    [3.52, 3.48, 3.38, 3.38],
    [2.88, 2.80, 2.81, 2.76],
    [3.34, 3.38, 3.23, 3.26],
]


def drawn(
    rng: np.random.Generator, counts: list[int], between: float, within: float
) -> list[list[float]]:
    """Measurements with normal effects of items."""
    return [
        (rng.normal(0.0, math.sqrt(between)) + rng.normal(0.0, math.sqrt(within), k)).tolist()
        for k in counts
    ]


def test_golden_turnips() -> None:
    """Calcium in turnip leaves (Snedecor and Cochran): within 0.0066, between 0.0724."""
    found = repeats.components(TURNIPS)
    assert (round(found.within, 4), round(found.between, 4)) == (0.0066, 0.0724)
    assert found.measurements == 16
    assert found.noise == pytest.approx(found.within / 16)


def test_balanced_components_match_statsmodels() -> None:
    """Balanced and positive, analysis of variance equals REML of a random intercept."""
    items = drawn(np.random.default_rng(40), [3] * 30, 0.5, 1.0)
    flat = np.concatenate(items)
    labels = np.repeat(np.arange(30), 3)
    fit = MixedLM(flat, np.ones((90, 1)), groups=labels).fit(reml=True)
    found = repeats.components(items)
    assert found.within == pytest.approx(fit.scale, rel=1e-3)
    assert found.between == pytest.approx(float(fit.cov_re[0, 0]), rel=1e-3)


@given(
    items=st.lists(
        st.lists(st.integers(0, 10).map(lambda x: x / 10), min_size=1, max_size=5),
        min_size=2,
        max_size=12,
    ).filter(lambda items: any(len(item) > 1 for item in items))
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_components_match_expected_mean_squares(items: list[list[float]]) -> None:
    """Solving the two expected mean squares by matrices gives the same variances."""
    n, total = len(items), sum(map(len, items))
    y = np.concatenate([np.array(item) for item in items])
    z = np.zeros((total, n))
    z[np.arange(total), np.repeat(np.arange(n), [len(item) for item in items])] = 1
    to_items = z @ np.linalg.pinv(z)
    to_mean = np.full((total, total), 1 / total)
    squares = [y @ (to_items - to_mean) @ y, y @ (np.eye(total) - to_items) @ y]
    system = [
        [np.trace((to_items - to_mean) @ z @ z.T), np.trace(to_items - to_mean)],
        [0.0, total - n],
    ]
    between, within = np.linalg.solve(system, squares)
    found = repeats.components(items)
    assert found.within == pytest.approx(within, abs=1e-9)
    assert found.between == pytest.approx(max(0.0, between), abs=1e-9)
    assert 0.0 <= found.noise_share <= 1.0


def test_unbalanced_components_are_unbiased() -> None:
    """Averaged over 600 draws with one to six repeats: the true variances within 5 sigma."""
    rng = np.random.default_rng(41)
    counts = [1, 2, 3, 4, 5, 6] * 10
    found = [repeats.components(drawn(rng, counts, 1.0, 0.5)) for _ in range(600)]
    for values, true in (([f.between for f in found], 1.0), ([f.within for f in found], 0.5)):
        assert np.mean(values) == pytest.approx(true, abs=5 * np.std(values) / math.sqrt(600))
    errors = [f.estimate.standard_error**2 for f in found]
    expected = repeats.variance_of_mean(found[0], items=60, repeats=1)
    assert expected > 0
    harmonic = sum(1 / k for k in counts) / 60
    assert np.mean(errors) == pytest.approx((1.0 + 0.5 * harmonic) / 60, rel=0.05)


def test_repeats_of_an_item_are_no_items() -> None:
    """The error is that of item means; as items of their own, repeats would halve it."""
    items = drawn(np.random.default_rng(42), [8] * 40, 1.0, 0.2)
    found = repeats.components(items)
    assert found.estimate == clustering.robust_mean(repeats.item_means(items))
    flat = clustering.robust_mean([x for item in items for x in item])
    assert flat.standard_error < 0.5 * found.estimate.standard_error
    assert found.noise_share < 0.1


def test_clusters_multiply_only_what_lies_between() -> None:
    """Alike items of a cluster raise the error and the design effect, not the noise."""
    rng = np.random.default_rng(43)
    items, labels = [], []
    for cluster in range(40):
        level = rng.normal(0.0, 1.0)
        for _ in range(5):
            items.append((level + rng.normal(0.0, 0.3, 3)).tolist())
            labels.append(cluster)
    plain, found = repeats.components(items), repeats.components(items, labels)
    assert found.noise == plain.noise
    assert found.estimate.clusters == 40
    assert 3.5 < found.design_effect < 6.5
    again = repeats.variance_of_mean(found, items=200, repeats=3)
    assert again == pytest.approx(found.estimate.standard_error**2, rel=1e-9)


def test_item_means_feed_mean_and_paired() -> None:
    """Means of repeats are graded scores: the intervals take them with their clusters."""
    first = [[1, 1, 0], [1, 0], [0, 0, 0, 1], [1, 1]]
    second = [[1, 0], [0, 0], [0, 0], [1, 0]]
    means = repeats.item_means(first)
    assert means == pytest.approx((2 / 3, 0.5, 0.25, 1.0))
    assert mean.interval(means).estimate == pytest.approx(sum(means) / 4)
    found = paired.interval(means, repeats.item_means(second), ["a", "a", "b", "b"])
    components = repeats.paired_components(first, second, ["a", "a", "b", "b"])
    assert components.estimate.value == pytest.approx(found.estimate)


def test_paired_components_recover_their_parts() -> None:
    """Simulated with omega^2 = 0.5 and noises 1 and 2, on 3 and 5 repeats, within 10 %."""
    rng = np.random.default_rng(44)
    n = 4000
    common, true = rng.normal(0, 3, n), rng.normal(0.2, math.sqrt(0.5), n)
    first = [list(c + d + rng.normal(0, 1, 3)) for c, d in zip(common, true, strict=True)]
    second = [list(c + rng.normal(0, math.sqrt(2), 5)) for c in common]
    found = repeats.paired_components(first, second)
    assert found.candidate_within == pytest.approx(1.0, rel=0.1)
    assert found.baseline_within == pytest.approx(2.0, rel=0.1)
    assert found.between == pytest.approx(0.5, rel=0.1)
    measured = power.difference_variance(
        between=found.between,
        candidate_noise=found.candidate_within,
        baseline_noise=found.baseline_within,
        candidate_repeats=3,
        baseline_repeats=5,
    )
    assert measured / n == pytest.approx(found.estimate.standard_error**2, rel=1e-6)


@pytest.mark.parametrize(
    ("within", "between", "item_price", "repeat_price", "expected"),
    [(1.0, 1.0, 0.0, 1.0, 1), (1.0, 1.0, 16.0, 1.0, 4), (0.0, 1.0, 9.0, 1.0, 1), (1, 0, 5, 1, 64)],
)
def test_advice_follows_the_root_rule(
    within: float, between: float, item_price: float, repeat_price: float, expected: int
) -> None:
    """sqrt(within / between * item price / repeat price), in whole repeats."""
    found = repeats.components(TURNIPS)
    known = repeats.Components(
        estimate=found.estimate,
        between=between,
        within=within,
        noise=0.0,
        noise_share=0.0,
        design_effect=1.0,
        measurements=16,
    )
    advice = repeats.advise(known, item_price=item_price, repeat_price=repeat_price)
    assert advice.repeats == expected
    assert advice.relative_price <= 1.0
    if expected == 4:
        assert advice.relative_price == pytest.approx(1.25 * 20 / (2 * 17))


def test_bad_measurements_are_refused() -> None:
    """Items without measurements or without repeats, odd pairs, prices and plans raise."""
    with pytest.raises(ValueError, match="position 1"):
        repeats.item_means([[1.0], []])
    with pytest.raises(ValueError, match="position 0"):
        repeats.item_means([[math.nan]])
    with pytest.raises(ValueError, match="do not tell noise from items"):
        repeats.components([[1.0], [0.0]])
    with pytest.raises(ValueError, match="do not tell noise from items"):
        repeats.components([[1.0, 0.0]])
    with pytest.raises(ValueError, match="are no pairs"):
        repeats.paired_components([[1.0, 0.0]], [[1.0, 0.0], [1.0]])
    found = repeats.components(TURNIPS)
    with pytest.raises(ValueError, match="items 0"):
        repeats.variance_of_mean(found, items=0, repeats=1)
    with pytest.raises(ValueError, match=r"repeat_price 0\.0"):
        repeats.advise(found, item_price=1.0, repeat_price=0.0)
