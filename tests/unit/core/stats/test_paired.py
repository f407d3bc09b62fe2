"""Paired differences: published examples, oracles, honest ties, interval and z agree."""

from typing import get_args

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from escalera.core.stats import clustering, distributions, mean, paired, proportion
from escalera.core.stats.clustering import ScoreRule


def pairs(both: int, gains: int, losses: int, neither: int) -> tuple[list[float], list[float]]:
    """Binary scores (candidate, baseline) with the given counts."""
    candidate = [1.0] * (both + gains) + [0.0] * (losses + neither)
    baseline = [1.0] * both + [0.0] * gains + [1.0] * losses + [0.0] * neither
    return candidate, baseline


def test_difference_is_the_clustered_mean_of_differences() -> None:
    """The estimate is that of d_i, and pairing shrinks the error of correlated systems."""
    rng = np.random.default_rng(3)
    easy = rng.random(200)
    candidate, baseline = 0.7 * easy + 0.2, 0.8 * easy + 0.1 * rng.random(200)
    labels = [i // 4 for i in range(200)]
    found = paired.difference(candidate, baseline, labels)
    assert found == clustering.robust_mean(candidate - baseline, labels)
    assert found.standard_error < 0.5 * mean.estimate(candidate, labels).standard_error


def test_graded_pairs_match_the_paired_t_test() -> None:
    """Graded scores give SciPy's paired t interval and p-value."""
    rng = np.random.default_rng(4)
    candidate, baseline = rng.random(40), rng.random(40)
    expected = scipy.stats.ttest_rel(candidate, baseline)
    found = paired.interval(candidate, baseline, rule="wider of two")
    low, high = expected.confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((low, high), rel=1e-9)
    z = paired.z_statistic(candidate, baseline, rule="wider of two")
    assert 2 * distributions.normal_cdf(-abs(z)) == pytest.approx(expected.pvalue, rel=1e-9)


def test_tango_golden_cavo() -> None:
    """Cavo et al. (2012) in Fagerland, Lydersen and Laake: -0.0621 (-0.1240 to -0.0054)."""
    found = paired.interval(*pairs(59, 6, 16, 80))
    rounded = (round(found.estimate, 4), round(found.lower, 4), round(found.upper, 4))
    assert rounded == (-0.0621, -0.1240, -0.0054)
    assert found.method == "tango"


def test_tango_golden_bentur() -> None:
    """Bentur et al. (2009) in Fagerland, Lydersen and Laake (2014): -0.517 to -0.026."""
    found = paired.interval(*pairs(1, 1, 7, 12))
    assert (round(found.lower, 3), round(found.upper, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize(
    ("gains", "losses", "n", "null"),
    [
        (5, 9, 60, -0.1),
        (0, 3, 40, -0.02),
        (7, 0, 25, 0.15),
        (4, 4, 300, 0.05),
        (0, 0, 50, -0.05),
    ],
)
def test_tango_z_matches_numerical_maximum_likelihood(
    gains: int, losses: int, n: int, null: float
) -> None:
    """The closed root equals a numerical search for the constrained maximum of the likelihood."""

    def negative(q: float) -> float:
        shares = (q + null, q, 1 - 2 * q - null)
        counts = (gains, losses, n - gains - losses)
        return -sum(c * np.log(max(p, 1e-300)) for c, p in zip(counts, shares, strict=True) if c)

    low, high = max(0.0, -null), (1 - null) / 2
    q = scipy.optimize.minimize_scalar(
        negative, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    expected = (gains - losses - n * null) / np.sqrt(n * (2 * q + null - null**2))
    both = (n - gains - losses) // 2
    data = pairs(both, gains, losses, n - gains - losses - both)
    z = paired.z_statistic(*data, null=null, rule="wider of two")
    assert z == pytest.approx(expected, rel=1e-4)


def test_losses_alone_are_counts_beside_a_fall() -> None:
    """Of 150 pairs 13 lose and none gains: a margin of 0.05 is passed by less than Tango's z."""
    data = pairs(100, 0, 13, 37)
    score = paired.z_statistic(*data, null=-0.05, rule="wider of two")
    found = paired.z_statistic(*data, null=-0.05)
    assert found == pytest.approx(-proportion.mid_p_z(13, 150, bar=0.05), rel=1e-12)
    assert score < found - 0.05 < 0.0
    mirrored = paired.z_statistic(data[1], data[0], null=0.05)
    assert mirrored == pytest.approx(-found, rel=1e-12)
    assert paired.interval(*data).upper > paired.interval(*data, rule="wider of two").upper
    both = pairs(100, 1, 13, 36)
    assert paired.interval(*both) == paired.interval(*both, rule="wider of two")


def test_clusters_that_lose_much_leave_more_room_for_losses() -> None:
    """Two of twenty documents lose eight of ten each: what t asks for is not enough."""
    lost = [place < 8 and document < 4 for document in range(20) for place in range(10)]
    labels = [document for document in range(20) for _ in range(10)]
    candidate, baseline = [1.0 - x for x in lost], [1.0] * 200
    found = paired.interval(candidate, baseline, labels)
    plain = paired.interval(candidate, baseline, labels, rule="wider of two")
    assert found.lower < plain.lower - 0.01
    assert found.upper == pytest.approx(plain.upper, abs=1e-9)


def test_z_of_binary_pairs_is_mcnemar() -> None:
    """Against null 0 the score z is (gains - losses) / sqrt(gains + losses)."""
    assert paired.z_statistic(*pairs(20, 15, 5, 10)) == pytest.approx(10 / 20**0.5, rel=1e-12)
    assert paired.z_statistic(*pairs(20, 0, 0, 10)) == 0.0


def test_no_disagreement_is_not_equivalence() -> None:
    """Thirty ties leave 11 points open, Tango's z^2/(n + z^2); graded ties likewise."""
    z = distributions.normal_quantile(0.975)
    expected = z * z / (30 + z * z)
    for same in ([1.0] * 30, [0.5] * 30):
        found = paired.interval(same, same)
        assert (found.lower, found.upper) == pytest.approx((-expected, expected), rel=1e-6)


def test_few_small_differences_among_ties_stay_open() -> None:
    """Three graded differences in 100 do not make a standard error: the bound is used."""
    baseline = [0.5] * 100
    candidate = [0.6, 0.6, 0.4] + [0.5] * 97
    found = paired.interval(candidate, baseline)
    assert found.method == "variance-bound"
    assert found.upper - found.lower > 0.06


def test_one_cluster_says_nothing() -> None:
    """A single cluster leaves the whole range open and z at 0."""
    candidate, baseline = pairs(2, 3, 0, 0)
    found = paired.interval(candidate, baseline, ["x"] * 5)
    assert (found.lower, found.upper) == (-1.0, 1.0)
    assert paired.z_statistic(candidate, baseline, ["x"] * 5) == 0.0


def test_golden_held_effect() -> None:
    """The rule of recorded looks: figures of the code before there was another."""
    candidate = [float(x) for x in "110101110111101101111101"]
    baseline = [float(x) for x in "100111011011101111110110"]
    labels = [i // 3 for i in range(24)]
    found = paired.interval(candidate, baseline, labels, rule="held effect")
    assert (found.lower, found.upper) == (-0.2668704712106593, 0.34258007398000817)
    assert found.method == "tango-design-effect"


def clustered(
    rng: np.random.Generator, clusters: int, size: int, alike: float
) -> tuple[list[float], list[float], list[int]]:
    """Binary scores that share so much of their variance in a cluster, and labels."""
    shape = (clusters, size)
    common = np.sqrt(alike) * rng.normal(size=(clusters, 1))
    latent = [common + np.sqrt(1 - alike) * rng.normal(size=shape) for _ in range(2)]
    scores = [(one.reshape(-1) < 0.5).astype(float).tolist() for one in latent]
    return scores[0], scores[1], np.repeat(np.arange(clusters), size).tolist()


@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_wider_of_two_is_never_narrower_than_either(alpha: float) -> None:
    """Not than that of the items alone, nor than that of the clusters; and no wider than both."""
    rng = np.random.default_rng(8)
    narrower = 0
    for clusters, size in [(5, 3), (12, 3), (20, 10), (40, 2)] * 15:
        candidate, baseline, labels = clustered(rng, clusters, size, 0.2)
        wide, held = (
            paired.interval(candidate, baseline, labels, alpha=alpha, rule=rule)
            for rule in ("wider of two", "held effect")
        )
        alone = paired.interval(candidate, baseline, alpha=alpha, rule="wider of two")
        assert wide.lower <= alone.lower
        assert wide.upper >= alone.upper
        assert held.lower <= wide.lower + 1e-12
        assert held.upper >= wide.upper - 1e-12
        found = paired.difference(candidate, baseline, labels)
        effect = (
            found.standard_error**2 / paired.difference(candidate, baseline).standard_error ** 2
        )
        if effect > 1.05:
            assert (wide.lower, wide.upper) == (held.lower, held.upper)
        narrower += wide.upper - wide.lower < held.upper - held.lower - 1e-9
    assert narrower > 10


def test_clusters_that_happen_to_be_equal_are_read_as_items() -> None:
    """A gain and a loss in each: their sums do not vary, which makes nothing more certain."""
    candidate, baseline = [1.0, 0.0, 1.0] * 8, [0.0, 1.0, 1.0] * 8
    labels = [i // 3 for i in range(24)]
    assert paired.difference(candidate, baseline, labels).standard_error == 0.0
    found = paired.interval(candidate, baseline, labels)
    alone = paired.interval(candidate, baseline)
    assert (found.lower, found.upper) == (alone.lower, alone.upper)
    z = paired.z_statistic(candidate, baseline, labels, null=0.1)
    assert z == paired.z_statistic(candidate, baseline, null=0.1)


@pytest.mark.parametrize("clusters", [2, 4, 5])
def test_few_clusters_are_not_believed_to_be_alike(clusters: int) -> None:
    """Below five equal sums are no evidence: t with an effect of 1, as in the rule before."""
    candidate, baseline = [1.0, 1.0, 0.0] * clusters, [0.0, 1.0, 0.0] * clusters
    labels = [i // 3 for i in range(3 * clusters)]
    wide, held = (
        paired.interval(candidate, baseline, labels, rule=rule)
        for rule in ("wider of two", "held effect")
    )
    assert (wide.lower > held.lower) == (clusters >= 5)


@pytest.mark.parametrize(("losing", "narrower"), [(3, False), (9, False), (10, True)])
def test_few_clusters_that_differ_are_not_believed_to_be_alike(losing: int, narrower: bool) -> None:  # noqa: FBT001
    """One loss in each of a few of twenty clusters says nothing of how alike items are."""
    baseline = [1.0] * 200
    candidate = [float(k % 10 > 0 or k // 10 >= losing) for k in range(200)]
    labels = [k // 10 for k in range(200)]
    wide, held = (
        paired.interval(candidate, baseline, labels, rule=rule)
        for rule in ("wider of two", "held effect")
    )
    assert (wide.lower > held.lower) is narrower
    assert wide.estimate == -losing / 200


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from([0.0, 0.6, 1.0]), st.integers(0, 9)
        ),
        min_size=2,
        max_size=60,
    ),
    kind=st.sampled_from(["binary", "graded", "binary clustered", "graded clustered"]),
    alpha=st.floats(1e-6, 0.3),
    rule=st.sampled_from(get_args(ScoreRule)),
)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_interval_and_z_are_dual_and_antisymmetric(
    rows: list[tuple[float, float, int]], kind: str, alpha: float, rule: ScoreRule
) -> None:
    """|z| is critical at inner ends; exchanging the systems mirrors interval and z."""
    candidate = [float(x > 0.5) if kind.startswith("binary") else x for x, _, _ in rows]
    baseline = [float(x > 0.5) if kind.startswith("binary") else x for _, x, _ in rows]
    labels = [c for _, _, c in rows] if kind.endswith("clustered") else None
    found = paired.interval(candidate, baseline, labels, alpha=alpha, rule=rule)
    mirrored = paired.interval(baseline, candidate, labels, alpha=alpha, rule=rule)
    assert (found.lower, found.upper) == pytest.approx((-mirrored.upper, -mirrored.lower), abs=1e-9)
    assert -1.0 <= found.lower <= found.estimate + 1e-12
    assert found.estimate <= found.upper + 1e-12
    critical = -distributions.normal_quantile(alpha / 2)
    for end in (found.lower, found.upper):
        if -1 + 1e-6 < end < 1 - 1e-6:
            z = paired.z_statistic(candidate, baseline, labels, null=end, rule=rule)
            assert abs(z) == pytest.approx(critical, rel=1e-5)


@given(gains=st.integers(0, 60), losses=st.integers(0, 60))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_mcnemar_matches_statsmodels(gains: int, losses: int) -> None:
    """The exact p-value equals statsmodels'; mid-p is never larger."""
    data = pairs(3, gains, losses, 4)
    found = paired.mcnemar(*data)
    expected = mcnemar([[3, gains], [losses, 4]], exact=True).pvalue if gains + losses else 1.0
    assert found.p_value == pytest.approx(expected, rel=1e-10)
    assert (found.gains, found.losses) == (gains, losses)
    assert paired.mcnemar(*data, mid_p=True).p_value <= found.p_value


def test_mid_p_golden_cavo() -> None:
    """Cavo et al. (2012) in contingencytables: mid-p 0.034690."""
    found = paired.mcnemar(*pairs(59, 6, 16, 80), mid_p=True)
    assert round(found.p_value, 6) == 0.034690


def test_churn_counts_flips_with_wilson_intervals() -> None:
    """Five losses and two gains of 50: shares 10 % and 4 %, Wilson's intervals."""
    found = paired.churn(*pairs(30, 2, 5, 13))
    assert found.right_to_wrong == mean.interval([1.0] * 5 + [0.0] * 45)
    assert found.wrong_to_right.estimate == pytest.approx(0.04)


def test_bad_pairs_are_refused() -> None:
    """Unequal lengths, graded scores for counts, nulls and scores out of range raise."""
    with pytest.raises(ValueError, match="are no pairs"):
        paired.difference([0.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="no right and wrong"):
        paired.mcnemar([0.5], [0.0])
    with pytest.raises(ValueError, match="no right and wrong"):
        paired.churn([0.5], [0.0])
    with pytest.raises(ValueError, match="null 1"):
        paired.z_statistic([0.0, 1.0], [0.0, 1.0], null=1)
    with pytest.raises(ValueError, match="outside"):
        paired.difference([2.0], [0.0])
